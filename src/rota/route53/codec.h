#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"
#include "rota/model/change_batch.h"
#include "rota/route53/messages.h"

// The XML of the Route 53 API, both directions, for both ends: the client writes requests and reads
// responses, the server reads requests and writes responses. Pure functions; safe to call from any
// thread.
//
// Writing: the namespace of 2013-04-01, the element order of the API's schema, `<?xml
// version="1.0"?>` first. Ids get their prefixes (/hostedzone/, /change/). A character that XML 1.0
// cannot carry becomes U+FFFD: what is written is always well-formed.
//
// Reading: UTF-8 only, no document type, at most 64 levels and 2 MiB (requests) or 16 MiB
// (responses). Requests are held to the schema, but the order of elements is free; responses are
// read leniently (unknown elements are skipped, any namespace).
// @source Route 53 API Reference 2013-04-01; botocore's service-2.json.
namespace rota::route53 {

// --- Requests: written by the client, read by the server ---

std::string encode_request(const CreateHostedZoneRequest& request);
std::string encode_request(const model::ChangeBatch& batch);
std::string encode_request(const RawChangeBatch& batch);

/// @errors MalformedInput (not XML, another root element), InvalidInput (Route 53's words for what
/// the schema refuses). The name is not judged here.
std::expected<CreateHostedZoneRequest, ApiError> decode_create_hosted_zone_request(
    std::string_view body);

/// Reads ChangeResourceRecordSetsRequest, whatever the routing policies in it, as text.
/// @errors MalformedInput, InvalidInput: what the schema refuses.
std::expected<RawChangeBatch, ApiError> decode_raw_change_request(std::string_view body);

/// Reads ChangeResourceRecordSetsRequest into what the server can store.
/// @errors as decode_raw_change_request; InvalidInput for a set identifier without a routing policy
/// and the reverse, for none or more than one of TTL + ResourceRecords and AliasTarget, and for
/// everything that is not supported yet (AliasTarget, HealthCheckId and the policies other than
/// weighted), which it names; InvalidChangeBatch for names that are no domain names. The first
/// reason is given. Limits on numbers of records and the values themselves are model's business.
std::expected<model::ChangeBatch, ApiError> decode_change_request(std::string_view body);

// --- Responses: written by the server, read by the client ---

/// With status 201 and the header Location: https://HOST/2013-04-01/hostedzone/ID.
std::string encode_response(const CreateHostedZoneResponse& response);
std::string encode_response(const GetHostedZoneResponse& response);
std::string encode_response(const ListHostedZonesResponse& response);
std::string encode_response(const ListHostedZonesByNameResponse& response);
std::string encode_response(const ListRecordSetsResponse& response);
std::string encode_hosted_zone_count_response(std::uint64_t count);
std::string encode_delete_hosted_zone_response(const model::ChangeInfo& change);
std::string encode_change_record_sets_response(const model::ChangeInfo& change);
std::string encode_get_change_response(const model::ChangeInfo& change);

/// ErrorResponse. When `messages` is not empty the text is their bracketed list, "[one, two]", and
/// `message` is not looked at. Type is Receiver from status 500 on, else Sender.
std::string encode_error(const ApiError& error);

// All of these: @errors bad_input, naming the element.
Result<CreateHostedZoneResponse> decode_create_hosted_zone_response(std::string_view body);
Result<GetHostedZoneResponse> decode_get_hosted_zone_response(std::string_view body);
Result<ListHostedZonesResponse> decode_list_hosted_zones_response(std::string_view body);
Result<ListHostedZonesByNameResponse> decode_list_hosted_zones_by_name_response(
    std::string_view body);
Result<ListRecordSetsResponse> decode_list_record_sets_response(std::string_view body);
Result<RawListRecordSetsResponse> decode_raw_list_record_sets_response(std::string_view body);
Result<std::uint64_t> decode_hosted_zone_count_response(std::string_view body);
/// The ChangeInfo of DeleteHostedZone, ChangeResourceRecordSets or GetChange.
Result<model::ChangeInfo> decode_change_info_response(std::string_view body);

/// Reads ErrorResponse and the older InvalidChangeBatch document. A body that is neither (a proxy's
/// page, nothing) still gives an error: the code is "HTTP <status>" and the message begins with
/// what the body says.
ApiError decode_error(int status, std::string_view body);

// --- Pieces that the server's and the client's paths need ---

/// "Z123" from "Z123", "/hostedzone/Z123" or "hostedzone/Z123"; the same for change/ and
/// delegationset/.
std::string_view strip_id_prefix(std::string_view id) noexcept;

/// Splits InvalidChangeBatch's "[one, two]" where a known message begins; text without brackets is
/// one message. The texts have commas of their own, so this is the best that can be done.
std::vector<std::string> split_messages(std::string_view text);

/// True when XML 1.0 can carry the text as it is: UTF-8 without control characters other than tab
/// and line ends.
bool is_sendable(std::string_view text) noexcept;

/// True when both say the same: names and numbers by value, record values in any order and in any
/// spelling that gives the same octets.
bool is_same(const RawRecordSet& a, const RawRecordSet& b);

/// Why a text is no domain name, in Route 53's words ("FATAL problem: DomainLabelEmpty (Domain
/// label is empty) encountered with 'a..b'"); empty when it is one.
std::string name_problem(std::string_view name);

}  // namespace rota::route53
