#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/xml.h"
#include "rota/base/error.h"
#include "rota/model/change_batch.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"
#include "rota/route53/raw.h"
#include "rota/route53/schema.h"

namespace rota::route53 {
namespace {

constexpr std::int64_t kMaxTtl = 2147483647;

constexpr std::array<std::string_view, 17> kTypes{"SOA",   "A",    "TXT",   "NS",   "CNAME", "MX",
                                                  "NAPTR", "PTR",  "SRV",   "SPF",  "AAAA",  "CAA",
                                                  "DS",    "TLSA", "SSHFP", "SVCB", "HTTPS"};
constexpr std::array<std::string_view, 3> kActions{"CREATE", "DELETE", "UPSERT"};
constexpr std::array<std::string_view, 2> kFailovers{"PRIMARY", "SECONDARY"};

using Text = std::optional<std::string>;

Decoded<AliasTarget> read_alias(const pugi::xml_node& element) {
    constexpr std::array<ElementRule, 3> kRules{
        {{"HostedZoneId", true}, {"DNSName", true}, {"EvaluateTargetHealth", true}}};
    ROTA_CHECK(check_children(element, kRules));
    AliasTarget alias;
    alias.hosted_zone_id =
        ROTA_TRY(bounded_text(aws::xml::child(element, "HostedZoneId"), 0, 32, "ResourceId"));
    alias.dns_name =
        ROTA_TRY(bounded_text(aws::xml::child(element, "DNSName"), 0, 1024, "DNSName"));
    alias.evaluate_target_health =
        ROTA_TRY(boolean(aws::xml::child(element, "EvaluateTargetHealth")));
    return alias;
}

Decoded<std::vector<std::string>> read_values(const pugi::xml_node& list) {
    constexpr std::array<ElementRule, 1> kRules{{{"Value", true}}};
    ROTA_CHECK(check_list(list, "ResourceRecord"));
    std::vector<std::string> values;
    for (pugi::xml_node record = aws::xml::first_element(list); record;
         record = aws::xml::next_element(record)) {
        ROTA_CHECK(check_children(record, kRules));
        values.push_back(ROTA_TRY(bounded_text(aws::xml::first_element(record), 0, 4000, "RData")));
    }
    return values;
}

/// One child of ResourceRecordSet into its field.
Checked read_field(RawRecordSet& into, const pugi::xml_node& node) {
    const std::string_view name = aws::xml::local_name(node);
    if (name == "Name") {
        into.name = ROTA_TRY(bounded_text(node, 0, 1024, "DNSName"));
    } else if (name == "Type") {
        into.type = ROTA_TRY(enumeration(node, kTypes));
    } else if (name == "SetIdentifier") {
        into.set_identifier = ROTA_TRY(bounded_text(node, 1, 128, "ResourceRecordSetIdentifier"));
    } else if (name == "Weight") {
        into.weight = ROTA_TRY(integer(node, 0, 255, "RRWeight"));
    } else if (name == "TTL") {
        into.ttl = ROTA_TRY(integer(node, 0, kMaxTtl, "TTL"));
    } else if (name == "ResourceRecords") {
        into.has_resource_records = true;
        into.values = ROTA_TRY(read_values(node));
    } else if (name == "AliasTarget") {
        into.alias = ROTA_TRY(read_alias(node));
    } else if (name == "Region") {
        into.region = ROTA_TRY(bounded_text(node, 1, 64, "ResourceRecordSetRegion"));
    } else if (name == "Failover") {
        into.failover = ROTA_TRY(enumeration(node, kFailovers));
    } else if (name == "MultiValueAnswer") {
        into.multi_value_answer = ROTA_TRY(boolean(node)) ? "true" : "false";
    } else if (name == "HealthCheckId") {
        into.health_check_id = ROTA_TRY(bounded_text(node, 0, 64, "HealthCheckId"));
    } else if (name == "TrafficPolicyInstanceId") {
        into.traffic_policy_instance_id =
            ROTA_TRY(bounded_text(node, 1, 36, "TrafficPolicyInstanceId"));
    } else {
        read_unkept_field(into, node);
    }
    return {};
}

Decoded<RawRecordSet> read_record_set(const pugi::xml_node& element) {
    constexpr std::array<ElementRule, 15> kRules{{{"Name", true},
                                                  {"Type", true},
                                                  {"SetIdentifier"},
                                                  {"Weight"},
                                                  {"Region"},
                                                  {"GeoLocation"},
                                                  {"Failover"},
                                                  {"MultiValueAnswer"},
                                                  {"TTL"},
                                                  {"ResourceRecords"},
                                                  {"AliasTarget"},
                                                  {"HealthCheckId"},
                                                  {"TrafficPolicyInstanceId"},
                                                  {"CidrRoutingConfig"},
                                                  {"GeoProximityLocation"}}};
    ROTA_CHECK(check_children(element, kRules));
    RawRecordSet record_set;
    for (pugi::xml_node node = aws::xml::first_element(element); node;
         node = aws::xml::next_element(node)) {
        ROTA_CHECK(read_field(record_set, node));
    }
    return record_set;
}

Decoded<RawChange> read_change(const pugi::xml_node& element) {
    constexpr std::array<ElementRule, 2> kRules{{{"Action", true}, {"ResourceRecordSet", true}}};
    ROTA_CHECK(check_children(element, kRules));
    const std::string action = ROTA_TRY(enumeration(aws::xml::child(element, "Action"), kActions));
    RawChange change;
    change.action = action == "CREATE"   ? model::Action::create
                    : action == "DELETE" ? model::Action::del
                                         : model::Action::upsert;
    change.record_set = ROTA_TRY(read_record_set(aws::xml::child(element, "ResourceRecordSet")));
    return change;
}

/// "Change with [Action=…]": how Route 53 names the change that it refuses.
std::string describe(const RawChange& change) {
    constexpr std::array<std::string_view, 3> kNames{"CREATE", "DELETE", "UPSERT"};
    return fmt::format("Change with [Action={}, Name={}, Type={}, SetIdentifier={}]",
                       kNames.at(static_cast<std::size_t>(change.action)), change.record_set.name,
                       change.record_set.type, change.record_set.set_identifier.value_or("null"));
}

std::unexpected<ApiError> invalid_request(std::string_view reason, const RawChange& change) {
    return refuse("InvalidInput",
                  fmt::format("Invalid request: {} in {}", reason, describe(change)));
}

Checked check_payload(const RawChange& change) {
    const RawRecordSet& record_set = change.record_set;
    constexpr std::string_view kChoice =
        "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
        "TrafficPolicyInstanceId], but found";
    const bool has_some_records = record_set.ttl || record_set.has_resource_records;
    const bool has_records = record_set.ttl && record_set.has_resource_records;
    const int found = (record_set.alias ? 1 : 0) + (has_some_records ? 1 : 0) +
                      (record_set.traffic_policy_instance_id ? 1 : 0);
    if (found > 1) {
        return invalid_request(fmt::format("{} more than one", kChoice), change);
    }
    if (found == 0 || (has_some_records && !has_records)) {
        return invalid_request(fmt::format("{} none", kChoice), change);
    }
    return {};
}

Checked check_routing(const RawChange& change) {
    const RawRecordSet& record_set = change.record_set;
    constexpr std::string_view kChoice =
        "Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], "
        "but found";
    const std::array<bool, 7> policies{record_set.weight.has_value(),
                                       record_set.region.has_value(),
                                       record_set.failover.has_value(),
                                       record_set.geo_location.has_value(),
                                       record_set.multi_value_answer.has_value(),
                                       record_set.has_cidr_routing,
                                       record_set.has_geo_proximity};
    const auto found = std::ranges::count(policies, true);
    if (found > 1) {
        return invalid_request(fmt::format("{} more than one", kChoice), change);
    }
    if (found == 0 && record_set.set_identifier) {
        return invalid_request(fmt::format("{} none", kChoice), change);
    }
    if (found == 1 && !record_set.set_identifier) {
        return invalid_request("Missing field 'SetIdentifier'", change);
    }
    return {};
}

Checked check_supported(const RawChange& change) {
    if (const std::string_view feature = unsupported_feature(change.record_set); !feature.empty()) {
        return refuse("InvalidInput",
                      fmt::format("Invalid request: {} is not supported by this server yet, found "
                                  "in {}",
                                  feature, describe(change)));
    }
    return {};
}

Decoded<model::Change> to_model_change(const RawChange& change) {
    ROTA_CHECK(check_payload(change));
    ROTA_CHECK(check_routing(change));
    ROTA_CHECK(check_supported(change));
    if (std::string problem = name_problem(change.record_set.name); !problem.empty()) {
        return refuse("InvalidChangeBatch", std::move(problem));
    }
    auto record_set = to_model(change.record_set);
    if (!record_set) {
        return refuse("InvalidInput", std::move(record_set).error().message);
    }
    return model::Change{change.action, *std::move(record_set)};
}

}  // namespace

std::expected<CreateHostedZoneRequest, ApiError> decode_create_hosted_zone_request(
    std::string_view body) {
    constexpr std::array<ElementRule, 5> kRules{{{"Name", true},
                                                 {"VPC"},
                                                 {"CallerReference", true},
                                                 {"HostedZoneConfig"},
                                                 {"DelegationSetId"}}};
    constexpr std::array<ElementRule, 2> kConfigRules{{{"Comment"}, {"PrivateZone"}}};
    pugi::xml_document document;
    const pugi::xml_node root = ROTA_TRY(open_document(document, body, "CreateHostedZoneRequest"));
    ROTA_CHECK(check_children(root, kRules));
    CreateHostedZoneRequest request;
    request.name = ROTA_TRY(bounded_text(aws::xml::child(root, "Name"), 0, 1024, "DNSName"));
    request.caller_reference =
        ROTA_TRY(bounded_text(aws::xml::child(root, "CallerReference"), 1, 128, "Nonce"));
    request.has_vpc = static_cast<bool>(aws::xml::child(root, "VPC"));
    if (const pugi::xml_node config = aws::xml::child(root, "HostedZoneConfig")) {
        ROTA_CHECK(check_children(config, kConfigRules));
        if (const pugi::xml_node comment = aws::xml::child(config, "Comment")) {
            request.comment = ROTA_TRY(bounded_text(comment, 0, 256, "ResourceDescription"));
        }
        if (const pugi::xml_node is_private = aws::xml::child(config, "PrivateZone")) {
            request.private_zone = ROTA_TRY(boolean(is_private));
        }
    }
    if (const pugi::xml_node delegation_set = aws::xml::child(root, "DelegationSetId")) {
        const std::string id = ROTA_TRY(bounded_text(delegation_set, 0, 32, "ResourceId"));
        request.delegation_set_id = strip_id_prefix(id);
    }
    return request;
}

std::expected<RawChangeBatch, ApiError> decode_raw_change_request(std::string_view body) {
    constexpr std::array<ElementRule, 1> kRootRules{{{"ChangeBatch", true}}};
    constexpr std::array<ElementRule, 2> kBatchRules{{{"Comment"}, {"Changes", true}}};
    pugi::xml_document document;
    const pugi::xml_node root =
        ROTA_TRY(open_document(document, body, "ChangeResourceRecordSetsRequest"));
    ROTA_CHECK(check_children(root, kRootRules));
    const pugi::xml_node batch_element = aws::xml::child(root, "ChangeBatch");
    ROTA_CHECK(check_children(batch_element, kBatchRules));
    RawChangeBatch batch;
    if (const pugi::xml_node comment = aws::xml::child(batch_element, "Comment")) {
        batch.comment = ROTA_TRY(bounded_text(comment, 0, 256, "ResourceDescription"));
    }
    const pugi::xml_node changes = aws::xml::child(batch_element, "Changes");
    ROTA_CHECK(check_list(changes, "Change"));
    for (pugi::xml_node node = aws::xml::first_element(changes); node;
         node = aws::xml::next_element(node)) {
        batch.changes.push_back(ROTA_TRY(read_change(node)));
    }
    return batch;
}

std::expected<model::ChangeBatch, ApiError> decode_change_request(std::string_view body) {
    const RawChangeBatch raw = ROTA_TRY(decode_raw_change_request(body));
    model::ChangeBatch batch;
    batch.comment = raw.comment.value_or("");
    batch.changes.reserve(raw.changes.size());
    for (const RawChange& change : raw.changes) {
        batch.changes.push_back(ROTA_TRY(to_model_change(change)));
    }
    return batch;
}

}  // namespace rota::route53
