#include "rota/health/judge.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"

namespace rota::health {
namespace {

using std::chrono::milliseconds;

void note_change(Judge& judge, BootTime now) {
    std::shift_right(judge.last_changes.begin(), judge.last_changes.end(), 1);
    judge.last_changes.front() = now;
    ++judge.changes;
}

bool is_flapping(const Judge& judge) {
    return judge.changes >= kFlapChanges &&
           judge.last_changes.front() - judge.last_changes.back() <= kFlapWindow;
}

void become_healthy(Judge& judge, BootTime now) {
    if (judge.verdict == Verdict::unhealthy) {
        note_change(judge, now);
    }
    judge.verdict = Verdict::healthy;
}

void become_unhealthy(Judge& judge, const Check& check, BootTime now) {
    if (judge.verdict == Verdict::healthy) {
        const bool is_calm = judge.changes > 0 && now - judge.last_changes.front() > kFlapWindow;
        note_change(judge, now);
        if (is_flapping(judge)) {
            // Beyond the longest delay there is nothing to count, and nothing to halve later.
            if (flap_delay(check, judge.doublings) < kLongestFlapDelay) {
                ++judge.doublings;
            }
        } else if (is_calm) {
            judge.doublings = 0;
        } else if (judge.doublings > 0) {
            --judge.doublings;
        }
    }
    judge.verdict = Verdict::unhealthy;
}

unsigned passes_wanted(const Judge& judge, const Check& check) {
    return judge.verdict == Verdict::initial ? check.initial_rise : check.rise;
}

bool counts_as_pass(const Judge& judge, const Observation& observation) {
    return observation.passed() || (judge.verdict == Verdict::initial &&
                                    observation.outcome == Outcome::neutral && observation.report);
}

std::string reason_of(const Judge& judge, const Check& check, const Observation& observation) {
    if (judge.is_passing == (judge.verdict == Verdict::healthy) &&
        judge.verdict != Verdict::initial) {
        return observation.detail;
    }
    const unsigned wanted = judge.is_passing ? passes_wanted(judge, check) : check.fall;
    if (judge.run >= wanted) {
        return fmt::format("{} (held back after flapping)", observation.detail);
    }
    return fmt::format("{} ({} {} of {} in a row)", observation.detail,
                       judge.is_passing ? "pass" : "failure", judge.run, wanted);
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::initial:
            return "initial";
        case Verdict::healthy:
            return "healthy";
        case Verdict::unhealthy:
            return "unhealthy";
    }
    return "unknown";
}

Verdict observe(Judge& judge, const Check& check, const Observation& observation, BootTime now) {
    const bool passes = counts_as_pass(judge, observation);
    if (!passes && observation.outcome == Outcome::neutral) {
        if (judge.verdict == Verdict::initial) {
            judge.reason = observation.detail;
        }
        return judge.verdict;
    }
    if (judge.run == 0 || judge.is_passing != passes) {
        judge.run = 0;
        judge.is_passing = passes;
        judge.run_began = now;
    }
    judge.run = std::min(judge.run + 1, 1'000'000U);  // only the first few are ever looked at
    if (passes && judge.run >= passes_wanted(judge, check)) {
        const auto held_until = return_not_before(judge, check);
        if (!held_until || *held_until <= now) {
            become_healthy(judge, now);
        }
    } else if (!passes && judge.run >= check.fall) {
        become_unhealthy(judge, check, now);
    }
    judge.reason = reason_of(judge, check, observation);
    return judge.verdict;
}

milliseconds flap_delay(const Check& check, unsigned doublings) noexcept {
    const milliseconds base = check.interval * check.rise;
    const milliseconds longest = std::max<milliseconds>(base, kLongestFlapDelay);
    milliseconds delay = base;
    for (; doublings > 0 && delay < longest; --doublings) {
        delay *= 2;
    }
    return std::min(delay, longest);
}

std::optional<BootTime> return_not_before(const Judge& judge, const Check& check) noexcept {
    if (judge.verdict != Verdict::unhealthy || !judge.is_passing || judge.doublings == 0) {
        return std::nullopt;
    }
    return judge.run_began + flap_delay(check, judge.doublings);
}

Verdict combine(std::span<const Verdict> verdicts) noexcept {
    if (std::ranges::find(verdicts, Verdict::unhealthy) != verdicts.end()) {
        return Verdict::unhealthy;
    }
    const bool all_are_healthy =
        std::ranges::all_of(verdicts, [](Verdict verdict) { return verdict == Verdict::healthy; });
    return all_are_healthy ? Verdict::healthy : Verdict::initial;
}

}  // namespace rota::health
