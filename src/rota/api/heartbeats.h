#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "rota/api/hosted_zones.h"
#include "rota/api/leases.h"
#include "rota/api/rota_api.h"
#include "rota/base/clock.h"
#include "rota/http/url.h"

namespace rota::api {

/// POST /rota/v1/heartbeats: renews a member's lease and tells its rota's load.
/// @errors 400 InvalidInput; 404 NoSuchHostedZone, NoSuchRecordSet; 413.
std::expected<std::string, JsonError> take_heartbeat(const HostedZones& zones, Leases& leases,
                                                     std::string_view body, BootTime now);

/// GET /rota/v1/leases?zone=…[&name=…[&type=…]]: every member that ever held one.
/// @errors 400 InvalidInput; 404 NoSuchHostedZone.
std::expected<std::string, JsonError> list_leases(const HostedZones& zones, const Leases& leases,
                                                  const http::QueryParameters& query,
                                                  BootTime started, BootTime now);

}  // namespace rota::api
