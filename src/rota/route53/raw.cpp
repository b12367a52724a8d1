#include "rota/route53/raw.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/xml.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    const auto name_a = dns::Name::parse(a);
    const auto name_b = dns::Name::parse(b);
    return name_a && name_b ? *name_a == *name_b : a == b;
}

bool same_number(const std::optional<std::string>& a, const std::optional<std::string>& b) {
    if (!a || !b) {
        return a.has_value() == b.has_value();
    }
    const auto number_a = parse_number<std::uint32_t>(*a);
    const auto number_b = parse_number<std::uint32_t>(*b);
    return number_a && number_b ? *number_a == *number_b : *a == *b;
}

/// The values as octets where they can be read, else as they are; sorted.
std::vector<std::string> canonical_values(const RawRecordSet& record_set) {
    const std::optional<dns::Type> type = dns::type_from_string(record_set.type);
    std::vector<std::string> values;
    for (const std::string& value : record_set.values) {
        const auto octets =
            type ? dns::rdata_from_text(*type, value) : fail(ErrorKind::bad_input, "unknown type");
        values.push_back(octets ? std::string(octets->begin(), octets->end()) : value);
    }
    std::ranges::sort(values);
    return values;
}

bool same_alias(const std::optional<AliasTarget>& a, const std::optional<AliasTarget>& b) {
    if (!a || !b) {
        return a.has_value() == b.has_value();
    }
    return strip_id_prefix(a->hosted_zone_id) == strip_id_prefix(b->hosted_zone_id) &&
           same_name(a->dns_name, b->dns_name) &&
           a->evaluate_target_health == b->evaluate_target_health;
}

}  // namespace

bool is_same(const RawRecordSet& a, const RawRecordSet& b) {
    const bool same_key = same_name(a.name, b.name) && a.type == b.type &&
                          a.set_identifier.value_or("") == b.set_identifier.value_or("");
    const bool same_policy = same_number(a.weight, b.weight) && a.region == b.region &&
                             a.geo_location == b.geo_location && a.failover == b.failover &&
                             a.multi_value_answer == b.multi_value_answer &&
                             a.has_cidr_routing == b.has_cidr_routing &&
                             a.has_geo_proximity == b.has_geo_proximity;
    return same_key && same_policy && same_number(a.ttl, b.ttl) && same_alias(a.alias, b.alias) &&
           a.health_check_id == b.health_check_id &&
           a.traffic_policy_instance_id == b.traffic_policy_instance_id &&
           canonical_values(a) == canonical_values(b);
}

std::string_view unsupported_feature(const RawRecordSet& record_set) noexcept {
    if (record_set.alias) {
        return "AliasTarget";
    }
    if (record_set.region) {
        return "Region";
    }
    if (record_set.failover) {
        return "Failover";
    }
    if (record_set.geo_location) {
        return "GeoLocation";
    }
    if (record_set.multi_value_answer) {
        return "MultiValueAnswer";
    }
    if (record_set.health_check_id) {
        return "HealthCheckId";
    }
    if (record_set.traffic_policy_instance_id) {
        return "TrafficPolicyInstanceId";
    }
    if (record_set.has_cidr_routing) {
        return "CidrRoutingConfig";
    }
    if (record_set.has_geo_proximity) {
        return "GeoProximityLocation";
    }
    return {};
}

Result<model::RecordSet> to_model(const RawRecordSet& raw) {
    if (const std::string_view feature = unsupported_feature(raw); !feature.empty()) {
        return fail(ErrorKind::bad_input, fmt::format("record set {} {} uses {}, which rota does "
                                                      "not know yet",
                                                      raw.name, raw.type, feature));
    }
    model::RecordSet record_set;
    record_set.name = ROTA_TRY(dns::Name::parse(raw.name));
    const std::optional<dns::Type> type = dns::type_from_string(raw.type);
    if (!type) {
        return fail(ErrorKind::bad_input,
                    fmt::format("record set {} has the unknown type {}", raw.name, raw.type));
    }
    record_set.type = *type;
    record_set.set_identifier = raw.set_identifier.value_or("");
    if (raw.weight.has_value() == record_set.set_identifier.empty()) {
        return fail(ErrorKind::bad_input,
                    fmt::format("record set {} {} has a weight or a set identifier without the "
                                "other",
                                raw.name, raw.type));
    }
    if (raw.weight) {
        const auto weight = parse_number<std::uint8_t>(*raw.weight);
        if (!weight) {
            return fail(ErrorKind::bad_input, fmt::format("record set {} {} has the weight '{}'",
                                                          raw.name, raw.type, *raw.weight));
        }
        record_set.routing = model::WeightedRouting{*weight};
    }
    const auto ttl = parse_number<std::uint32_t>(raw.ttl.value_or(""));
    if (!ttl) {
        return fail(ErrorKind::bad_input, fmt::format("record set {} {} has the TTL '{}'", raw.name,
                                                      raw.type, raw.ttl.value_or("")));
    }
    record_set.ttl = *ttl;
    record_set.values = raw.values;
    return record_set;
}

void read_unkept_field(RawRecordSet& into, const pugi::xml_node& element) {
    const std::string_view name = aws::xml::local_name(element);
    if (name == "CidrRoutingConfig") {
        into.has_cidr_routing = true;
    } else if (name == "GeoProximityLocation") {
        into.has_geo_proximity = true;
    } else if (name == "GeoLocation") {
        std::string parts;
        for (pugi::xml_node part = aws::xml::first_element(element); part;
             part = aws::xml::next_element(part)) {
            parts += fmt::format("{}{}={}", parts.empty() ? "" : ",", aws::xml::local_name(part),
                                 aws::xml::text_of(part));
        }
        into.geo_location = std::move(parts);
    }
}

}  // namespace rota::route53
