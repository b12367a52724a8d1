#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rota/aws/credentials.h"
#include "rota/aws/signing_clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/model/change_batch.h"
#include "rota/route53/messages.h"

namespace rota::route53 {

/// Where the API is and how requests to it are signed.
struct Endpoint {
    std::string url;  ///< "https://route53.amazonaws.com" or what AWS_ENDPOINT_URL_ROUTE_53 says
    std::string signing_region;  ///< the partition's: us-east-1, us-gov-west-1, cn-northwest-1
    /// Nothing names a region: the credentials of an instance's role may.
    bool is_assumed = false;
    /// The time there; copies share what was learned.
    std::shared_ptr<aws::SigningClock> clock = std::make_shared<aws::SigningClock>();
};

/// By partition of `region` ("cn-…" → China, "us-gov-…" → GovCloud, else aws), unless
/// `endpoint_url` is set. Without either it is assumed: a client then follows the region of the
/// instance whose role's credentials it has.
Endpoint choose_endpoint(std::string_view region, std::string_view endpoint_url);

/// True for Amazon's own, in any partition; everything else may be a `rota serve`.
bool is_amazons(const Endpoint& endpoint);

/// One call's failure: what the transport or the API said. `error.retryable` covers Throttling,
/// PriorRequestNotComplete, 5xx, timeouts and lost connections; permission errors name the IAM
/// action and the resource.
struct CallError {
    Error error;
    std::optional<ApiError> api;  ///< set when the API answered
    /// True when the request may have been carried out all the same: its answer was lost or the
    /// server failed. The next try must then take "already exists" or "was not found" for success.
    bool outcome_unknown = false;
};

/// True when `rota serve` made no change because a rota would have lost too many members.
bool says_too_few_members(const CallError& error);

template <typename T>
using CallResult = std::expected<T, CallError>;

/// One API operation on one resource: what permission errors name.
struct Operation {
    std::string_view name;  ///< "ChangeResourceRecordSets"
    std::string resource;   ///< "hostedzone/Z123", "change/C123"; empty for "*"
};

/// The resource's ARN in the partition that the endpoint's region is in, "*" for no resource.
std::string resource_arn(const Operation& operation, std::string_view signing_region);

/// What an error answer means to the caller. ExpiredToken is retryable here; the client allows one
/// such retry.
CallError explain(const Operation& operation, const Endpoint& endpoint, ApiError api);

/// What a change asks for besides its batch.
struct ChangeOptions {
    /// The fewest members that every rota must hold from which the batch deletes one or sets one to
    /// weight 0, else PreconditionFailed and no change; at least 1. `rota serve` sees to it
    /// exactly, Route 53 ignores it.
    std::optional<std::uint32_t> keep_members = std::nullopt;
};

/// One request, one answer: no retries here (retry.h has them). One thread at a time.
class Client {
public:
    Client(Endpoint endpoint, std::shared_ptr<aws::CredentialProvider> credentials,
           http::ClientOptions options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    Client(Client&&) = delete;
    Client& operator=(Client&&) = delete;

    CallResult<CreateHostedZoneResponse> create_hosted_zone(const CreateHostedZoneRequest& request);
    CallResult<GetHostedZoneResponse> get_hosted_zone(std::string_view zone_id);
    CallResult<model::ChangeInfo> delete_hosted_zone(std::string_view zone_id);
    CallResult<ListHostedZonesResponse> list_hosted_zones(std::string_view marker,
                                                          std::uint32_t max_items);
    CallResult<ListHostedZonesByNameResponse> list_hosted_zones_by_name(std::string_view dns_name,
                                                                        std::uint32_t max_items);
    CallResult<ListRecordSetsResponse> list_record_sets(std::string_view zone_id,
                                                        const ListRecordSetsRequest& request);
    CallResult<model::ChangeInfo> change_record_sets(std::string_view zone_id,
                                                     const model::ChangeBatch& batch,
                                                     const ChangeOptions& options = {});
    CallResult<model::ChangeInfo> get_change(std::string_view change_id);
    CallResult<std::uint64_t> get_hosted_zone_count();

    /// As list_record_sets and change_record_sets, for what the model cannot hold.
    CallResult<RawListRecordSetsResponse> list_raw_record_sets(
        std::string_view zone_id, const ListRecordSetsRequest& request);
    CallResult<model::ChangeInfo> change_raw_record_sets(std::string_view zone_id,
                                                         const RawChangeBatch& batch,
                                                         const ChangeOptions& options = {});

    /// Limits the next calls: each ends by then at the latest.
    void set_call_timeout(std::chrono::milliseconds timeout);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::route53
