#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"

// What `rota serve` must not forget: hosted zones, record sets and the changes that made them, in
// one SQLite file, DIR/rota.db. A call that writes returns when the write is durable: one
// transaction, one fsync. The status of a change is not stored: what is in the file is served by
// every worker before a socket answers, so after a restart every change is INSYNC.
namespace rota::store {

struct StoredZone {
    model::HostedZone zone;
    model::RecordSets record_sets;
};

/// How long GetChange knows a change: this long, and never more than so many of them (the oldest
/// go first).
inline constexpr std::chrono::hours kChangesKept{24};
inline constexpr std::size_t kMostChanges = 100'000;

/// Safe to call from any thread; writes wait for each other, reads of changes wait for no write.
class Store {
public:
    /// @param directory  prepared and locked (store/directory.h).
    /// @param most_changes  smaller in tests.
    /// @errors config: the file is not ours, or newer; io, permission.
    static Result<std::unique_ptr<Store>> open(const std::string& directory,
                                               std::size_t most_changes = kMostChanges);

    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    Store(Store&&) = delete;
    Store& operator=(Store&&) = delete;
    ~Store();

    /// Everything, zones in the order in which they were created: of several with one name it
    /// decides which one answers. @errors bad_input: a row that cannot be understood; names it.
    Result<std::vector<StoredZone>> load();

    /// All of these write everything that they are given in one transaction, the change included;
    /// on an error nothing is written.
    /// @errors io (retryable when the disk is full), unavailable.
    Status create_zone(const model::HostedZone& zone, const model::RecordSets& record_sets,
                       const model::ChangeInfo& change);
    Status delete_zone(std::string_view zone_id, const model::ChangeInfo& change);
    Status change_record_sets(std::string_view zone_id, const model::ZoneDelta& delta,
                              const model::ChangeInfo& change);

    /// A change that is still kept, as INSYNC; nothing for other ids.
    Result<std::optional<model::ChangeInfo>> find_change(std::string_view id);

private:
    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::store
