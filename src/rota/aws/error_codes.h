#pragma once

#include <string_view>

// What the error codes mean that AWS's APIs have in common.
namespace rota::aws {

/// Throttled, or not now: most come with status 400.
bool asks_for_later_try(std::string_view code) noexcept;

/// The session token has run out; with fresh credentials the same request may pass.
bool says_expired(std::string_view code) noexcept;

/// The credentials are known and not allowed to do this.
bool says_denied(std::string_view code) noexcept;

/// The credentials, the signature or the clock are wrong.
bool says_unauthenticated(std::string_view code) noexcept;

/// The signature's time was refused.
bool says_wrong_clock(std::string_view code, std::string_view message) noexcept;

/// The same, or EC2's AuthFailure, which it says of a wrong clock and of wrong keys: then the
/// answer's Date decides.
bool may_mean_wrong_clock(std::string_view code, std::string_view message) noexcept;

/// "; set this machine's clock" and the like, after what the API said; empty when its own words are
/// enough.
std::string_view advice_on_keys(std::string_view code, std::string_view message) noexcept;

/// "aws", "aws-cn" or "aws-us-gov".
std::string_view partition_of(std::string_view region) noexcept;

}  // namespace rota::aws
