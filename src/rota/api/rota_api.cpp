#include "rota/api/rota_api.h"

#include <algorithm>
#include <array>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/api/ages.h"
#include "rota/api/heartbeats.h"
#include "rota/api/hosted_zones.h"
#include "rota/api/leases.h"
#include "rota/api/member_age.h"
#include "rota/base/clock.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::api {
namespace {

struct Route {
    std::string_view resource;
    std::string_view method;
    std::string_view operation;  ///< as the metrics name it
};

constexpr std::array kRoutes{Route{"ages", "GET", "GetAge"},
                             Route{"heartbeats", "POST", "Heartbeat"},
                             Route{"leases", "GET", "ListLeases"}};

http::Response json(int status, std::string body) {
    return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

http::Response to_response(std::expected<std::string, JsonError> body) {
    return body ? json(200, *std::move(body)) : json_error(body.error());
}

}  // namespace

http::Response json_error(const JsonError& error) {
    nlohmann::ordered_json body;
    body["code"] = error.code;
    body["message"] = error.message;
    // Whatever a client sent comes back as text: what is no UTF-8 in it is replaced.
    return json(error.status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

RotaApi::RotaApi(const HostedZones& zones, Leases& leases, FindAge find_age)
    : zones_{zones}, leases_{leases}, started_{boot_now()}, find_age_{std::move(find_age)} {}

http::Response RotaApi::answer(const http::Request& request, std::string_view path,
                               std::string_view query, std::string& operation) {
    std::string_view resource = path.substr(kRotaApiPrefix.size());
    while (resource.ends_with('/')) {
        resource.remove_suffix(1);
    }
    const auto* const route = std::ranges::find(kRoutes, resource, &Route::resource);
    if (route == kRoutes.end()) {
        return json_error({404, "NoSuchResource",
                           fmt::format("There is no {}; under {} there are ages, heartbeats and "
                                       "leases",
                                       path, kRotaApiPrefix)});
    }
    operation = route->operation;
    if (request.method != route->method) {
        http::Response refusal =
            json_error({405, "MethodNotAllowed", fmt::format("{} takes {}", path, route->method)});
        refusal.headers.emplace_back("Allow", route->method);
        return refusal;
    }
    const auto parameters = http::parse_query(query);
    if (!parameters) {
        return json_error({400, "InvalidInput", parameters.error().message});
    }
    if (resource == "heartbeats") {
        return to_response(take_heartbeat(zones_, leases_, request.body, boot_now()));
    }
    if (resource == "leases") {
        return to_response(list_leases(zones_, leases_, *parameters, started_, boot_now()));
    }
    return to_response(get_age(zones_, find_age_, *parameters));
}

}  // namespace rota::api
