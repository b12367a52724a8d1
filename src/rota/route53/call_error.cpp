#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/aws/error_codes.h"
#include "rota/base/error.h"
#include "rota/http/url.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

std::string_view without_full_stop(std::string_view text) noexcept {
    return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

ErrorKind kind_of(const ApiError& api) noexcept {
    const std::string_view code = api.code;
    if (aws::asks_for_later_try(code) || api.status >= 500 || api.status == 429) {
        return ErrorKind::unavailable;
    }
    if (code.starts_with("NoSuch") || (code.starts_with("HTTP ") && api.status == 404)) {
        return ErrorKind::not_found;
    }
    if (aws::says_denied(code) || aws::says_expired(code) || api.status == 401 ||
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
    if (aws::says_denied(api.code)) {
        return fmt::format("; the credentials need the IAM action route53:{} on {}", operation.name,
                           resource_arn(operation, endpoint.signing_region));
    }
    return std::string{aws::advice_on_keys(api.code, api.message)};
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
    endpoint.is_assumed = region.empty() && endpoint_url.empty();
    return endpoint;
}

std::string resource_arn(const Operation& operation, std::string_view signing_region) {
    if (operation.resource.empty()) {
        return "*";
    }
    return fmt::format("arn:{}:route53:::{}", aws::partition_of(signing_region),
                       operation.resource);
}

bool says_too_few_members(const CallError& error) {
    return error.api && error.api->code == "PreconditionFailed";
}

CallError explain(const Operation& operation, const Endpoint& endpoint, ApiError api) {
    CallError error;
    error.error.kind = kind_of(api);
    error.error.retryable =
        error.error.kind == ErrorKind::unavailable || aws::says_expired(api.code);
    error.error.message =
        fmt::format("{}{}{} at {}: {}: {}{}", operation.name,
                    operation.resource.empty() ? "" : " of ", operation.resource, endpoint.url,
                    api.code, without_full_stop(api.message), advice(operation, endpoint, api));
    error.outcome_unknown = api.status >= 500;
    error.api = std::move(api);
    return error;
}

}  // namespace rota::route53
