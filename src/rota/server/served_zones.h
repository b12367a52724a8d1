#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "rota/api/hosted_zones.h"
#include "rota/api/member_age.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/server/dns_server.h"
#include "rota/server/member_ages.h"
#include "rota/store/store.h"
#include "rota/zone/snapshot.h"

namespace rota::server {

/// What the workers answer from, carried from change to change, and what is known of the members'
/// last answers. One change at a time, as api::HostedZones sees to.
class ServedZones {
public:
    ServedZones(DnsServer& dns, const std::vector<store::StoredZone>& zones);

    /// What to start the name server with.
    [[nodiscard]] const zone::SnapshotPtr& first() const noexcept { return snapshot_; }

    /// How changes reach the name server. It refers to this, as does ages().
    api::Publication publication();
    api::FindAge ages();

    void acknowledge(std::uint64_t generation) { ages_.acknowledge(generation); }

private:
    std::uint64_t publish(zone::SnapshotPtr next, std::string_view zone_id,
                          const model::ZoneDelta& delta);

    DnsServer& dns_;
    zone::SnapshotPtr snapshot_;
    MemberAges ages_;
};

}  // namespace rota::server
