#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/xml.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/base/time_format.h"
#include "rota/dns/name.h"
#include "rota/model/hosted_zone.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"
#include "rota/route53/raw.h"

namespace rota::route53 {
namespace {

constexpr std::size_t kMaxResponse = std::size_t{16} << 20U;

Result<pugi::xml_node> open_document(pugi::xml_document& document, std::string_view body) {
    if (const auto loaded = aws::xml::load(document, body, kMaxResponse); !loaded) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the answer is not an XML document: {}", loaded.error()));
    }
    return document.document_element();
}

Result<pugi::xml_node> open_document(pugi::xml_document& document, std::string_view body,
                                     std::string_view root_name) {
    const pugi::xml_node root = ROTA_TRY(open_document(document, body));
    if (aws::xml::local_name(root) != root_name) {
        return fail(ErrorKind::bad_input, fmt::format("the answer is {}, expected {}",
                                                      aws::xml::local_name(root), root_name));
    }
    return root;
}

Result<pugi::xml_node> required(const pugi::xml_node& parent, std::string_view name) {
    const pugi::xml_node node = aws::xml::child(parent, name);
    if (!node) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the answer's {} has no {}", aws::xml::local_name(parent), name));
    }
    return node;
}

/// The text of a child; empty when it is absent.
std::string text(const pugi::xml_node& parent, std::string_view name) {
    return aws::xml::text_of(aws::xml::child(parent, name));
}

bool flag(const pugi::xml_node& parent, std::string_view name) {
    const std::string value = text(parent, name);
    return value == "true" || value == "1";
}

template <typename Number>
Number number_or(const std::string& digits, Number fallback) {
    return parse_number<Number>(digits).value_or(fallback);
}

Result<dns::Name> domain_name(const std::string& name) {
    auto parsed = dns::Name::parse(name);
    if (!parsed) {
        return fail(ErrorKind::bad_input, fmt::format("the answer has the domain name '{}': {}",
                                                      name, parsed.error().message));
    }
    return parsed;
}

Result<HostedZoneView> read_zone(const pugi::xml_node& element) {
    HostedZoneView view;
    const pugi::xml_node id = ROTA_TRY(required(element, "Id"));
    const std::string id_text = aws::xml::text_of(id);
    view.zone.id = strip_id_prefix(id_text);
    view.zone.name = ROTA_TRY(domain_name(text(element, "Name")));
    view.zone.caller_reference = text(element, "CallerReference");
    const pugi::xml_node config = aws::xml::child(element, "Config");
    view.zone.comment = text(config, "Comment");
    view.zone.private_zone = flag(config, "PrivateZone");
    view.record_set_count = number_or<std::uint64_t>(text(element, "ResourceRecordSetCount"), 0);
    return view;
}

Result<std::vector<HostedZoneView>> read_zones(const pugi::xml_node& root) {
    const pugi::xml_node list = ROTA_TRY(required(root, "HostedZones"));
    std::vector<HostedZoneView> zones;
    for (pugi::xml_node node = aws::xml::first_element(list); node;
         node = aws::xml::next_element(node)) {
        zones.push_back(ROTA_TRY(read_zone(node)));
    }
    return zones;
}

/// The zone with the name servers of the delegation set beside it.
Result<HostedZoneView> read_zone_and_servers(const pugi::xml_node& root) {
    const pugi::xml_node zone = ROTA_TRY(required(root, "HostedZone"));
    HostedZoneView view = ROTA_TRY(read_zone(zone));
    const pugi::xml_node servers =
        aws::xml::child(aws::xml::child(root, "DelegationSet"), "NameServers");
    for (pugi::xml_node node = aws::xml::first_element(servers); node;
         node = aws::xml::next_element(node)) {
        view.zone.name_servers.push_back(ROTA_TRY(domain_name(aws::xml::text_of(node))));
    }
    return view;
}

Result<model::ChangeInfo> read_change_info(const pugi::xml_node& root) {
    const pugi::xml_node element = ROTA_TRY(required(root, "ChangeInfo"));
    const pugi::xml_node id = ROTA_TRY(required(element, "Id"));
    const std::string id_text = aws::xml::text_of(id);
    model::ChangeInfo change;
    change.id = strip_id_prefix(id_text);
    const std::string status = text(element, "Status");
    if (status != "PENDING" && status != "INSYNC") {
        return fail(ErrorKind::bad_input,
                    fmt::format("change {} has the status '{}', expected PENDING or INSYNC",
                                change.id, status));
    }
    change.status = status == "INSYNC" ? model::ChangeStatus::insync : model::ChangeStatus::pending;
    const std::string submitted_at = text(element, "SubmittedAt");
    const std::optional<WallTime> time = parse_rfc3339(submitted_at);
    if (!time) {
        return fail(ErrorKind::bad_input,
                    fmt::format("change {} has SubmittedAt '{}', expected a time in UTC", change.id,
                                submitted_at));
    }
    change.submitted_at = *time;
    change.comment = text(element, "Comment");
    return change;
}

std::optional<std::string> optional_text(const pugi::xml_node& parent, std::string_view name) {
    const pugi::xml_node node = aws::xml::child(parent, name);
    return node ? std::optional{aws::xml::text_of(node)} : std::nullopt;
}

RawRecordSet read_record_set(const pugi::xml_node& element) {
    RawRecordSet record_set;
    record_set.name = text(element, "Name");
    record_set.type = text(element, "Type");
    record_set.set_identifier = optional_text(element, "SetIdentifier");
    record_set.weight = optional_text(element, "Weight");
    record_set.region = optional_text(element, "Region");
    record_set.failover = optional_text(element, "Failover");
    record_set.multi_value_answer = optional_text(element, "MultiValueAnswer");
    record_set.ttl = optional_text(element, "TTL");
    const pugi::xml_node values = aws::xml::child(element, "ResourceRecords");
    record_set.has_resource_records = static_cast<bool>(values);
    for (pugi::xml_node node = aws::xml::first_element(values); node;
         node = aws::xml::next_element(node)) {
        record_set.values.push_back(text(node, "Value"));
    }
    if (const pugi::xml_node alias = aws::xml::child(element, "AliasTarget")) {
        record_set.alias = AliasTarget{text(alias, "HostedZoneId"), text(alias, "DNSName"),
                                       flag(alias, "EvaluateTargetHealth")};
    }
    record_set.health_check_id = optional_text(element, "HealthCheckId");
    record_set.traffic_policy_instance_id = optional_text(element, "TrafficPolicyInstanceId");
    for (const std::string_view name :
         {"GeoLocation", "CidrRoutingConfig", "GeoProximityLocation"}) {
        if (const pugi::xml_node node = aws::xml::child(element, name)) {
            read_unkept_field(record_set, node);
        }
    }
    return record_set;
}

}  // namespace

Result<CreateHostedZoneResponse> decode_create_hosted_zone_response(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root = ROTA_TRY(open_document(document, body, "CreateHostedZoneResponse"));
    CreateHostedZoneResponse response;
    response.zone = ROTA_TRY(read_zone_and_servers(root));
    response.change = ROTA_TRY(read_change_info(root));
    return response;
}

Result<GetHostedZoneResponse> decode_get_hosted_zone_response(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root = ROTA_TRY(open_document(document, body, "GetHostedZoneResponse"));
    return GetHostedZoneResponse{ROTA_TRY(read_zone_and_servers(root))};
}

Result<ListHostedZonesResponse> decode_list_hosted_zones_response(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root = ROTA_TRY(open_document(document, body, "ListHostedZonesResponse"));
    ListHostedZonesResponse response;
    response.zones = ROTA_TRY(read_zones(root));
    response.marker = text(root, "Marker");
    response.is_truncated = flag(root, "IsTruncated");
    response.next_marker = text(root, "NextMarker");
    response.max_items = number_or(text(root, "MaxItems"), response.max_items);
    return response;
}

Result<ListHostedZonesByNameResponse> decode_list_hosted_zones_by_name_response(
    std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root =
        ROTA_TRY(open_document(document, body, "ListHostedZonesByNameResponse"));
    ListHostedZonesByNameResponse response;
    response.zones = ROTA_TRY(read_zones(root));
    response.dns_name = text(root, "DNSName");
    const std::string zone_id = text(root, "HostedZoneId");
    response.hosted_zone_id = strip_id_prefix(zone_id);
    response.is_truncated = flag(root, "IsTruncated");
    response.next_dns_name = text(root, "NextDNSName");
    const std::string next_zone_id = text(root, "NextHostedZoneId");
    response.next_hosted_zone_id = strip_id_prefix(next_zone_id);
    response.max_items = number_or(text(root, "MaxItems"), response.max_items);
    return response;
}

Result<RawListRecordSetsResponse> decode_raw_list_record_sets_response(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root =
        ROTA_TRY(open_document(document, body, "ListResourceRecordSetsResponse"));
    const pugi::xml_node list = ROTA_TRY(required(root, "ResourceRecordSets"));
    RawListRecordSetsResponse response;
    for (pugi::xml_node node = aws::xml::first_element(list); node;
         node = aws::xml::next_element(node)) {
        response.record_sets.push_back(read_record_set(node));
    }
    response.is_truncated = flag(root, "IsTruncated");
    response.next_name = text(root, "NextRecordName");
    response.next_type = text(root, "NextRecordType");
    response.next_identifier = text(root, "NextRecordIdentifier");
    response.max_items = number_or(text(root, "MaxItems"), response.max_items);
    return response;
}

Result<ListRecordSetsResponse> decode_list_record_sets_response(std::string_view body) {
    RawListRecordSetsResponse raw = ROTA_TRY(decode_raw_list_record_sets_response(body));
    ListRecordSetsResponse response;
    for (RawRecordSet& record_set : raw.record_sets) {
        if (auto known = to_model(record_set)) {
            response.record_sets.push_back(*std::move(known));
        } else {
            response.unsupported.push_back(std::move(record_set));
        }
    }
    response.is_truncated = raw.is_truncated;
    response.next_name = std::move(raw.next_name);
    response.next_type = std::move(raw.next_type);
    response.next_identifier = std::move(raw.next_identifier);
    response.max_items = raw.max_items;
    return response;
}

Result<std::uint64_t> decode_hosted_zone_count_response(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root =
        ROTA_TRY(open_document(document, body, "GetHostedZoneCountResponse"));
    const pugi::xml_node count = ROTA_TRY(required(root, "HostedZoneCount"));
    const std::string digits = aws::xml::text_of(count);
    constexpr std::uint64_t kNone = UINT64_MAX;
    const auto value = number_or(digits, kNone);
    if (value == kNone) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the answer has the HostedZoneCount '{}'", digits));
    }
    return value;
}

Result<model::ChangeInfo> decode_change_info_response(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root = ROTA_TRY(open_document(document, body));
    return read_change_info(root);
}

}  // namespace rota::route53
