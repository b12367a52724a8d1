#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/guarded.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/route53/messages.h"
#include "rota/store/store.h"

// The Route 53 API without its HTTP: every hosted zone in memory, the store under it, the name
// server behind it. A change is planned against memory, written and synced to the disk, applied to
// memory, published; one change at a time does so, while reads go on.
namespace rota::api {

template <typename T>
using Answer = std::expected<T, route53::ApiError>;

/// How a durable change reaches the name server. Each call gives the generation of the snapshot
/// that holds the change; calls never overlap.
struct Publication {
    std::function<std::uint64_t(const model::HostedZone&, const model::RecordSets&)> add;
    std::function<std::uint64_t(const model::HostedZone&, const model::RecordSets& after,
                                const model::ZoneDelta&)>
        change;
    std::function<std::uint64_t(const model::HostedZone&)> remove;
};

struct ListHostedZonesRequest {
    std::string marker;
    std::size_t max_items = 100;
    bool private_only = false;
};

struct ListHostedZonesByNameRequest {
    std::string dns_name;
    std::string hosted_zone_id;
    std::size_t max_items = 100;
};

struct ZoneTotals {
    std::size_t zones = 0;
    std::size_t record_sets = 0;
    std::size_t pending_changes = 0;
    std::uint64_t changes = 0;  ///< accepted since the start
};

/// What a change did, for the answer and for the log.
struct AcceptedChange {
    model::ChangeInfo info;
    model::HostedZone zone;
};

/// Safe to call from any thread.
class HostedZones {
public:
    /// @param name_servers  of zones made from now on; at least one.
    /// @param max_record_sets  of a zone.
    HostedZones(store::Store& store, std::vector<store::StoredZone> loaded, Publication publication,
                std::vector<dns::Name> name_servers, std::size_t max_record_sets);

    HostedZones(const HostedZones&) = delete;
    HostedZones& operator=(const HostedZones&) = delete;
    HostedZones(HostedZones&&) = delete;
    HostedZones& operator=(HostedZones&&) = delete;
    ~HostedZones() = default;

    /// Every worker answers from at least this generation: the changes in it are INSYNC.
    void acknowledge(std::uint64_t generation) noexcept;

    /// Zone ids come bare ("Z…"), without "/hostedzone/"; change ids likewise.
    /// @errors the codes, statuses and messages of Route 53; 503 ServiceUnavailable when the disk
    /// refuses.
    Answer<AcceptedChange> create(const route53::CreateHostedZoneRequest& request, WallTime now);
    Answer<AcceptedChange> remove(std::string_view id, WallTime now);
    /// @param keep_members  refuses the batch (400 PreconditionFailed) when a rota that it takes
    /// members from would hold fewer; judged with the batch, so no other change comes between.
    Answer<AcceptedChange> change(std::string_view id, const model::ChangeBatch& batch,
                                  std::optional<std::uint32_t> keep_members, WallTime now);

    [[nodiscard]] Answer<route53::HostedZoneView> get(std::string_view id) const;
    [[nodiscard]] route53::ListHostedZonesResponse list(
        const ListHostedZonesRequest& request) const;
    [[nodiscard]] Answer<route53::ListHostedZonesByNameResponse> list_by_name(
        const ListHostedZonesByNameRequest& request) const;
    [[nodiscard]] Answer<route53::ListRecordSetsResponse> list_record_sets(
        std::string_view id, const route53::ListRecordSetsRequest& request) const;
    /// The set identifiers of a rota's members, in order; empty when there is no such rota.
    [[nodiscard]] Answer<std::vector<std::string>> members(std::string_view id,
                                                           const dns::Name& name,
                                                           dns::Type type) const;
    [[nodiscard]] Answer<model::ChangeInfo> find_change(std::string_view id) const;

    [[nodiscard]] ZoneTotals totals() const;

private:
    struct Zone {
        model::HostedZone zone;
        model::RecordSets record_sets;
    };

    struct RecentChange {
        model::ChangeInfo info;
        std::uint64_t generation = 0;
    };

    Zone* find(std::string_view id);
    [[nodiscard]] const Zone* find(std::string_view id) const;
    [[nodiscard]] Answer<dns::Name> check_new(
        const route53::CreateHostedZoneRequest& request) const;
    void remember(const model::ChangeInfo& info, std::uint64_t generation);

    store::Store& store_;
    Publication publication_;
    std::vector<dns::Name> name_servers_;
    std::size_t max_record_sets_;

    /// Held for the whole of a change: its plan, its fsync, its publication.
    std::mutex changing_;
    /// Guards the maps. Only the holder of changing_ writes them, so it may read them without.
    mutable std::shared_mutex reading_;
    std::map<std::string, Zone, std::less<>> zones_;
    std::set<std::pair<dns::Name, std::string>> by_name_;
    std::set<std::string> caller_references_;

    /// Changes that not every worker had acknowledged when last looked at; the store has the rest.
    Guarded<std::map<std::string, RecentChange, std::less<>>> recent_;
    std::atomic<std::uint64_t> acknowledged_{0};
    std::atomic<std::uint64_t> changes_{0};
};

}  // namespace rota::api
