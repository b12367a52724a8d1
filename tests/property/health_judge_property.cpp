#include <chrono>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rota/health/judge.h"

// A day of random observations of one target, with runs of likes, gaps and silence.
namespace rota::health {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct Step {
    Outcome outcome = Outcome::passed;
    milliseconds gap{};
};

Check any_check() {
    Check check = parse_check("http://127.0.0.1/").value();
    check.interval = std::chrono::seconds{*rc::gen::inRange(1, 60)};
    check.rise = *rc::gen::inRange(1U, 11U);
    check.fall = *rc::gen::inRange(1U, 11U);
    check.initial_rise = *rc::gen::inRange(1U, 11U);
    return check;
}

std::vector<Step> any_history(const Check& check) {
    std::vector<Step> steps;
    const auto runs = *rc::gen::inRange(1, 60);
    for (int run = 0; run < runs; ++run) {
        const auto outcome = *rc::gen::weightedElement<Outcome>(
            {{5, Outcome::passed}, {5, Outcome::failed}, {1, Outcome::neutral}});
        const auto length = *rc::gen::inRange(1, 15);
        for (int i = 0; i < length; ++i) {
            // A probe takes its time, a suspended machine much more.
            const int late = *rc::gen::weightedElement<int>({{20, 0}, {5, 1}, {1, 100}});
            steps.push_back({outcome, check.interval * (1 + late)});
        }
    }
    return steps;
}

/// How long the run of likes at `at` is, those without news left out.
std::size_t run_before(const std::vector<Step>& steps, std::size_t at, Outcome outcome) {
    std::size_t length = 0;
    for (std::size_t i = at + 1; i-- > 0;) {
        if (steps[i].outcome == outcome) {
            ++length;
        } else if (steps[i].outcome != Outcome::neutral) {
            break;
        }
    }
    return length;
}

void keeps_the_thresholds(const Check& check, const std::vector<Step>& steps) {
    Judge judge;
    BootTime now{1h};
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const Verdict before = judge.verdict;
        now += steps[i].gap;
        const Verdict verdict = observe(judge, check, {.outcome = steps[i].outcome}, now);
        RC_ASSERT(verdict == judge.verdict);
        RC_ASSERT(verdict != Verdict::initial || before == Verdict::initial);
        if (verdict == before) {
            continue;
        }
        if (verdict == Verdict::unhealthy) {
            RC_ASSERT(run_before(steps, i, Outcome::failed) >= check.fall);
        } else {
            const unsigned wanted = before == Verdict::initial ? check.initial_rise : check.rise;
            RC_ASSERT(run_before(steps, i, Outcome::passed) >= wanted);
        }
    }
}

RC_GTEST_PROP(JudgeProperty, no_verdict_without_enough_in_a_row, ()) {
    const Check check = any_check();
    keeps_the_thresholds(check, any_history(check));
}

RC_GTEST_PROP(JudgeProperty, enough_failures_in_a_row_always_count, ()) {
    const Check check = any_check();
    const auto steps = any_history(check);
    Judge judge;
    BootTime now{1h};
    for (std::size_t i = 0; i < steps.size(); ++i) {
        now += steps[i].gap;
        observe(judge, check, {.outcome = steps[i].outcome}, now);
        if (run_before(steps, i, Outcome::failed) >= check.fall) {
            RC_ASSERT(judge.verdict == Verdict::unhealthy);
        }
    }
}

RC_GTEST_PROP(JudgeProperty, the_return_comes_within_the_longest_delay, ()) {
    const Check check = any_check();
    const auto steps = any_history(check);
    Judge judge;
    BootTime now{1h};
    for (const Step& step : steps) {
        now += step.gap;
        observe(judge, check, {.outcome = step.outcome}, now);
    }
    // From here on it only passes.
    const milliseconds rise = check.interval * check.rise;
    const BootTime latest =
        now + check.interval + std::max<milliseconds>(rise, kLongestFlapDelay) + check.interval;
    while (now < latest && judge.verdict == Verdict::unhealthy) {
        now += check.interval;
        observe(judge, check, {.outcome = Outcome::passed}, now);
    }
    RC_ASSERT(judge.verdict != Verdict::unhealthy);
}

RC_GTEST_PROP(JudgeProperty, delays_grow_and_are_bounded, ()) {
    const Check check = any_check();
    const auto doublings = *rc::gen::inRange(0U, 1'000'000U);
    const milliseconds base = check.interval * check.rise;
    const milliseconds delay = flap_delay(check, doublings);
    RC_ASSERT(delay >= base);
    RC_ASSERT(delay <= std::max<milliseconds>(base, kLongestFlapDelay));
    RC_ASSERT(delay <= flap_delay(check, doublings + 1));
}

RC_GTEST_PROP(JudgeProperty, changes_are_bounded_while_it_flaps, ()) {
    Check check = any_check();
    check.rise = *rc::gen::inRange(1U, 4U);
    check.interval = std::chrono::seconds{*rc::gen::inRange(1, 11)};
    // The worst case: it fails as soon as it is back, and passes as soon as it is out.
    Judge judge;
    BootTime now{1h};
    const BootTime end = now + 2h;
    const BootTime settled = now + 1h;
    unsigned returns = 0;
    while (now < end) {
        now += check.interval;
        const Verdict before = judge.verdict;
        const auto outcome =
            judge.verdict == Verdict::unhealthy ? Outcome::passed : Outcome::failed;
        observe(judge, check, {.outcome = outcome}, now);
        if (now > settled && before == Verdict::unhealthy && judge.verdict == Verdict::healthy) {
            ++returns;
        }
    }
    RC_ASSERT(returns <= 60U * 60U / 200U + 1U);
}

RC_GTEST_PROP(JudgeProperty, the_same_history_gives_the_same_judge, ()) {
    const Check check = any_check();
    const auto steps = any_history(check);
    Judge first;
    Judge second;
    BootTime now{1h};
    for (const Step& step : steps) {
        now += step.gap;
        observe(first, check, {.outcome = step.outcome}, now);
        observe(second, check, {.outcome = step.outcome}, now);
        RC_ASSERT(first.verdict == second.verdict);
        RC_ASSERT(return_not_before(first, check) == return_not_before(second, check));
    }
}

}  // namespace
}  // namespace rota::health
