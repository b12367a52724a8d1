#include "rota/route53/rota_client.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/aws/credentials.h"
#include "rota/aws/error_codes.h"
#include "rota/aws/signing_clock.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"
#include "rota/route53/client.h"
#include "rota/route53/codec.h"

namespace rota::route53 {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::string_view kPrefix = "/rota/v1/";

milliseconds from_seconds(const json& value) {
    constexpr double kMost = 1e12;
    return milliseconds{
        static_cast<std::int64_t>(std::clamp(value.get<double>(), -kMost, kMost) * 1000)};
}

std::optional<double> number(const json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? std::nullopt
                                                     : std::optional{found->get<double>()};
}

MemberAge age_from(const json& body) {
    MemberAge age;
    age.is_gone = body.at("state") == "gone";
    age.insync = body.at("insync").get<bool>();
    if (const json& since = body.at("last_answered_seconds_ago"); !since.is_null()) {
        age.since_last_answer = from_seconds(since);
    }
    age.largest_ttl = std::chrono::seconds{body.at("largest_ttl").get<std::uint32_t>()};
    age.watched_since = from_seconds(body.at("watched_since_seconds"));
    age.authoritative_for_all_answers = body.at("authoritative_for_all_answers").get<bool>();
    return age;
}

RotaReport report_from(const json& body) {
    RotaReport rota;
    rota.members = body.at("members").get<std::size_t>();
    rota.reporting = body.at("reporting").get<std::size_t>();
    rota.mean_utilisation = number(body, "mean_utilisation");
    for (const json& one : body.at("reports")) {
        rota.reports.push_back({.set_identifier = one.at("set_identifier").get<std::string>(),
                                .age = from_seconds(one.at("age_seconds")),
                                .load = {.utilisation = number(one, "utilisation"),
                                         .requests_per_second = number(one, "requests_per_second"),
                                         .errors_per_second = number(one, "errors_per_second"),
                                         .in_flight = number(one, "in_flight"),
                                         .in_service_seconds = number(one, "in_service_seconds"),
                                         .draining = one.value("draining", false)}});
    }
    return rota;
}

LeaseList leases_from(const json& body) {
    LeaseList list;
    list.server_uptime = from_seconds(body.at("server_uptime_seconds"));
    for (const json& one : body.at("leases")) {
        auto name = dns::Name::parse(one.at("name").get<std::string>());
        const auto type = dns::type_from_string(one.at("type").get<std::string>());
        if (!name || !type) {
            continue;  // a later version's
        }
        MemberLease lease{.name = *std::move(name),
                          .type = *type,
                          .set_identifier = one.at("set_identifier").get<std::string>(),
                          .is_held = one.at("held").get<bool>(),
                          .expires_in = from_seconds(one.at("expires_in_seconds")),
                          .is_draining = one.value("draining", false),
                          .probe = std::nullopt};
        if (const auto probe = one.find("probe"); probe != one.end() && !probe->is_null()) {
            const auto path = probe->find("path");
            lease.probe = ProbeTarget{
                probe->at("port").get<std::uint16_t>(),
                path == probe->end() || path->is_null() ? "" : path->get<std::string>()};
        }
        list.leases.push_back(std::move(lease));
    }
    return list;
}

void put(json& object, const char* name, const std::optional<double>& value) {
    if (value) {
        object[name] = *value;
    }
}

std::string to_json(const MemberId& member, const Heartbeat& heartbeat) {
    json body{{"zone", strip_id_prefix(member.zone_id)},
              {"name", member.name.to_text()},
              {"type", dns::to_string(member.type)},
              {"set_identifier", member.set_identifier},
              {"lease_seconds", heartbeat.lease.count()}};
    if (heartbeat.probe) {
        body["probe"]["port"] = heartbeat.probe->port;
        if (!heartbeat.probe->path.empty()) {
            body["probe"]["path"] = heartbeat.probe->path;
        }
    }
    if (heartbeat.load) {
        json load{{"draining", heartbeat.load->draining}};
        put(load, "utilisation", heartbeat.load->utilisation);
        put(load, "requests_per_second", heartbeat.load->requests_per_second);
        put(load, "errors_per_second", heartbeat.load->errors_per_second);
        put(load, "in_flight", heartbeat.load->in_flight);
        put(load, "in_service_seconds", heartbeat.load->in_service_seconds);
        body["load"] = std::move(load);
    }
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// @param parameters  in alphabetical order.
std::string target_of(std::string_view resource, const http::QueryParameters& parameters) {
    std::string target = fmt::format("{}{}", kPrefix, resource);
    char separator = '?';
    for (const auto& [name, value] : parameters) {
        target += fmt::format("{}{}={}", separator, name, http::percent_encode(value));
        separator = '&';
    }
    return target;
}

RotaCallError from_error(Error error) {
    return {.error = std::move(error), .code = {}, .is_unsupported = false};
}

ErrorKind kind_of(int status) {
    switch (status) {
        case 401:
        case 403:
            return ErrorKind::permission;
        case 404:
            return ErrorKind::not_found;
        default:
            return status >= 500 || status == 429 ? ErrorKind::unavailable : ErrorKind::bad_input;
    }
}

/// A text of an error's JSON; empty where there is none.
std::string text_of(const json& body, const char* name) {
    const auto found = body.is_object() ? body.find(name) : body.end();
    return body.is_object() && found != body.end() && found->is_string() ? found->get<std::string>()
                                                                         : std::string{};
}

bool blames_clock(const http::Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    return aws::may_mean_wrong_clock(text_of(body, "code"), text_of(body, "message"));
}

/// What an answer outside 2xx means. Ours are JSON with a code; any other answer that is no passing
/// trouble shows that the endpoint does not know these paths.
RotaCallError refusal(std::string_view what, std::string_view url, const http::Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    RotaCallError error;
    error.code = text_of(body, "code");
    const bool is_passing = response.status >= 500 && response.status != 501;
    error.is_unsupported =
        error.code == "NoSuchResource" ||
        (error.code.empty() && !is_passing && response.status != 429 && response.status != 408);
    error.error.kind = kind_of(response.status);
    error.error.retryable = error.error.kind == ErrorKind::unavailable && !error.is_unsupported;
    error.error.message =
        error.is_unsupported
            ? fmt::format("{} at {}: status {}: this endpoint is no rota serve, or an older one",
                          what, url, response.status)
            : fmt::format(
                  "{} at {}: {}: {}", what, url,
                  error.code.empty() ? fmt::format("status {}", response.status) : error.code,
                  text_of(body, "message"));
    return error;
}

}  // namespace

std::optional<milliseconds> left_to_drain(const MemberAge& age, std::chrono::seconds margin) {
    const milliseconds floor = age.largest_ttl + margin;
    if (!age.is_gone || !age.insync || !age.authoritative_for_all_answers ||
        age.watched_since < floor) {
        return std::nullopt;
    }
    return age.since_last_answer ? std::max(floor - *age.since_last_answer, milliseconds{0})
                                 : milliseconds{0};
}

struct RotaClient::Impl {
    Impl(Endpoint where, std::shared_ptr<aws::CredentialProvider> who, http::ClientOptions options)
        : endpoint{std::move(where)},
          url{http::parse_url(endpoint.url)},
          credentials{std::move(who)},
          http{std::move(options)} {}

    /// @param read  makes the value of the answer's JSON; may throw nlohmann's exceptions.
    template <typename T>
    RotaResult<T> call(std::string_view what, std::string method, const std::string& target,
                       std::string body, T (*read)(const json&)) {
        auto response = send(what, std::move(method), target, std::move(body));
        if (!response) {
            return std::unexpected(from_error(std::move(response).error()));
        }
        if (response->status < 200 || response->status > 299) {
            RotaCallError error = refusal(what, endpoint.url, *response);
            if (error.error.kind == ErrorKind::permission) {
                credentials->forget();
            }
            return std::unexpected(std::move(error));
        }
        try {
            return read(json::parse(response->body));
        } catch (const json::exception& problem) {
            return std::unexpected(from_error({ErrorKind::bad_input,
                                               fmt::format("{} at {}: cannot read the answer: {}",
                                                           what, endpoint.url, problem.what()),
                                               false}));
        }
    }

    Result<http::Response> send(std::string_view what, std::string method,
                                const std::string& target, std::string body) {
        if (!url) {
            return std::unexpected(url.error());
        }
        const aws::Credentials keys = ROTA_TRY(credentials->get(endpoint.clock->now(wall_now())));
        http::Request request;
        request.method = std::move(method);
        request.target = fmt::format("{}{}", url->base_path(), target);
        request.body = std::move(body);
        if (!request.body.empty()) {
            request.headers.emplace_back("Content-Type", "application/json");
        }
        const aws::Signer signer{
            .keys = keys, .region = endpoint.signing_region, .service = "route53"};
        auto response =
            aws::send_signed(http, *url, request, signer, *endpoint.clock, blames_clock, timeout);
        if (!response) {
            response.error().message =
                fmt::format("{} at {}: {}", what, endpoint.url, response.error().message);
        }
        return response;
    }

    Endpoint endpoint;
    Result<http::Url> url;
    std::shared_ptr<aws::CredentialProvider> credentials;
    http::Client http;
    std::optional<milliseconds> timeout;
};

RotaClient::RotaClient(Endpoint endpoint, std::shared_ptr<aws::CredentialProvider> credentials,
                       http::ClientOptions options)
    : impl_{std::make_unique<Impl>(std::move(endpoint), std::move(credentials),
                                   std::move(options))} {}

RotaClient::~RotaClient() = default;

void RotaClient::set_call_timeout(milliseconds timeout) {
    impl_->timeout = timeout;
}

RotaResult<MemberAge> RotaClient::age(const MemberId& member) {
    return impl_->call("age of a member", "GET",
                       target_of("ages", {{"name", member.name.to_text()},
                                          {"set-identifier", member.set_identifier},
                                          {"type", std::string{dns::to_string(member.type)}},
                                          {"zone", std::string{strip_id_prefix(member.zone_id)}}}),
                       {}, age_from);
}

RotaResult<RotaReport> RotaClient::heartbeat(const MemberId& member, const Heartbeat& heartbeat) {
    return impl_->call("heartbeat", "POST", target_of("heartbeats", {}), to_json(member, heartbeat),
                       report_from);
}

RotaResult<LeaseList> RotaClient::leases(std::string_view zone_id, const dns::Name& name,
                                         dns::Type type) {
    return impl_->call("leases", "GET",
                       target_of("leases", {{"name", name.to_text()},
                                            {"type", std::string{dns::to_string(type)}},
                                            {"zone", std::string{strip_id_prefix(zone_id)}}}),
                       {}, leases_from);
}

}  // namespace rota::route53
