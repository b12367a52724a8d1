#include "rota/route53/client.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/aws/credentials.h"
#include "rota/aws/error_codes.h"
#include "rota/aws/signing_clock.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

CallError from_error(Error error, bool outcome_unknown = false) {
    CallError call_error;
    call_error.error = std::move(error);
    call_error.outcome_unknown = outcome_unknown;
    return call_error;
}

/// "path?name=value&…": parameters sorted and strictly encoded, empty values left out.
std::string target_of(std::string_view path, http::QueryParameters parameters) {
    std::string target = fmt::format("{}{}", kPathPrefix, path);
    std::ranges::sort(parameters);
    char separator = '?';
    for (const auto& [name, value] : parameters) {
        if (!value.empty()) {
            target += separator;
            target += http::percent_encode(name);
            target += '=';
            target += http::percent_encode(value);
            separator = '&';
        }
    }
    return target;
}

std::string zone_path(std::string_view zone_id) {
    return fmt::format("hostedzone/{}", http::percent_encode(strip_id_prefix(zone_id)));
}

Operation zone_operation(std::string_view name, std::string_view zone_id) {
    return {name, fmt::format("hostedzone/{}", strip_id_prefix(zone_id))};
}

bool blames_clock(const http::Response& response) {
    const ApiError error = decode_error(response.status, response.body);
    return aws::may_mean_wrong_clock(error.code, error.message);
}

}  // namespace

struct Client::Impl {
    Impl(Endpoint where, std::shared_ptr<aws::CredentialProvider> who, http::ClientOptions options)
        : endpoint{std::move(where)},
          url{http::parse_url(endpoint.url)},
          credentials{std::move(who)},
          http{std::move(options)} {}

    /// Goes to the partition that the instance is in, where nobody else named one.
    /// @errors config: Route 53's address there is not known.
    Status settle(const std::string& region) {
        if (endpoint.is_assumed && !region.empty()) {
            ROTA_CHECK(aws::check_region(region, ""));
            const auto clock = endpoint.clock;
            endpoint = choose_endpoint(region, "");
            endpoint.clock = clock;
            url = http::parse_url(endpoint.url);
        }
        return {};
    }

    /// Signs and sends; an answer outside 2xx is an error.
    CallResult<std::string> call(const Operation& operation, std::string method,
                                 std::string_view target, std::string body = {},
                                 http::Headers headers = {}) {
        if (!url) {
            return std::unexpected(from_error(url.error()));
        }
        auto keys = credentials->get(endpoint.clock->now(wall_now()));
        if (!keys) {
            return std::unexpected(from_error(std::move(keys).error()));
        }
        if (const Status settled = settle(keys->region); !settled) {
            return std::unexpected(from_error(settled.error()));
        }
        http::Request request;
        request.method = std::move(method);
        request.target = fmt::format("{}{}", url->base_path(), target);
        request.headers = std::move(headers);
        request.body = std::move(body);
        if (!request.body.empty()) {
            request.headers.emplace_back("Content-Type", "text/xml");
        }
        const aws::Signer signer{
            .keys = *keys, .region = endpoint.signing_region, .service = "route53"};
        auto response =
            aws::send_signed(http, *url, request, signer, *endpoint.clock, blames_clock, timeout);
        if (!response) {
            Error error = std::move(response).error();
            error.message =
                fmt::format("{} at {}: {}", operation.name, endpoint.url, error.message);
            return std::unexpected(from_error(std::move(error), true));
        }
        if (response->status < 200 || response->status > 299) {
            return std::unexpected(refused(operation, *response));
        }
        was_expired = false;
        return std::move(response->body);
    }

    /// The same, and reads the answer with `decode`.
    template <typename T>
    CallResult<T> call_and_read(Result<T> (*decode)(std::string_view), const Operation& operation,
                                std::string method, std::string_view target, std::string body = {},
                                http::Headers headers = {}) {
        auto answer =
            call(operation, std::move(method), target, std::move(body), std::move(headers));
        if (!answer) {
            return std::unexpected(std::move(answer).error());
        }
        auto value = decode(*answer);
        if (!value) {
            Error error = std::move(value).error();
            error.message =
                fmt::format("{} at {}: {}", operation.name, endpoint.url, error.message);
            return std::unexpected(from_error(std::move(error), true));
        }
        return *std::move(value);
    }

    CallError refused(const Operation& operation, const http::Response& response) {
        CallError error =
            explain(operation, endpoint, decode_error(response.status, response.body));
        if (error.api && error.api->request_id.empty()) {
            if (const std::string* id = http::find(response.headers, "x-amzn-RequestId")) {
                error.api->request_id = *id;
            }
        }
        // Only expired credentials are both: what a fresh look-up does not cure stays broken.
        const bool is_expired = error.error.kind == ErrorKind::permission && error.error.retryable;
        if (is_expired) {
            credentials->forget();
            error.error.retryable = !was_expired;
        }
        was_expired = is_expired;
        return error;
    }

    Endpoint endpoint;
    Result<http::Url> url;
    std::shared_ptr<aws::CredentialProvider> credentials;
    http::Client http;
    std::optional<std::chrono::milliseconds> timeout;
    bool was_expired = false;
};

Client::Client(Endpoint endpoint, std::shared_ptr<aws::CredentialProvider> credentials,
               http::ClientOptions options)
    : impl_{std::make_unique<Impl>(std::move(endpoint), std::move(credentials),
                                   std::move(options))} {}

Client::~Client() = default;

void Client::set_call_timeout(std::chrono::milliseconds timeout) {
    impl_->timeout = timeout;
}

CallResult<CreateHostedZoneResponse> Client::create_hosted_zone(
    const CreateHostedZoneRequest& request) {
    return impl_->call_and_read(decode_create_hosted_zone_response, {"CreateHostedZone", ""},
                                "POST", target_of("hostedzone", {}), encode_request(request));
}

CallResult<GetHostedZoneResponse> Client::get_hosted_zone(std::string_view zone_id) {
    return impl_->call_and_read(decode_get_hosted_zone_response,
                                zone_operation("GetHostedZone", zone_id), "GET",
                                target_of(zone_path(zone_id), {}));
}

CallResult<model::ChangeInfo> Client::delete_hosted_zone(std::string_view zone_id) {
    return impl_->call_and_read(decode_change_info_response,
                                zone_operation("DeleteHostedZone", zone_id), "DELETE",
                                target_of(zone_path(zone_id), {}));
}

CallResult<ListHostedZonesResponse> Client::list_hosted_zones(std::string_view marker,
                                                              std::uint32_t max_items) {
    return impl_->call_and_read(decode_list_hosted_zones_response, {"ListHostedZones", ""}, "GET",
                                target_of("hostedzone", {{"marker", std::string{marker}},
                                                         {"maxitems", fmt::to_string(max_items)}}));
}

CallResult<ListHostedZonesByNameResponse> Client::list_hosted_zones_by_name(
    std::string_view dns_name, std::uint32_t max_items) {
    return impl_->call_and_read(
        decode_list_hosted_zones_by_name_response, {"ListHostedZonesByName", ""}, "GET",
        target_of("hostedzonesbyname",
                  {{"dnsname", std::string{dns_name}}, {"maxitems", fmt::to_string(max_items)}}));
}

CallResult<std::uint64_t> Client::get_hosted_zone_count() {
    return impl_->call_and_read(decode_hosted_zone_count_response, {"GetHostedZoneCount", ""},
                                "GET", target_of("hostedzonecount", {}));
}

namespace {

std::string list_target(std::string_view zone_id, const ListRecordSetsRequest& request) {
    return target_of(fmt::format("{}/rrset", zone_path(zone_id)),
                     {{"name", request.name},
                      {"type", request.type},
                      {"identifier", request.identifier},
                      {"maxitems", fmt::to_string(request.max_items)}});
}

std::string change_target(std::string_view zone_id) {
    return target_of(fmt::format("{}/rrset/", zone_path(zone_id)), {});
}

http::Headers headers_of(const ChangeOptions& options) {
    http::Headers headers;
    if (options.keep_members) {
        headers.emplace_back(kKeepMembersHeader, fmt::to_string(*options.keep_members));
    }
    return headers;
}

}  // namespace

CallResult<ListRecordSetsResponse> Client::list_record_sets(std::string_view zone_id,
                                                            const ListRecordSetsRequest& request) {
    return impl_->call_and_read(decode_list_record_sets_response,
                                zone_operation("ListResourceRecordSets", zone_id), "GET",
                                list_target(zone_id, request));
}

CallResult<RawListRecordSetsResponse> Client::list_raw_record_sets(
    std::string_view zone_id, const ListRecordSetsRequest& request) {
    return impl_->call_and_read(decode_raw_list_record_sets_response,
                                zone_operation("ListResourceRecordSets", zone_id), "GET",
                                list_target(zone_id, request));
}

CallResult<model::ChangeInfo> Client::change_record_sets(std::string_view zone_id,
                                                         const model::ChangeBatch& batch,
                                                         const ChangeOptions& options) {
    return impl_->call_and_read(decode_change_info_response,
                                zone_operation("ChangeResourceRecordSets", zone_id), "POST",
                                change_target(zone_id), encode_request(batch), headers_of(options));
}

CallResult<model::ChangeInfo> Client::change_raw_record_sets(std::string_view zone_id,
                                                             const RawChangeBatch& batch,
                                                             const ChangeOptions& options) {
    return impl_->call_and_read(decode_change_info_response,
                                zone_operation("ChangeResourceRecordSets", zone_id), "POST",
                                change_target(zone_id), encode_request(batch), headers_of(options));
}

CallResult<model::ChangeInfo> Client::get_change(std::string_view change_id) {
    const std::string_view id = strip_id_prefix(change_id);
    return impl_->call_and_read(decode_change_info_response,
                                {"GetChange", fmt::format("change/{}", id)}, "GET",
                                target_of(fmt::format("change/{}", http::percent_encode(id)), {}));
}

}  // namespace rota::route53
