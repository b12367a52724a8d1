#include <chrono>
#include <string>

#include <fmt/format.h>

#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::health {
namespace {

Observation judge_answer(const Check& check, const std::string& what,
                         const http::Response& response) {
    if (!check.accepted.contains(response.status)) {
        return {.detail = fmt::format("{} answers {}, not {}", what, response.status,
                                      check.accepted.text())};
    }
    if (!check.body.empty() && !response.body.contains(check.body)) {
        return {.detail = fmt::format("{} answers {} without '{}' in the first {} octets", what,
                                      response.status, check.body, kBodySeen)};
    }
    return {.outcome = Outcome::passed,
            .detail = fmt::format("{} answers {}", what, response.status)};
}

}  // namespace

Observation probe_http(const Check& check, std::chrono::milliseconds timeout) {
    const auto url = http::parse_url(check.target);
    if (!url) {
        return {.detail = url.error().message};
    }
    http::ClientOptions options;  // no proxy: the application is on this machine
    options.connect_timeout = timeout;
    options.total_timeout = timeout;
    options.max_body = kBodySeen;
    options.cut_body = true;
    options.verify_server = false;
    http::Client client{options};
    const http::Request request{.target = url->path + (url->query.empty() ? "" : "?" + url->query),
                                .headers = {{"User-Agent", "rota/" ROTA_VERSION " (health check)"},
                                            {"Connection", "close"}}};
    const auto response = client.send(*url, request);
    if (!response) {
        return {.detail = response.error().message};
    }
    // Without the query, which may hold a secret.
    const std::string what = fmt::format("{}://{}{}", url->scheme, url->authority(), url->path);
    return judge_answer(check, what, *response);
}

}  // namespace rota::health
