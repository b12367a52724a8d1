#include "rota/zone/snapshot.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/zone/answer.h"
#include "rota/zone/compile.h"
#include "rota/zone/zone.h"

namespace rota::zone {

namespace {

using Zones = std::vector<Snapshot::ZonePtr>;

Zones::iterator find(Zones& zones, std::string_view id) {
    return std::ranges::find_if(zones,
                                [&](const auto& zone) { return zone->identity()->id == id; });
}

}  // namespace

SnapshotPtr empty_snapshot() {
    return std::make_shared<const Snapshot>(Zones{}, 0);
}

SnapshotPtr with_zone(const SnapshotPtr& before, const model::HostedZone& zone,
                      const model::RecordSets& record_sets) {
    Zones zones = before->zones();
    MemberIndex next_member = before->next_member();
    const auto place = find(zones, zone.id);
    const Zone* const old = place == zones.end() ? nullptr : place->get();
    auto compiled = Compiler{zone, record_sets, old, next_member}.whole();
    if (place == zones.end()) {
        zones.push_back(std::move(compiled));
    } else {
        *place = std::move(compiled);
    }
    return std::make_shared<const Snapshot>(std::move(zones), next_member);
}

SnapshotPtr with_changes(const SnapshotPtr& before, const model::HostedZone& zone,
                         const model::RecordSets& after, const model::ZoneDelta& delta) {
    Zones zones = before->zones();
    const auto place = find(zones, zone.id);
    if (place == zones.end()) {
        return with_zone(before, zone, after);
    }
    MemberIndex next_member = before->next_member();
    *place = Compiler{zone, after, place->get(), next_member}.changed(delta);
    return std::make_shared<const Snapshot>(std::move(zones), next_member);
}

SnapshotPtr without_zone(const SnapshotPtr& before, const model::HostedZone& zone) {
    Zones zones = before->zones();
    if (const auto place = find(zones, zone.id); place != zones.end()) {
        zones.erase(place);
    }
    return std::make_shared<const Snapshot>(std::move(zones), before->next_member());
}

}  // namespace rota::zone
