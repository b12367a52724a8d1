#include "rota/api/ages.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/api/hosted_zones.h"
#include "rota/api/member_age.h"
#include "rota/api/rota_api.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/url.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"

namespace rota::api {
namespace {

std::unexpected<JsonError> refuse(int status, std::string code, std::string message) {
    return std::unexpected(JsonError{status, std::move(code), std::move(message)});
}

double in_seconds(std::chrono::milliseconds time) {
    return std::chrono::duration<double>{time}.count();
}

}  // namespace

std::expected<std::string, JsonError> get_age(const HostedZones& zones, const FindAge& find_age,
                                              const http::QueryParameters& query) {
    std::array<std::pair<std::string_view, std::string>, 4> wanted{
        {{"zone", {}}, {"name", {}}, {"type", {}}, {"set-identifier", {}}}};
    for (auto& [name, value] : wanted) {
        const auto found = std::ranges::find(
            query, name, [](const auto& entry) -> std::string_view { return entry.first; });
        if (found == query.end() || found->second.empty()) {
            return refuse(400, "InvalidInput",
                          fmt::format("The parameter '{}' is missing: the age of a member needs "
                                      "zone, name, type and set-identifier",
                                      name));
        }
        value = found->second;
    }
    const std::string zone_id{route53::strip_id_prefix(wanted[0].second)};
    auto name = dns::Name::parse(wanted[1].second);
    if (!name) {
        return refuse(
            400, "InvalidInput",
            fmt::format("'{}' is not a domain name: {}", wanted[1].second, name.error().message));
    }
    const auto type = dns::type_from_string(wanted[2].second);
    if (!type) {
        return refuse(400, "InvalidInput", fmt::format("'{}' is no type", wanted[2].second));
    }
    const auto age = find_age(zone_id, model::RecordKey{*std::move(name), *type, wanted[3].second});
    if (!age) {
        if (const auto zone = zones.get(zone_id); !zone) {
            return refuse(404, zone.error().code, zone.error().message);
        }
        return refuse(404, "NoSuchRecordSet",
                      fmt::format("Zone {} has no member {} of {} {}, and does not remember one",
                                  zone_id, wanted[3].second, wanted[1].second, wanted[2].second));
    }
    nlohmann::ordered_json body;
    body["state"] = age->state == MemberAge::State::present ? "present" : "gone";
    body["insync"] = age->insync;
    body["last_answered_seconds_ago"] = nullptr;
    if (age->since_last_answer) {
        body["last_answered_seconds_ago"] = in_seconds(*age->since_last_answer);
    }
    body["largest_ttl"] = age->largest_ttl.count();
    body["watched_since_seconds"] = in_seconds(age->watched_since);
    body["authoritative_for_all_answers"] = true;
    return body.dump();
}

}  // namespace rota::api
