#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rota/api/hosted_zones.h"
#include "rota/api/routes.h"
#include "rota/base/clock.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/http/url.h"

namespace rota::api {

/// An authenticated request and what is known about it.
struct Call {
    const http::Request& request;
    const http::Peer& peer;
    const Match& match;
    const http::QueryParameters& query;
    std::string_view key_id;  ///< who signed it
    WallTime now;
};

/// Does what a request asks for: reads its body, changes or lists the zones, writes the answer.
/// Every change that is accepted is one log line. @errors Route 53's, unsupported operations
/// included.
Answer<http::Response> perform(HostedZones& zones, const Call& call);

}  // namespace rota::api
