#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rota/dns/name.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/messages.h"

// One value of each message, as the golden files under tests/golden/route53 have them.
namespace rota::route53::samples {

/// A golden file without its last newline.
std::string golden(const std::string& name);
dns::Name name(std::string_view text);
model::RecordSet weighted(std::string_view owner, std::string_view identifier, std::uint8_t weight,
                          std::string_view address);
model::ChangeBatch batch();
model::ChangeInfo change(model::ChangeStatus status);
HostedZoneView zone();
HostedZoneView zone_and_servers();
HostedZoneView private_zone();
ListHostedZonesResponse zones();
ListHostedZonesByNameResponse zones_by_name();
ListRecordSetsResponse record_sets();
ApiError throttled();
ApiError invalid_batch();
RawChangeBatch alias_batch();

}  // namespace rota::route53::samples
