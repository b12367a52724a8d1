#include "rota/api/router.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/api/hosted_zones.h"
#include "rota/api/identifiers.h"
#include "rota/api/metrics.h"
#include "rota/api/operations.h"
#include "rota/api/rota_api.h"
#include "rota/api/routes.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/log.h"
#include "rota/base/metrics.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/http/url.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::api {
namespace {

constexpr std::string_view kRequestIdHeader = "x-amzn-RequestId";

http::Response plain(int status, std::string body) {
    return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

http::Response error_response(route53::ApiError error) {
    error.request_id = new_request_id();
    const int status = error.status;
    http::Response response{status, {{"Content-Type", "text/xml"}}, route53::encode_error(error)};
    response.headers.emplace_back(kRequestIdHeader, error.request_id);
    return response;
}

http::Response error_response(int status, std::string code, std::string message) {
    return error_response({status, std::move(code), std::move(message), {}, {}});
}

}  // namespace

Router::Router(HostedZones& zones, RotaApi& own, Authenticate authenticate,
               std::function<void(MetricsText&)> write_metrics)
    : zones_{zones},
      own_{own},
      authenticate_{std::move(authenticate)},
      write_metrics_{std::move(write_metrics)},
      started_at_{wall_now()} {}

http::Response Router::handle(const http::Request& request, const http::Peer& peer) {
    std::string operation;
    http::Response response = answer(request, peer, wall_now(), operation);
    requests_.count(operation, response.status);
    if (http::find(response.headers, kRequestIdHeader) == nullptr) {
        response.headers.emplace_back(kRequestIdHeader, new_request_id());
    }
    return response;
}

http::Response Router::answer(const http::Request& request, const http::Peer& peer, WallTime now,
                              std::string& operation) {
    const std::string_view target = request.target;
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query =
        path.size() < target.size() ? target.substr(path.size() + 1) : std::string_view{};
    const bool is_health = path == "/healthz" || path == "/healthz/";
    if (is_health || path == "/metrics" || path == "/metrics/") {
        operation = is_health ? "healthz" : "metrics";
        if (request.method != "GET" && request.method != "HEAD") {
            http::Response refusal = plain(405, fmt::format("{} takes GET and HEAD\n", path));
            refusal.headers.emplace_back("Allow", "GET, HEAD");
            return refusal;
        }
        return is_health ? plain(200, "ok\n") : metrics();  // the server leaves HEAD's body out
    }
    operation = "unknown";
    const bool is_own = path.starts_with(kRotaApiPrefix);
    const auto who = authenticate_(request, now);
    if (!who) {
        const aws::AuthError& error = who.error();
        log::debug("request refused",
                   {{"from", peer.address}, {"code", error.code}, {"why", error.message}});
        return is_own ? json_error({error.status, error.code, error.message})
                      : error_response(error.status, error.code, error.message);
    }
    if (is_own) {
        return own_.answer(request, path, query, operation);
    }
    const auto match = api::match(request.method, path);
    if (!match) {
        return error_response(404, "UnknownOperationException",
                              fmt::format("No operation of the Route 53 API 2013-04-01 is a {} of "
                                          "{}.",
                                          request.method, path));
    }
    operation = match->name;
    const auto parameters = http::parse_query(query);
    if (!parameters) {
        return error_response(400, "InvalidInput", parameters.error().message);
    }
    auto response = perform(zones_, {request, peer, *match, *parameters, *who, now});
    if (!response) {
        return error_response(std::move(response).error());
    }
    return std::move(*response);
}

http::Response Router::refuse_malformed(int status) {
    requests_.count("malformed", status);
    switch (status) {
        case 408:
            return error_response(status, "RequestTimeout", "The request did not arrive in time.");
        case 413:
            return error_response(status, "RequestEntityTooLarge",
                                  "The body of the request is larger than this server takes.");
        case 431:
            return error_response(status, "RequestHeaderSectionTooLarge",
                                  "The header of the request is larger than this server takes.");
        default:
            return error_response(status, "MalformedRequest",
                                  "What was sent cannot be read as an HTTP/1.1 request.");
    }
}

http::Response Router::metrics() const {
    MetricsText out;
    out.family("rota_build_info", MetricsText::Type::gauge, "Always 1; the labels say what runs.");
    out.sample({{"version", ROTA_VERSION}}, std::uint64_t{1});
    const ZoneTotals totals = zones_.totals();
    out.gauge("rota_zones", "Hosted zones.", totals.zones);
    out.gauge("rota_record_sets", "Record sets in all hosted zones.", totals.record_sets);
    out.counter("rota_changes_total", "Changes accepted since the start.", totals.changes);
    out.gauge("rota_changes_pending", "Changes that not every worker answers with yet.",
              totals.pending_changes);
    requests_.write(out);
    write_metrics_(out);
    write_process_metrics(out, started_at_);
    http::Response response = plain(200, out.text());
    response.headers.front().second = "text/plain; version=0.0.4; charset=utf-8";
    return response;
}

}  // namespace rota::api
