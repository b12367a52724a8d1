#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

// An API refuses signatures that are more than 5 minutes off, and a machine that has just started
// may not know the time yet. A refusal tells the API's time in its Date header, so requests are
// signed by that until the machine's clock is right. AWS's SDKs do the same.
namespace rota::aws {

/// The time that requests to one API are signed with: the machine's clock and what it is off by.
/// Thread-safe.
class SigningClock {
public:
    [[nodiscard]] WallTime now(WallTime wall) const noexcept;

    /// Learns from a refusal that blames the clock; a change is logged. A Date that is none, or is
    /// absurd, teaches nothing.
    /// @param signed_at  what the refused request was signed with.
    /// @param date  the refusal's Date header (RFC 9110 section 5.6.7, IMF-fixdate).
    /// @param wall  the machine's clock when the refusal came.
    /// @param api  where it came from, for the log.
    /// @returns true when the signature's time was indeed the trouble, so that signing anew helps.
    bool learn(WallTime signed_at, std::string_view date, WallTime wall, std::string_view api);

private:
    std::atomic<std::int64_t> offset_{0};  ///< in seconds, the API's time less ours
};

/// Whose key signs, and for which service where.
struct Signer {
    const Credentials& keys;
    std::string_view region;
    std::string_view service;
};

/// Signs a request by `clock` and sends it. Where it is refused and `blames_clock` says so of the
/// answer, the clock learns, and the request is signed anew and sent once more, at once.
/// @param timeout  over both; nothing: the client's own for each.
Result<http::Response> send_signed(http::Client& http, const http::Url& url, http::Request& request,
                                   const Signer& signer, SigningClock& clock,
                                   bool (*blames_clock)(const http::Response&),
                                   std::optional<std::chrono::milliseconds> timeout);

}  // namespace rota::aws
