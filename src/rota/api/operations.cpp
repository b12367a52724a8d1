#include "rota/api/operations.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "rota/api/hosted_zones.h"
#include "rota/api/routes.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/text.h"
#include "rota/dns/types.h"
#include "rota/http/message.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::api {
namespace {

http::Response xml(int status, std::string body) {
    return {status, {{"Content-Type", "text/xml"}}, std::move(body)};
}

std::string parameter(const Call& call, std::string_view name) {
    const auto found = std::ranges::find(
        call.query, name, [](const auto& entry) -> std::string_view { return entry.first; });
    return found == call.query.end() ? std::string{} : found->second;
}

/// maxitems: at least 1; more than the API gives at once counts as that many.
Answer<std::size_t> max_items(const Call& call, std::size_t most) {
    const std::string text = parameter(call, "maxitems");
    if (text.empty()) {
        return most;
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    if (error == std::errc::result_out_of_range) {
        return most;
    }
    if (!is_number || value == 0) {
        return std::unexpected(route53::ApiError{
            400,
            "InvalidInput",
            fmt::format("1 validation error detected: Value '{}' at 'maxItems' failed to satisfy "
                        "constraint: Member must be a whole number greater than or equal to 1",
                        text),
            {},
            {}});
    }
    return std::min<std::uint64_t>(value, most);
}

std::string_view id_of(const Call& call) {
    return route53::strip_id_prefix(call.match.variables.front());
}

/// "UPSERT www.example.com. A i-0abc, DELETE …, and 7 more": one log line stays one line.
std::string summary(const model::ChangeBatch& batch) {
    constexpr std::size_t kMostNamed = 3;
    std::string text;
    for (const model::Change& change : batch.changes) {
        if (&change == batch.changes.data() + kMostNamed) {
            fmt::format_to(std::back_inserter(text), ", and {} more",
                           batch.changes.size() - kMostNamed);
            break;
        }
        const model::RecordSet& set = change.record_set;
        fmt::format_to(std::back_inserter(text), "{}{} {} {}{}{}", text.empty() ? "" : ", ",
                       to_string(change.action), set.name.to_text(), dns::to_string(set.type),
                       set.set_identifier.empty() ? "" : " ", set.set_identifier);
    }
    return text;
}

void log_zone_change(std::string_view event, const Call& call, const AcceptedChange& accepted) {
    log::info(event, {{"who", call.key_id},
                      {"from", call.peer.address},
                      {"zone", accepted.zone.name.to_text()},
                      {"zone_id", accepted.zone.id},
                      {"change", accepted.info.id},
                      {"comment", accepted.zone.comment}});
}

Answer<http::Response> create_hosted_zone(HostedZones& zones, const Call& call) {
    const auto request = ROTA_TRY(route53::decode_create_hosted_zone_request(call.request.body));
    const AcceptedChange accepted = ROTA_TRY(zones.create(request, call.now));
    log_zone_change("hosted zone created", call, accepted);
    route53::CreateHostedZoneResponse response;
    response.zone = {accepted.zone, 2};
    response.change = accepted.info;
    http::Response answer = xml(201, route53::encode_response(response));
    const std::string* const host = http::find(call.request.headers, "Host");
    answer.headers.emplace_back(
        "Location", fmt::format("http://{}{}hostedzone/{}", host == nullptr ? "localhost" : *host,
                                route53::kPathPrefix, accepted.zone.id));
    return answer;
}

Answer<http::Response> get_hosted_zone(HostedZones& zones, const Call& call) {
    return xml(200, route53::encode_response(
                        route53::GetHostedZoneResponse{ROTA_TRY(zones.get(id_of(call)))}));
}

Answer<http::Response> list_hosted_zones(HostedZones& zones, const Call& call) {
    if (const std::string set = parameter(call, "delegationsetid"); !set.empty()) {
        return std::unexpected(
            route53::ApiError{400,
                              "NoSuchDelegationSet",
                              fmt::format("No delegation set found with ID: {}", set),
                              {},
                              {}});
    }
    ListHostedZonesRequest request;
    request.marker = route53::strip_id_prefix(parameter(call, "marker"));
    request.max_items = ROTA_TRY(max_items(call, 100));
    request.private_only = parameter(call, "hostedzonetype") == "PrivateHostedZone";
    return xml(200, route53::encode_response(zones.list(request)));
}

Answer<http::Response> list_hosted_zones_by_name(HostedZones& zones, const Call& call) {
    ListHostedZonesByNameRequest request;
    request.dns_name = parameter(call, "dnsname");
    request.hosted_zone_id = route53::strip_id_prefix(parameter(call, "hostedzoneid"));
    request.max_items = ROTA_TRY(max_items(call, 100));
    return xml(200, route53::encode_response(ROTA_TRY(zones.list_by_name(request))));
}

Answer<http::Response> delete_hosted_zone(HostedZones& zones, const Call& call) {
    const AcceptedChange accepted = ROTA_TRY(zones.remove(id_of(call), call.now));
    log_zone_change("hosted zone deleted", call, accepted);
    return xml(200, route53::encode_delete_hosted_zone_response(accepted.info));
}

/// X-Rota-Keep-Members, a whole number from 1 on.
Answer<std::optional<std::uint32_t>> keep_members(const http::Headers& headers) {
    const std::string* const text = http::find(headers, route53::kKeepMembersHeader);
    if (text == nullptr) {
        return std::nullopt;
    }
    const auto given = std::ranges::count_if(headers, [](const auto& field) {
        return http::same_name(field.first, route53::kKeepMembersHeader);
    });
    const auto value = parse_number<std::uint32_t>(*text);
    if (given != 1 || !value || *value == 0) {
        return std::unexpected(route53::ApiError{
            400,
            "InvalidInput",
            fmt::format("The header {} takes one whole number from 1 to "
                        "4294967295, got '{}'{}",
                        route53::kKeepMembersHeader, *text, given == 1 ? "" : " and more"),
            {},
            {}});
    }
    return *value;
}

Answer<http::Response> change_record_sets(HostedZones& zones, const Call& call) {
    const std::string_view id = id_of(call);
    // Whether the zone exists is asked first, as at Route 53: its id may be all that is wrong.
    if (const auto zone = zones.get(id); !zone) {
        return std::unexpected(zone.error());
    }
    const model::ChangeBatch batch = ROTA_TRY(route53::decode_change_request(call.request.body));
    const auto keep = ROTA_TRY(keep_members(call.request.headers));
    const AcceptedChange accepted = ROTA_TRY(zones.change(id, batch, keep, call.now));
    log::info("record sets changed", {{"who", call.key_id},
                                      {"from", call.peer.address},
                                      {"zone", accepted.zone.name.to_text()},
                                      {"zone_id", accepted.zone.id},
                                      {"change", accepted.info.id},
                                      {"what", summary(batch)},
                                      {"comment", batch.comment}});
    return xml(200, route53::encode_change_record_sets_response(accepted.info));
}

Answer<http::Response> list_record_sets(HostedZones& zones, const Call& call) {
    route53::ListRecordSetsRequest request;
    request.name = parameter(call, "name");
    request.type = parameter(call, "type");
    request.identifier = parameter(call, "identifier");
    request.max_items = static_cast<std::uint32_t>(ROTA_TRY(max_items(call, 300)));
    return xml(200,
               route53::encode_response(ROTA_TRY(zones.list_record_sets(id_of(call), request))));
}

Answer<http::Response> get_change(HostedZones& zones, const Call& call) {
    return xml(200, route53::encode_get_change_response(ROTA_TRY(zones.find_change(id_of(call)))));
}

}  // namespace

Answer<http::Response> perform(HostedZones& zones, const Call& call) {
    switch (call.match.operation) {
        case Operation::create_hosted_zone:
            return create_hosted_zone(zones, call);
        case Operation::get_hosted_zone:
            return get_hosted_zone(zones, call);
        case Operation::list_hosted_zones:
            return list_hosted_zones(zones, call);
        case Operation::list_hosted_zones_by_name:
            return list_hosted_zones_by_name(zones, call);
        case Operation::get_hosted_zone_count:
            return xml(200, route53::encode_hosted_zone_count_response(zones.totals().zones));
        case Operation::delete_hosted_zone:
            return delete_hosted_zone(zones, call);
        case Operation::change_record_sets:
            return change_record_sets(zones, call);
        case Operation::list_record_sets:
            return list_record_sets(zones, call);
        case Operation::get_change:
            return get_change(zones, call);
        case Operation::unsupported:
            break;
    }
    return std::unexpected(
        route53::ApiError{501,
                          "NotImplemented",
                          fmt::format("The operation {} is not implemented by rota serve {}.",
                                      call.match.name, ROTA_VERSION),
                          {},
                          {}});
}

}  // namespace rota::api
