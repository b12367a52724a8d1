#include "rota/agent/api_share.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "rota/base/clock.h"

namespace rota::agent {

using std::chrono::milliseconds;

milliseconds api_interval(std::size_t members, const ApiBudget& budget) noexcept {
    constexpr double kMilliseconds = 1000;
    constexpr milliseconds kLongest = std::chrono::hours{24};
    const double rate = budget.requests_per_second * budget.part;
    if (!(rate > 0)) {
        return kLongest;
    }
    const double interval = kMilliseconds * static_cast<double>(std::max<std::size_t>(members, 1));
    return milliseconds{static_cast<milliseconds::rep>(
        std::min(interval / rate, static_cast<double>(kLongest.count())))};
}

void called(ApiShare& share, unsigned calls, std::size_t members, const ApiBudget& budget,
            BootTime now) noexcept {
    constexpr unsigned kMostOwed = 20;
    const milliseconds interval = api_interval(members, budget);
    const BootTime paid = std::max(share.free_at, now) + interval * std::min(calls, kMostOwed);
    share.free_at = std::min(paid, now + interval * kMostOwed);
}

}  // namespace rota::agent
