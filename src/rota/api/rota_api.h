#pragma once

#include <string>
#include <string_view>

#include "rota/api/hosted_zones.h"
#include "rota/api/leases.h"
#include "rota/api/member_age.h"
#include "rota/base/clock.h"
#include "rota/http/message.h"

// What `rota serve` offers beyond Route 53's API, for agents and sweepers: the paths under
// /rota/v1/ (docs/api.md), JSON both ways.
namespace rota::api {

inline constexpr std::string_view kRotaApiPrefix = "/rota/v1/";

/// {"code": …, "message": …}
struct JsonError {
    int status = 400;
    std::string code;
    std::string message;
};

http::Response json_error(const JsonError& error);

/// Safe to call from any thread.
class RotaApi {
public:
    RotaApi(const HostedZones& zones, Leases& leases, FindAge find_age);

    /// Answers a request whose signature is good.
    /// @param operation  set to what the request asks for, as the metrics name it.
    http::Response answer(const http::Request& request, std::string_view path,
                          std::string_view query, std::string& operation);

private:
    const HostedZones& zones_;
    Leases& leases_;
    BootTime started_;
    FindAge find_age_;
};

}  // namespace rota::api
