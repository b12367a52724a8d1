#include "rota/agent/plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace rota::agent {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// A clock beyond this is no clock; sums of a few stay far from an overflow.
constexpr seconds kLongest = hours{24 * 365};

/// Two renewals may be lost and the third is in time.
constexpr int kHeartbeatsATimeout = 3;
/// @source Auto Scaling API Reference, PutLifecycleHook: "The range is from 30 to 7200 seconds".
constexpr seconds kShortestHeartbeat{30};
/// Often enough to notice soon that the hook was completed by somebody else.
constexpr seconds kSlowestHeartbeat{300};

/// What people write as a TTL; a suggestion is one of them where one fits.
constexpr std::array<seconds, 13> kCustomaryTtls{
    seconds{86400}, seconds{3600}, seconds{1800}, seconds{900}, seconds{600},
    seconds{300},   seconds{120},  seconds{60},   seconds{30},  seconds{20},
    seconds{15},    seconds{10},   seconds{5}};

seconds bounded(seconds value) {
    return std::clamp(value, seconds{0}, kLongest);
}

Clocks bounded(Clocks clocks) {
    for (seconds* value : {&clocks.ttl, &clocks.margin, &clocks.client_floor, &clocks.propagation,
                           &clocks.poll_interval, &clocks.deadline, &clocks.fade}) {
        *value = bounded(*value);
    }
    for (std::optional<seconds>* value : {&clocks.notice, &clocks.heartbeat_timeout,
                                          &clocks.global_timeout, &clocks.stop_timeout}) {
        if (*value) {
            *value = bounded(**value);
        }
    }
    return clocks;
}

/// All of a leave but the TTL.
seconds without_ttl(const Clocks& clocks) {
    return clocks.propagation + clocks.margin + clocks.client_floor;
}

/// Rounded down to what people write; small ones stay as they are.
seconds customary(seconds ttl) {
    const auto* const found =
        std::ranges::find_if(kCustomaryTtls, [ttl](seconds each) { return each <= ttl; });
    return found == kCustomaryTtls.end() ? ttl : *found;
}

/// "; or a TTL of 30 or less" when a shorter TTL would do as well.
std::string shorter_ttl(const Clocks& clocks, seconds limit) {
    const seconds room = limit - without_ttl(clocks);
    return room < seconds{1} ? std::string{}
                             : fmt::format(", or use a TTL of {} or less", customary(room).count());
}

void judge_notice(const Clocks& clocks, Plan& plan) {
    if (!clocks.notice) {
        return;
    }
    const seconds fixed = clocks.poll_interval + without_ttl(clocks);
    const seconds room = *clocks.notice - fixed;
    if (room >= seconds{0}) {
        plan.largest_ttl = room;
    }
    if (plan.total_from_notice <= *clocks.notice) {
        return;
    }
    Misfit misfit{.clock = Clock::notice, .suggestion = {}, .sentence = {}};
    if (room < seconds{1}) {
        misfit.sentence = fmt::format(
            "no TTL drains within a {} s notice: {} s go by before any cache begins to forget "
            "(poll "
            "{} s, propagation {} s, margin {} s, clients {} s)",
            clocks.notice->count(), fixed.count(), clocks.poll_interval.count(),
            clocks.propagation.count(), clocks.margin.count(), clocks.client_floor.count());
    } else {
        misfit.suggestion = customary(room);
        misfit.sentence =
            fmt::format("TTL {} cannot drain within a {} s spot notice: use {} or less",
                        clocks.ttl.count(), clocks.notice->count(), misfit.suggestion->count());
    }
    plan.misfits.push_back(std::move(misfit));
}

/// @returns the deadline to go on with: the one given, or the one suggested.
seconds judge_deadline(const Clocks& clocks, Plan& plan) {
    if (plan.total <= clocks.deadline) {
        return clocks.deadline;
    }
    const seconds suggestion = plan.total + kStopReserve;
    plan.misfits.push_back(
        {.clock = Clock::deadline,
         .suggestion = suggestion,
         .sentence = fmt::format("the deadline of {} s ends the drain of {} s: raise it to {} s{}",
                                 clocks.deadline.count(), plan.total.count(), suggestion.count(),
                                 shorter_ttl(clocks, clocks.deadline))});
    return suggestion;
}

void judge_stop_timeout(const Clocks& clocks, seconds deadline, Plan& plan) {
    if (!clocks.stop_timeout || *clocks.stop_timeout >= deadline) {
        return;
    }
    const seconds suggestion = deadline + kStopReserve;
    const bool ends_drain = *clocks.stop_timeout < plan.total;
    plan.misfits.push_back(
        {.clock = Clock::stop_timeout,
         .suggestion = suggestion,
         .sentence =
             ends_drain ? fmt::format("TimeoutStopSec {} s ends the drain of {} s: raise it to {} "
                                      "s{}",
                                      clocks.stop_timeout->count(), plan.total.count(),
                                      suggestion.count(), shorter_ttl(clocks, *clocks.stop_timeout))
                        : fmt::format("TimeoutStopSec {} s is before the deadline of {} s, so a "
                                      "slow leave is killed without a word: raise it to {} s",
                                      clocks.stop_timeout->count(), deadline.count(),
                                      suggestion.count())});
}

void judge_fade(const Clocks& clocks, Plan& plan) {
    const bool is_stop_first = clocks.stop_timeout && *clocks.stop_timeout < clocks.deadline;
    const seconds limit = is_stop_first ? *clocks.stop_timeout : clocks.deadline;
    const seconds needed = plan.total + clocks.fade + kStopReserve;
    // Where not even the drain fits, that is said already.
    if (clocks.fade == seconds{0} || plan.total > limit || needed <= limit) {
        return;
    }
    plan.misfits.push_back(
        {.clock = is_stop_first ? Clock::stop_timeout : Clock::deadline,
         .suggestion = needed,
         .sentence = fmt::format("{} of {} s has no time for weight 0 before the drain, so a stop "
                                 "deletes at once: raise it to {} s",
                                 is_stop_first ? "TimeoutStopSec" : "the deadline", limit.count(),
                                 needed.count())});
}

void judge_hook(const Clocks& clocks, Plan& plan) {
    if (clocks.heartbeat_timeout) {
        plan.heartbeat_interval = heartbeat_interval(*clocks.heartbeat_timeout);
        // The wait begins up to a poll before the first heartbeat can be sent.
        const seconds first = clocks.poll_interval + *plan.heartbeat_interval;
        if (*clocks.heartbeat_timeout <= first) {
            const seconds suggestion =
                std::max(kShortestHeartbeat, 2 * (clocks.poll_interval + seconds{1}));
            plan.misfits.push_back(
                {.clock = Clock::heartbeat,
                 .suggestion = suggestion,
                 .sentence = fmt::format("the hook's heartbeat timeout of {} s is over before it "
                                         "can be renewed: set it "
                                         "to {} s at least",
                                         clocks.heartbeat_timeout->count(), suggestion.count())});
        }
    }
    std::optional<seconds> cap = clocks.global_timeout;
    if (!cap && clocks.heartbeat_timeout) {
        cap = global_cap(*clocks.heartbeat_timeout);
    }
    if (cap && *cap < plan.total_from_notice) {
        // The cap is not set by itself: a hundredth of it is the heartbeat timeout.
        const seconds suggestion = std::max(
            kShortestHeartbeat, seconds{(plan.total_from_notice + seconds{99}) / seconds{100}});
        plan.misfits.push_back(
            {.clock = Clock::global_timeout,
             .suggestion = global_cap(suggestion) >= plan.total_from_notice
                               ? std::optional{global_cap(suggestion)}
                               : std::nullopt,
             .sentence = fmt::format(
                 "the hook lets an instance wait {} s at most, the drain takes {} s: {}",
                 cap->count(), plan.total_from_notice.count(),
                 global_cap(suggestion) >= plan.total_from_notice
                     ? fmt::format("set its heartbeat timeout to {} s or more", suggestion.count())
                     : std::string{"no hook waits longer than 48 hours"})});
    }
}

}  // namespace

std::string_view to_string(Stage stage) noexcept {
    switch (stage) {
        case Stage::notice:
            return "notice";
        case Stage::propagation:
            return "propagation";
        case Stage::caches:
            return "caches";
        case Stage::margin:
            return "margin";
        case Stage::clients:
            break;
    }
    return "clients";
}

seconds heartbeat_interval(seconds timeout) noexcept {
    return std::clamp(timeout / kHeartbeatsATimeout, seconds{1}, kSlowestHeartbeat);
}

seconds global_cap(seconds heartbeat_timeout) noexcept {
    constexpr int kHeartbeats = 100;
    return std::min<seconds>(hours{48}, kHeartbeats * heartbeat_timeout);
}

Plan plan_leave(const Clocks& given) {
    const Clocks clocks = bounded(given);
    const bool has_notice = clocks.notice || clocks.heartbeat_timeout || clocks.global_timeout;
    Plan plan;
    seconds begin{0};
    for (const auto& [stage, span] :
         {std::pair{Stage::notice, has_notice ? clocks.poll_interval : seconds{0}},
          std::pair{Stage::propagation, clocks.propagation}, std::pair{Stage::caches, clocks.ttl},
          std::pair{Stage::margin, clocks.margin},
          std::pair{Stage::clients, clocks.client_floor}}) {
        if (span > seconds{0}) {
            plan.stages.push_back({.stage = stage, .begin = begin, .span = span});
            begin += span;
        }
    }
    plan.total = clocks.ttl + without_ttl(clocks);
    plan.total_from_notice = begin;
    judge_notice(clocks, plan);
    const seconds deadline = judge_deadline(clocks, plan);
    judge_stop_timeout(clocks, deadline, plan);
    judge_fade(clocks, plan);
    judge_hook(clocks, plan);
    return plan;
}

}  // namespace rota::agent
