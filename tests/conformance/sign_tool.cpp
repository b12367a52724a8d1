// Signs, or verifies, one request for tests/conformance: a JSON object a line on standard input,
// one on standard output.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "rota/aws/sigv4.h"
#include "rota/base/time_format.h"

namespace {

using nlohmann::json;

rota::http::Request request_of(const json& text) {
    rota::http::Request request;
    request.method = text.at("method");
    request.target = text.at("target");
    request.body = text.at("body");
    for (const auto& field : text.at("headers")) {
        request.headers.emplace_back(field.at(0), field.at(1));
    }
    return request;
}

json run(const json& text) {
    rota::http::Request request = request_of(text);
    const auto now = rota::parse_basic(text.at("now").get<std::string>()).value();
    const std::string secret = text.at("secret_access_key");
    if (text.at("do") == "sign") {
        rota::aws::sign(request, text.at("host").get<std::string>(),
                        {.access_key_id = text.at("access_key_id"),
                         .secret_access_key = secret,
                         .session_token = text.at("session_token"),
                         .expires = {}},
                        text.at("region").get<std::string>(), text.at("service").get<std::string>(),
                        now);
        return {{"authorization", *rota::http::find(request.headers, "authorization")}};
    }
    const std::string service = text.at("service");
    const auto result = rota::aws::verify(
        request,
        [&](std::string_view id) -> std::optional<std::string> {
            return id == text.at("access_key_id").get<std::string>() ? std::optional{secret}
                                                                     : std::nullopt;
        },
        now, {.service = service, .allow_aws3 = text.value("allow_aws3", false)});
    if (result) {
        return {{"access_key_id", *result}};
    }
    return {{"status", result.error().status},
            {"code", result.error().code},
            {"message", result.error().message}};
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << run(json::parse(line)).dump() << std::endl;
    }
}
