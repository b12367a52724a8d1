#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/http/url.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

/// Codes that ask for a later try; most come with status 400.
constexpr std::array<std::string_view, 10> kTryLater{"Throttling",
                                                     "ThrottlingException",
                                                     "ThrottledException",
                                                     "RequestThrottled",
                                                     "RequestThrottledException",
                                                     "RequestLimitExceeded",
                                                     "TooManyRequestsException",
                                                     "PriorRequestNotComplete",
                                                     "ServiceUnavailable",
                                                     "ServiceUnavailableException"};
constexpr std::array<std::string_view, 3> kExpired{"ExpiredToken", "ExpiredTokenException",
                                                   "TokenRefreshRequired"};
constexpr std::array<std::string_view, 5> kDenied{"AccessDenied", "AccessDeniedException",
                                                  "UnauthorizedOperation", "NotAuthorizedException",
                                                  "UnauthorizedAccess"};

template <std::size_t Size>
bool is_one_of(std::string_view code, const std::array<std::string_view, Size>& codes) noexcept {
    return std::ranges::find(codes, code) != codes.end();
}

std::string_view partition(std::string_view region) noexcept {
    if (region.starts_with("cn-")) {
        return "aws-cn";
    }
    return region.starts_with("us-gov-") ? "aws-us-gov" : "aws";
}

std::string_view without_full_stop(std::string_view text) noexcept {
    return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

ErrorKind kind_of(const ApiError& api) noexcept {
    const std::string_view code = api.code;
    if (is_one_of(code, kTryLater) || api.status >= 500 || api.status == 429) {
        return ErrorKind::unavailable;
    }
    if (code.starts_with("NoSuch") || (code.starts_with("HTTP ") && api.status == 404)) {
        return ErrorKind::not_found;
    }
    if (is_one_of(code, kDenied) || is_one_of(code, kExpired) || api.status == 401 ||
        api.status == 403 || code == "IncompleteSignature" ||
        code == "MissingAuthenticationToken") {
        return ErrorKind::permission;
    }
    if (code == "InvalidChangeBatch" || code == "PreconditionFailed" ||
        code == "HostedZoneNotEmpty" || code.ends_with("AlreadyExists") ||
        code.starts_with("Conflicting") || api.status == 409) {
        return ErrorKind::conflict;
    }
    return ErrorKind::bad_input;
}

/// What to do about it, after what the API said; empty when its own words are enough.
std::string advice(const Operation& operation, const Endpoint& endpoint, const ApiError& api) {
    if (is_one_of(api.code, kDenied)) {
        return fmt::format("; the credentials need the IAM action route53:{} on {}", operation.name,
                           resource_arn(operation, endpoint.signing_region));
    }
    if (api.message.starts_with("Signature expired") ||
        api.message.starts_with("Signature not yet current") ||
        api.code == "RequestTimeTooSkewed" || api.code == "RequestExpired") {
        return "; set this machine's clock";
    }
    if (api.code == "SignatureDoesNotMatch" || api.code == "InvalidClientTokenId" ||
        api.code == "UnrecognizedClientException" || api.code == "InvalidAccessKeyId") {
        return "; check the access key id and its secret";
    }
    return {};
}

}  // namespace

bool is_amazons(const Endpoint& endpoint) {
    const auto url = http::parse_url(endpoint.url);
    return url &&
           (url->host.ends_with(".amazonaws.com") || url->host.ends_with(".amazonaws.com.cn"));
}

Endpoint choose_endpoint(std::string_view region, std::string_view endpoint_url) {
    Endpoint endpoint;
    if (region.starts_with("cn-")) {
        endpoint = {"https://route53.amazonaws.com.cn", "cn-northwest-1"};
    } else if (region.starts_with("us-gov-")) {
        endpoint = {"https://route53.us-gov.amazonaws.com", "us-gov-west-1"};
    } else {
        endpoint = {"https://route53.amazonaws.com", "us-east-1"};
    }
    if (!endpoint_url.empty()) {
        endpoint.url = endpoint_url;
    }
    return endpoint;
}

std::string resource_arn(const Operation& operation, std::string_view signing_region) {
    if (operation.resource.empty()) {
        return "*";
    }
    return fmt::format("arn:{}:route53:::{}", partition(signing_region), operation.resource);
}

bool says_too_few_members(const CallError& error) {
    return error.api && error.api->code == "PreconditionFailed";
}

CallError explain(const Operation& operation, const Endpoint& endpoint, ApiError api) {
    CallError error;
    error.error.kind = kind_of(api);
    error.error.retryable =
        error.error.kind == ErrorKind::unavailable || is_one_of(api.code, kExpired);
    error.error.message =
        fmt::format("{}{}{} at {}: {}: {}{}", operation.name,
                    operation.resource.empty() ? "" : " of ", operation.resource, endpoint.url,
                    api.code, without_full_stop(api.message), advice(operation, endpoint, api));
    error.outcome_unknown = api.status >= 500;
    error.api = std::move(api);
    return error;
}

}  // namespace rota::route53
