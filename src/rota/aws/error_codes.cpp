#include "rota/aws/error_codes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace rota::aws {
namespace {

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
constexpr std::array<std::string_view, 5> kWrongKeys{
    "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException",
    "InvalidAccessKeyId", "AuthFailure"};
constexpr std::array<std::string_view, 3> kWrongClock{"RequestTimeTooSkewed", "RequestExpired",
                                                      "RequestInTheFuture"};

template <std::size_t Size>
bool is_one_of(std::string_view code, const std::array<std::string_view, Size>& codes) noexcept {
    return std::ranges::find(codes, code) != codes.end();
}

}  // namespace

bool asks_for_later_try(std::string_view code) noexcept {
    return is_one_of(code, kTryLater);
}

bool says_expired(std::string_view code) noexcept {
    return is_one_of(code, kExpired);
}

bool says_denied(std::string_view code) noexcept {
    return is_one_of(code, kDenied);
}

bool says_unauthenticated(std::string_view code) noexcept {
    return is_one_of(code, kWrongKeys) || is_one_of(code, kWrongClock) ||
           code == "IncompleteSignature" || code == "MissingAuthenticationToken";
}

bool says_wrong_clock(std::string_view code, std::string_view message) noexcept {
    return message.starts_with("Signature expired") ||
           message.starts_with("Signature not yet current") || is_one_of(code, kWrongClock);
}

bool may_mean_wrong_clock(std::string_view code, std::string_view message) noexcept {
    return says_wrong_clock(code, message) || code == "AuthFailure";
}

std::string_view advice_on_keys(std::string_view code, std::string_view message) noexcept {
    if (says_wrong_clock(code, message)) {
        return "; set this machine's clock";
    }
    return is_one_of(code, kWrongKeys) ? "; check the access key id and its secret"
                                       : std::string_view{};
}

std::string_view partition_of(std::string_view region) noexcept {
    if (region.starts_with("cn-")) {
        return "aws-cn";
    }
    return region.starts_with("us-gov-") ? "aws-us-gov" : "aws";
}

}  // namespace rota::aws
