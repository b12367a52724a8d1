#include "rota/aws/signing_clock.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

/// Less is no reason for a refusal: the window is 5 minutes, the rest is for the way. AWS's SDKs
/// take 4 too.
constexpr minutes kTolerance{4};
/// No API that answers lives before this program, or after its grandchildren.
constexpr sys_days kEarliest{std::chrono::year{2025} / 1 / 1};
constexpr sys_days kLatest{std::chrono::year{2100} / 1 / 1};

bool is_off(WallTime::duration difference) noexcept {
    return std::chrono::abs(difference) > kTolerance;
}

void tell(seconds offset, std::string_view api) {
    if (offset == seconds{0}) {
        log::info("the clock is right again: requests are signed by it", {{"api", api}});
        return;
    }
    log::warning("the clock is wrong: requests are signed by the API's time",
                 {{"api", api},
                  {"clock", fmt::format("{} s {}", std::chrono::abs(offset).count(),
                                        offset < seconds{0} ? "ahead" : "behind")},
                  {"advice", "set this machine's clock (chrony, systemd-timesyncd)"}});
}

}  // namespace

WallTime SigningClock::now(WallTime wall) const noexcept {
    return wall + seconds{offset_.load(std::memory_order_relaxed)};
}

bool SigningClock::learn(WallTime signed_at, std::string_view date, WallTime wall,
                         std::string_view api) {
    const std::optional<WallTime> theirs = parse_http_date(date);
    if (!theirs || *theirs < kEarliest || *theirs >= kLatest || !is_off(*theirs - signed_at)) {
        return false;
    }
    const WallTime::duration ahead = *theirs - wall;
    std::int64_t known = offset_.load(std::memory_order_relaxed);
    // Another thread may have learned the same meanwhile, or the clock was set between the two.
    if (!is_off(ahead - seconds{known})) {
        return true;
    }
    const seconds offset = is_off(ahead) ? std::chrono::round<seconds>(ahead) : seconds{0};
    if (offset_.compare_exchange_strong(known, offset.count(), std::memory_order_relaxed)) {
        tell(offset, api);
    }
    return true;
}

Result<http::Response> send_signed(http::Client& http, const http::Url& url, http::Request& request,
                                   const Signer& signer, SigningClock& clock,
                                   bool (*blames_clock)(const http::Response&),
                                   std::optional<milliseconds> timeout) {
    const BootTime begin = boot_now();
    const WallTime signed_at = clock.now(wall_now());
    sign(request, url.authority(), signer.keys, signer.region, signer.service, signed_at);
    auto response = http.send(url, request, timeout);
    if (!response || response->status < 400 || response->status > 499 || !blames_clock(*response)) {
        return response;
    }
    const std::string* const date = http::find(response->headers, "date");
    if (date == nullptr || !clock.learn(signed_at, *date, wall_now(), url.authority())) {
        return response;
    }
    if (timeout) {
        timeout = *timeout - std::chrono::ceil<milliseconds>(boot_now() - begin);
        if (*timeout <= milliseconds{0}) {
            return response;
        }
    }
    sign(request, url.authority(), signer.keys, signer.region, signer.service,
         clock.now(wall_now()));
    return http.send(url, request, timeout);
}

}  // namespace rota::aws
