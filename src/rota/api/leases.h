#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"

namespace rota::api {

/// How loaded a member says it is; what it does not know is left out.
struct LoadReport {
    std::optional<double> utilisation;  ///< 1 is all that it can carry; may be above
    std::optional<double> requests_per_second;
    std::optional<double> errors_per_second;
    std::optional<double> in_flight;
    std::optional<double> in_service_seconds;
    bool draining = false;
};

/// Where a sweeper may probe a member.
struct Probe {
    std::uint16_t port = 0;
    std::string path;  ///< empty: TCP alone
};

/// What an agent tells in one heartbeat.
struct Heartbeat {
    std::chrono::seconds lease{9};
    std::optional<Probe> probe;
    std::optional<LoadReport> load;
};

/// A member's last heartbeat.
struct Lease {
    BootTime renewed;
    BootTime expires;
    std::optional<Probe> probe;
    std::optional<LoadReport> load;
};

struct LeaseTotals {
    std::size_t held = 0;
    std::uint64_t expired =
        0;  ///< since the start; members that were deleted in time are not in it
};

/// The members' leases and load reports, in memory alone. A lease stays when it has run out, for
/// its member ever held one, and goes with its record set. Safe to call from any thread.
class Leases {
public:
    using Key = std::pair<std::string, model::RecordKey>;  ///< hosted zone, record set

    /// Renews a lease. @param is_member  asked when there are `most` leases already: those are
    /// dropped whose record sets it does not know, and without room nothing is kept.
    /// @returns whether the heartbeat was kept.
    bool renew(const Key& key, Heartbeat heartbeat, BootTime now, std::size_t most,
               const std::function<bool(const Key&)>& is_member);

    /// Drops the leases of record sets that a change deleted.
    void forget(std::string_view zone_id, const model::ZoneDelta& delta, BootTime now);

    /// Of one record set; nothing when it never held one.
    [[nodiscard]] std::optional<Lease> find(const Key& key) const;

    /// Of a zone, in listing order.
    [[nodiscard]] std::vector<std::pair<model::RecordKey, Lease>> of_zone(
        std::string_view zone_id) const;

    LeaseTotals totals(BootTime now);

private:
    struct Entry {
        Lease lease;
        bool is_counted = false;  ///< as run out
    };

    void count_if_run_out(Entry& entry, BootTime now);

    mutable std::mutex mutex_;
    std::map<Key, Entry> entries_;
    std::uint64_t expired_ = 0;
};

/// A rota as its members report it.
struct RotaLoad {
    struct Report {
        std::string set_identifier;
        std::chrono::nanoseconds age{0};
        LoadReport load;
    };

    std::size_t members = 0;
    std::vector<Report> reports;             ///< of members whose lease holds, at most kMostReports
    std::size_t reporting = 0;               ///< all of those
    std::optional<double> mean_utilisation;  ///< of those that tell theirs and do not drain
};

inline constexpr std::size_t kMostReports = 100;

/// Sums up a rota. @param members  its set identifiers.
RotaLoad rota_load(const Leases& leases, std::string_view zone_id, const dns::Name& name,
                   dns::Type type, const std::vector<std::string>& members, BootTime now);

}  // namespace rota::api
