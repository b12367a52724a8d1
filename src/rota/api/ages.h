#pragma once

#include <expected>
#include <string>

#include "rota/api/hosted_zones.h"
#include "rota/api/member_age.h"
#include "rota/api/rota_api.h"
#include "rota/http/url.h"

namespace rota::api {

/// GET /rota/v1/ages?zone=…&name=…&type=…&set-identifier=…: the body of the answer.
/// @errors 400 InvalidInput; 404 NoSuchHostedZone, NoSuchRecordSet.
std::expected<std::string, JsonError> get_age(const HostedZones& zones, const FindAge& find_age,
                                              const http::QueryParameters& query);

}  // namespace rota::api
