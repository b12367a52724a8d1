#include "rota/server/served_zones.h"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/api/hosted_zones.h"
#include "rota/api/member_age.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/server/dns_server.h"
#include "rota/server/member_ages.h"
#include "rota/store/store.h"
#include "rota/zone/snapshot.h"

namespace rota::server {

namespace {

zone::SnapshotPtr snapshot_of(const std::vector<store::StoredZone>& zones) {
    zone::SnapshotPtr snapshot = zone::empty_snapshot();
    for (const store::StoredZone& stored : zones) {
        snapshot = zone::with_zone(snapshot, stored.zone, stored.record_sets);
    }
    return snapshot;
}

/// CLOCK_MONOTONIC, which the workers mark answers with.
MemberAges::Time now() {
    return std::chrono::duration_cast<MemberAges::Time>(
        std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

ServedZones::ServedZones(DnsServer& dns, const std::vector<store::StoredZone>& zones)
    : dns_{dns},
      snapshot_{snapshot_of(zones)},
      ages_{dns.answer_times(), snapshot_, MemberAges::Limits{}, now()} {}

api::Publication ServedZones::publication() {
    return {
        .add =
            [this](const model::HostedZone& zone, const model::RecordSets& sets) {
                return publish(zone::with_zone(snapshot_, zone, sets), zone.id, {});
            },
        .change =
            [this](const model::HostedZone& zone, const model::RecordSets& after,
                   const model::ZoneDelta& delta) {
                return publish(zone::with_changes(snapshot_, zone, after, delta), zone.id, delta);
            },
        .remove =
            [this](const model::HostedZone& zone) {
                return publish(zone::without_zone(snapshot_, zone), zone.id, {});
            },
    };
}

api::FindAge ServedZones::ages() {
    return [this](std::string_view zone_id, const model::RecordKey& key) {
        return ages_.age(zone_id, key, now());
    };
}

std::uint64_t ServedZones::publish(zone::SnapshotPtr next, std::string_view zone_id,
                                   const model::ZoneDelta& delta) {
    snapshot_ = next;
    return ages_.publish(
        std::move(next), zone_id, delta,
        [this](const zone::SnapshotPtr& snapshot) { return dns_.publish(snapshot); }, now());
}

}  // namespace rota::server
