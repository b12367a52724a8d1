#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/xml.h"
#include "rota/base/time_format.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

void write_values(aws::xml::Writer& out, const std::vector<std::string>& values) {
    out.open("ResourceRecords");
    for (const std::string& value : values) {
        out.open("ResourceRecord");
        out.leaf("Value", value);
        out.close("ResourceRecord");
    }
    out.close("ResourceRecords");
}

void write(aws::xml::Writer& out, const model::RecordSet& record_set) {
    out.open("ResourceRecordSet");
    out.leaf("Name", record_set.name.to_text());
    out.leaf("Type", dns::to_string(record_set.type));
    if (!record_set.set_identifier.empty()) {
        out.leaf("SetIdentifier", record_set.set_identifier);
    }
    if (const auto* weighted = std::get_if<model::WeightedRouting>(&record_set.routing)) {
        out.leaf("Weight", std::uint64_t{weighted->weight});
    }
    out.leaf("TTL", std::uint64_t{record_set.ttl});
    write_values(out, record_set.values);
    out.close("ResourceRecordSet");
}

void write_optional(aws::xml::Writer& out, std::string_view name,
                    const std::optional<std::string>& text) {
    if (text) {
        out.leaf(name, *text);
    }
}

void write(aws::xml::Writer& out, const RawRecordSet& record_set) {
    out.open("ResourceRecordSet");
    out.leaf("Name", record_set.name);
    out.leaf("Type", record_set.type);
    write_optional(out, "SetIdentifier", record_set.set_identifier);
    write_optional(out, "Weight", record_set.weight);
    write_optional(out, "Region", record_set.region);
    write_optional(out, "Failover", record_set.failover);
    write_optional(out, "MultiValueAnswer", record_set.multi_value_answer);
    write_optional(out, "TTL", record_set.ttl);
    if (!record_set.values.empty()) {
        write_values(out, record_set.values);
    }
    if (record_set.alias) {
        out.open("AliasTarget");
        out.leaf("HostedZoneId", strip_id_prefix(record_set.alias->hosted_zone_id));
        out.leaf("DNSName", record_set.alias->dns_name);
        out.leaf_flag("EvaluateTargetHealth", record_set.alias->evaluate_target_health);
        out.close("AliasTarget");
    }
    write_optional(out, "HealthCheckId", record_set.health_check_id);
    write_optional(out, "TrafficPolicyInstanceId", record_set.traffic_policy_instance_id);
    out.close("ResourceRecordSet");
}

template <typename Change>
void write_changes(aws::xml::Writer& out, const std::vector<Change>& changes) {
    out.open("Changes");
    for (const Change& change : changes) {
        out.open("Change");
        out.leaf("Action", to_string(change.action));
        write(out, change.record_set);
        out.close("Change");
    }
    out.close("Changes");
}

void write(aws::xml::Writer& out, const HostedZoneView& view) {
    out.open("HostedZone");
    out.leaf("Id", "/hostedzone/", strip_id_prefix(view.zone.id));
    out.leaf("Name", view.zone.name.to_text());
    out.leaf("CallerReference", view.zone.caller_reference);
    out.open("Config");
    if (!view.zone.comment.empty()) {
        out.leaf("Comment", view.zone.comment);
    }
    out.leaf_flag("PrivateZone", view.zone.private_zone);
    out.close("Config");
    out.leaf("ResourceRecordSetCount", view.record_set_count);
    out.close("HostedZone");
}

/// A private zone has no delegation set, as at Route 53, which writes name servers without the last
/// dot.
void write_delegation_set(aws::xml::Writer& out, const model::HostedZone& zone) {
    if (zone.private_zone || zone.name_servers.empty()) {
        return;
    }
    out.open("DelegationSet");
    out.open("NameServers");
    for (const dns::Name& server : zone.name_servers) {
        out.leaf("NameServer", server.to_text_without_dot());
    }
    out.close("NameServers");
    out.close("DelegationSet");
}

void write(aws::xml::Writer& out, const model::ChangeInfo& change) {
    out.open("ChangeInfo");
    out.leaf("Id", "/change/", strip_id_prefix(change.id));
    out.leaf("Status", change.status == model::ChangeStatus::insync ? std::string_view{"INSYNC"}
                                                                    : std::string_view{"PENDING"});
    out.leaf("SubmittedAt", format_rfc3339_millis(change.submitted_at));
    if (!change.comment.empty()) {
        out.leaf("Comment", change.comment);
    }
    out.close("ChangeInfo");
}

std::string change_info_document(std::string_view root, const model::ChangeInfo& change) {
    aws::xml::Writer out{root, kNamespace};
    write(out, change);
    return std::move(out).finish();
}

void write_zones(aws::xml::Writer& out, const std::vector<HostedZoneView>& zones) {
    out.open("HostedZones");
    for (const HostedZoneView& view : zones) {
        write(out, view);
    }
    out.close("HostedZones");
}

void write_nonempty(aws::xml::Writer& out, std::string_view name, std::string_view text) {
    if (!text.empty()) {
        out.leaf(name, text);
    }
}

}  // namespace

std::string encode_request(const CreateHostedZoneRequest& request) {
    aws::xml::Writer out{"CreateHostedZoneRequest", kNamespace};
    out.leaf("Name", request.name);
    out.leaf("CallerReference", request.caller_reference);
    if (!request.comment.empty() || request.private_zone) {
        out.open("HostedZoneConfig");
        write_nonempty(out, "Comment", request.comment);
        if (request.private_zone) {
            out.leaf_flag("PrivateZone", true);
        }
        out.close("HostedZoneConfig");
    }
    write_nonempty(out, "DelegationSetId", strip_id_prefix(request.delegation_set_id));
    return std::move(out).finish();
}

std::string encode_request(const model::ChangeBatch& batch) {
    aws::xml::Writer out{"ChangeResourceRecordSetsRequest", kNamespace};
    out.open("ChangeBatch");
    write_nonempty(out, "Comment", batch.comment);
    write_changes(out, batch.changes);
    out.close("ChangeBatch");
    return std::move(out).finish();
}

std::string encode_request(const RawChangeBatch& batch) {
    aws::xml::Writer out{"ChangeResourceRecordSetsRequest", kNamespace};
    out.open("ChangeBatch");
    write_optional(out, "Comment", batch.comment);
    write_changes(out, batch.changes);
    out.close("ChangeBatch");
    return std::move(out).finish();
}

std::string encode_response(const CreateHostedZoneResponse& response) {
    aws::xml::Writer out{"CreateHostedZoneResponse", kNamespace};
    write(out, response.zone);
    write(out, response.change);
    write_delegation_set(out, response.zone.zone);
    return std::move(out).finish();
}

std::string encode_response(const GetHostedZoneResponse& response) {
    aws::xml::Writer out{"GetHostedZoneResponse", kNamespace};
    write(out, response.zone);
    write_delegation_set(out, response.zone.zone);
    return std::move(out).finish();
}

std::string encode_response(const ListHostedZonesResponse& response) {
    aws::xml::Writer out{"ListHostedZonesResponse", kNamespace};
    write_zones(out, response.zones);
    write_nonempty(out, "Marker", response.marker);
    out.leaf_flag("IsTruncated", response.is_truncated);
    if (response.is_truncated) {
        out.leaf("NextMarker", response.next_marker);
    }
    out.leaf("MaxItems", std::uint64_t{response.max_items});
    return std::move(out).finish();
}

std::string encode_response(const ListHostedZonesByNameResponse& response) {
    aws::xml::Writer out{"ListHostedZonesByNameResponse", kNamespace};
    write_zones(out, response.zones);
    write_nonempty(out, "DNSName", response.dns_name);
    write_nonempty(out, "HostedZoneId", strip_id_prefix(response.hosted_zone_id));
    out.leaf_flag("IsTruncated", response.is_truncated);
    if (response.is_truncated) {
        out.leaf("NextDNSName", response.next_dns_name);
        out.leaf("NextHostedZoneId", strip_id_prefix(response.next_hosted_zone_id));
    }
    out.leaf("MaxItems", std::uint64_t{response.max_items});
    return std::move(out).finish();
}

std::string encode_response(const ListRecordSetsResponse& response) {
    aws::xml::Writer out{"ListResourceRecordSetsResponse", kNamespace};
    out.open("ResourceRecordSets");
    for (const model::RecordSet& record_set : response.record_sets) {
        write(out, record_set);
    }
    out.close("ResourceRecordSets");
    out.leaf_flag("IsTruncated", response.is_truncated);
    if (response.is_truncated) {
        out.leaf("NextRecordName", response.next_name);
        out.leaf("NextRecordType", response.next_type);
        write_nonempty(out, "NextRecordIdentifier", response.next_identifier);
    }
    out.leaf("MaxItems", std::uint64_t{response.max_items});
    return std::move(out).finish();
}

std::string encode_hosted_zone_count_response(std::uint64_t count) {
    aws::xml::Writer out{"GetHostedZoneCountResponse", kNamespace};
    out.leaf("HostedZoneCount", count);
    return std::move(out).finish();
}

std::string encode_delete_hosted_zone_response(const model::ChangeInfo& change) {
    return change_info_document("DeleteHostedZoneResponse", change);
}

std::string encode_change_record_sets_response(const model::ChangeInfo& change) {
    return change_info_document("ChangeResourceRecordSetsResponse", change);
}

std::string encode_get_change_response(const model::ChangeInfo& change) {
    return change_info_document("GetChangeResponse", change);
}

std::string encode_error(const ApiError& error) {
    aws::xml::Writer out{"ErrorResponse", kNamespace};
    out.open("Error");
    out.leaf("Type",
             error.status >= 500 ? std::string_view{"Receiver"} : std::string_view{"Sender"});
    out.leaf("Code", error.code);
    out.leaf("Message", error.messages.empty()
                            ? error.message
                            : fmt::format("[{}]", fmt::join(error.messages, ", ")));
    out.close("Error");
    out.leaf("RequestId", error.request_id);
    return std::move(out).finish();
}

}  // namespace rota::route53
