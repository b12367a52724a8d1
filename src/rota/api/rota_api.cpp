#include "rota/api/rota_api.h"

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/api/ages.h"
#include "rota/api/hosted_zones.h"
#include "rota/api/member_age.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::api {
namespace {

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

RotaApi::RotaApi(const HostedZones& zones, FindAge find_age)
    : zones_{zones}, find_age_{std::move(find_age)} {}

http::Response RotaApi::answer(const http::Request& request, std::string_view path,
                               std::string_view query, std::string& operation) {
    std::string_view resource = path.substr(kRotaApiPrefix.size());
    while (resource.ends_with('/')) {
        resource.remove_suffix(1);
    }
    if (resource != "ages") {
        return json_error(
            {404, "NoSuchResource",
             fmt::format("There is no {}; the resources under {} are ages", path, kRotaApiPrefix)});
    }
    operation = "GetAge";
    if (request.method != "GET") {
        http::Response refusal =
            json_error({405, "MethodNotAllowed", fmt::format("{} takes GET", path)});
        refusal.headers.emplace_back("Allow", "GET");
        return refusal;
    }
    const auto parameters = http::parse_query(query);
    if (!parameters) {
        return json_error({400, "InvalidInput", parameters.error().message});
    }
    return to_response(get_age(zones_, find_age_, *parameters));
}

}  // namespace rota::api
