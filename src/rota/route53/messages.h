#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"

// The requests and responses of the Route 53 API (2013-04-01) as values; the codec turns them into
// XML and back, from both ends.
namespace rota::route53 {

inline constexpr std::string_view kNamespace = "https://route53.amazonaws.com/doc/2013-04-01/";
inline constexpr std::string_view kPathPrefix = "/2013-04-01/";

/// `rota serve` only, on ChangeResourceRecordSets, signed: after the change every rota that it
/// takes members from must hold at least so many, else PreconditionFailed. Route 53 ignores it.
inline constexpr std::string_view kKeepMembersHeader = "X-Rota-Keep-Members";

/// An error answer. `messages` is InvalidChangeBatch's list; for all other codes it is empty and
/// `message` is the text.
struct ApiError {
    int status = 400;
    std::string code;
    std::string message;
    std::vector<std::string> messages;
    std::string request_id;
};

/// An alias target, which only the client's alias commands send until `rota serve` learns aliases.
struct AliasTarget {
    std::string hosted_zone_id;
    std::string dns_name;
    bool evaluate_target_health = false;
};

/// A record set as the wire can carry it, any policy, everything but the alias flag as text. What
/// `model::RecordSet` cannot hold travels in this form: aliases that the route53 tool sends, other
/// policies that a listing shows.
struct RawRecordSet {
    std::string name;
    std::string type;
    std::optional<std::string> set_identifier;
    std::optional<std::string> weight;
    std::optional<std::string> region;
    std::optional<std::string> geo_location;  ///< "ContinentCode=EU", parts joined by ","
    std::optional<std::string> failover;
    std::optional<std::string> multi_value_answer;
    std::optional<std::string> ttl;
    std::vector<std::string> values;
    std::optional<AliasTarget> alias;
    std::optional<std::string> health_check_id;
    std::optional<std::string> traffic_policy_instance_id;
    bool has_cidr_routing = false;      ///< read only: its content is not kept
    bool has_geo_proximity = false;     ///< read only: its content is not kept
    bool has_resource_records = false;  ///< read only: the element was there, perhaps empty
};

struct RawChange {
    model::Action action = model::Action::create;
    RawRecordSet record_set;
};

struct RawChangeBatch {
    std::optional<std::string> comment;  ///< an empty one is written as an empty element
    std::vector<RawChange> changes;
};

struct CreateHostedZoneRequest {
    std::string name;
    std::string caller_reference;
    std::string comment;
    bool private_zone = false;
    bool has_vpc = false;
    std::string delegation_set_id;
};

/// A zone as the API tells it.
struct HostedZoneView {
    model::HostedZone zone;
    std::uint64_t record_set_count = 0;
};

struct CreateHostedZoneResponse {
    HostedZoneView zone;
    model::ChangeInfo change;
};

struct GetHostedZoneResponse {
    HostedZoneView zone;
};

struct ListHostedZonesResponse {
    std::vector<HostedZoneView> zones;
    std::string marker;
    bool is_truncated = false;
    std::string next_marker;
    std::uint32_t max_items = 100;
};

struct ListHostedZonesByNameResponse {
    std::vector<HostedZoneView> zones;
    std::string dns_name;        ///< echoed
    std::string hosted_zone_id;  ///< echoed
    bool is_truncated = false;
    std::string next_dns_name;
    std::string next_hosted_zone_id;
    std::uint32_t max_items = 100;
};

struct ListRecordSetsRequest {
    std::string name;
    std::string type;
    std::string identifier;
    std::uint32_t max_items = 300;
};

struct ListRecordSetsResponse {
    std::vector<model::RecordSet> record_sets;
    /// Read only: record sets in the answer that the model cannot hold (aliases, other policies,
    /// unknown types). Never written.
    std::vector<RawRecordSet> unsupported;
    bool is_truncated = false;
    std::string next_name;
    std::string next_type;
    std::string next_identifier;
    std::uint32_t max_items = 300;
};

/// As ListRecordSetsResponse, with every record set in the order of the answer.
struct RawListRecordSetsResponse {
    std::vector<RawRecordSet> record_sets;
    bool is_truncated = false;
    std::string next_name;
    std::string next_type;
    std::string next_identifier;
    std::uint32_t max_items = 300;
};

}  // namespace rota::route53
