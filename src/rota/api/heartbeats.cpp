#include "rota/api/heartbeats.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/api/hosted_zones.h"
#include "rota/api/leases.h"
#include "rota/api/rota_api.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/url.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"

namespace rota::api {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

template <typename T>
using Read = std::expected<T, JsonError>;

constexpr std::size_t kLargestBody = 16384;
constexpr std::int64_t kLongestLease = 300;
constexpr std::size_t kLongestPath = 1024;

std::unexpected<JsonError> refuse(int status, std::string code, std::string message) {
    return std::unexpected(JsonError{status, std::move(code), std::move(message)});
}

std::unexpected<JsonError> invalid(std::string message) {
    return refuse(400, "InvalidInput", std::move(message));
}

bool holds(const std::vector<std::string>& members, const std::string& member) {
    return std::ranges::find(members, member) != members.end();
}

/// A member of an object; null when it is missing or null.
const json* member(const json& object, std::string_view name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

Read<std::string> text(const json& object, std::string_view name) {
    const json* const value = member(object, name);
    if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) {
        return invalid(fmt::format("'{}' must be a text that is not empty", name));
    }
    return value->get<std::string>();
}

Read<std::optional<std::int64_t>> whole_number(const json& object, std::string_view name,
                                               std::int64_t least, std::int64_t most) {
    const json* const value = member(object, name);
    if (value == nullptr) {
        return std::nullopt;
    }
    // Above the range of int64 it would wrap, so the number is compared as it was read.
    if (!value->is_number_integer() || *value < least || *value > most) {
        return invalid(fmt::format("'{}' must be a whole number from {} to {}", name, least, most));
    }
    return value->get<std::int64_t>();
}

Read<std::optional<double>> measure(const json& object, std::string_view name) {
    const json* const value = member(object, name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (!value->is_number() || !std::isfinite(value->get<double>()) || value->get<double>() < 0) {
        return invalid(fmt::format("'{}' must be a number from 0 on", name));
    }
    return value->get<double>();
}

Read<std::optional<LoadReport>> read_load(const json& body) {
    const json* const object = member(body, "load");
    if (object == nullptr) {
        return std::nullopt;
    }
    if (!object->is_object()) {
        return invalid("'load' must be an object");
    }
    LoadReport load;
    load.utilisation = ROTA_TRY(measure(*object, "utilisation"));
    load.requests_per_second = ROTA_TRY(measure(*object, "requests_per_second"));
    load.errors_per_second = ROTA_TRY(measure(*object, "errors_per_second"));
    load.in_flight = ROTA_TRY(measure(*object, "in_flight"));
    load.in_service_seconds = ROTA_TRY(measure(*object, "in_service_seconds"));
    if (const json* const draining = member(*object, "draining")) {
        if (!draining->is_boolean()) {
            return invalid("'draining' must be true or false");
        }
        load.draining = draining->get<bool>();
    }
    return load;
}

Read<std::optional<Probe>> read_probe(const json& body) {
    const json* const object = member(body, "probe");
    if (object == nullptr) {
        return std::nullopt;
    }
    if (!object->is_object()) {
        return invalid("'probe' must be an object");
    }
    constexpr std::int64_t kLastPort = 65535;
    const auto port = ROTA_TRY(whole_number(*object, "port", 1, kLastPort));
    if (!port) {
        return invalid("'probe' needs 'port'");
    }
    Probe probe{static_cast<std::uint16_t>(*port), {}};
    if (member(*object, "path") != nullptr) {
        probe.path = ROTA_TRY(text(*object, "path"));
        if (!probe.path.starts_with('/') || probe.path.size() > kLongestPath) {
            return invalid(
                fmt::format("'path' must begin with '/' and have at most {} octets", kLongestPath));
        }
    }
    return probe;
}

struct Place {
    std::string zone_id;
    model::RecordKey key;
};

Read<Place> read_place(const json& body) {
    Place place;
    place.zone_id = route53::strip_id_prefix(ROTA_TRY(text(body, "zone")));
    const std::string name = ROTA_TRY(text(body, "name"));
    auto parsed = dns::Name::parse(name);
    if (!parsed) {
        return invalid(fmt::format("'{}' is not a domain name: {}", name, parsed.error().message));
    }
    place.key.name = *std::move(parsed);
    const std::string type_text = ROTA_TRY(text(body, "type"));
    const auto type = dns::type_from_string(type_text);
    if (!type) {
        return invalid(fmt::format("'{}' is no type", type_text));
    }
    place.key.type = *type;
    place.key.set_identifier = ROTA_TRY(text(body, "set_identifier"));
    return place;
}

ordered_json or_null(const std::optional<double>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

double in_seconds(std::chrono::nanoseconds time) {
    return static_cast<double>(std::chrono::floor<std::chrono::milliseconds>(time).count()) / 1000;
}

std::string to_text(const ordered_json& body) {
    // A set identifier need not be UTF-8 everywhere that it comes from.
    return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string to_text(const RotaLoad& rota, std::chrono::seconds lease) {
    ordered_json body;
    body["lease_seconds"] = lease.count();
    body["members"] = rota.members;
    body["reporting"] = rota.reporting;
    body["mean_utilisation"] = or_null(rota.mean_utilisation);
    body["reports"] = ordered_json::array();
    for (const RotaLoad::Report& report : rota.reports) {
        body["reports"].push_back(
            {{"set_identifier", report.set_identifier},
             {"age_seconds", in_seconds(report.age)},
             {"utilisation", or_null(report.load.utilisation)},
             {"requests_per_second", or_null(report.load.requests_per_second)},
             {"errors_per_second", or_null(report.load.errors_per_second)},
             {"in_flight", or_null(report.load.in_flight)},
             {"in_service_seconds", or_null(report.load.in_service_seconds)},
             {"draining", report.load.draining}});
    }
    return to_text(body);
}

Read<Heartbeat> read_heartbeat(const json& body) {
    Heartbeat heartbeat;
    if (const auto lease = ROTA_TRY(whole_number(body, "lease_seconds", 1, kLongestLease))) {
        heartbeat.lease = std::chrono::seconds{*lease};
    }
    heartbeat.probe = ROTA_TRY(read_probe(body));
    heartbeat.load = ROTA_TRY(read_load(body));
    return heartbeat;
}

}  // namespace

std::expected<std::string, JsonError> take_heartbeat(const HostedZones& zones, Leases& leases,
                                                     std::string_view body, BootTime now) {
    if (body.size() > kLargestBody) {
        return refuse(413, "RequestEntityTooLarge",
                      fmt::format("A heartbeat has at most {} octets", kLargestBody));
    }
    const json parsed = json::parse(body, nullptr, false);
    if (!parsed.is_object()) {
        return invalid("The body must be a JSON object");
    }
    const Place place = ROTA_TRY(read_place(parsed));
    const Heartbeat heartbeat = ROTA_TRY(read_heartbeat(parsed));
    const auto members = zones.members(place.zone_id, place.key.name, place.key.type);
    if (!members) {
        return refuse(members.error().status, members.error().code, members.error().message);
    }
    if (!holds(*members, place.key.set_identifier)) {
        return refuse(404, "NoSuchRecordSet",
                      fmt::format("Zone {} has no member {} of {} {}", place.zone_id,
                                  place.key.set_identifier, place.key.name.to_text(),
                                  dns::to_string(place.key.type)));
    }
    // Bounded by the record sets that there are; who was deleted in this moment makes room.
    leases.renew({place.zone_id, place.key}, heartbeat, now, zones.totals().record_sets,
                 [&](const Leases::Key& key) {
                     const auto there = zones.members(key.first, key.second.name, key.second.type);
                     return there && holds(*there, key.second.set_identifier);
                 });
    return to_text(rota_load(leases, place.zone_id, place.key.name, place.key.type, *members, now),
                   heartbeat.lease);
}

std::expected<std::string, JsonError> list_leases(const HostedZones& zones, const Leases& leases,
                                                  const http::QueryParameters& query,
                                                  BootTime started, BootTime now) {
    const auto parameter = [&](std::string_view name) {
        const auto found = std::ranges::find(
            query, name, [](const auto& entry) -> std::string_view { return entry.first; });
        return found == query.end() ? std::string{} : found->second;
    };
    const std::string zone_id{route53::strip_id_prefix(parameter("zone"))};
    if (zone_id.empty()) {
        return invalid("The parameter 'zone' is missing");
    }
    if (const auto zone = zones.get(zone_id); !zone) {
        return refuse(zone.error().status, zone.error().code, zone.error().message);
    }
    const std::string name = parameter("name");
    const std::string type = parameter("type");
    const auto wanted_name = dns::Name::parse(name.empty() ? "." : name);
    if (!wanted_name) {
        return invalid(
            fmt::format("'{}' is not a domain name: {}", name, wanted_name.error().message));
    }
    const auto wanted_type = dns::type_from_string(type.empty() ? "A" : type);
    if (!wanted_type) {
        return invalid(fmt::format("'{}' is no type", type));
    }
    ordered_json body;
    body["server_uptime_seconds"] = in_seconds(now - started);
    body["leases"] = ordered_json::array();
    for (const auto& [key, lease] : leases.of_zone(zone_id)) {
        if ((!name.empty() && key.name != *wanted_name) ||
            (!type.empty() && key.type != *wanted_type)) {
            continue;
        }
        ordered_json probe = nullptr;
        if (lease.probe) {
            probe = {{"port", lease.probe->port},
                     {"path", lease.probe->path.empty() ? ordered_json(nullptr)
                                                        : ordered_json(lease.probe->path)}};
        }
        body["leases"].push_back({{"name", key.name.to_text()},
                                  {"type", dns::to_string(key.type)},
                                  {"set_identifier", key.set_identifier},
                                  {"held", lease.expires > now},
                                  {"expires_in_seconds", in_seconds(lease.expires - now)},
                                  {"draining", lease.load && lease.load->draining},
                                  {"probe", std::move(probe)}});
    }
    return to_text(body);
}

}  // namespace rota::api
