#include <algorithm>
#include <chrono>
#include <optional>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rota/agent/plan.h"

// Any clocks: what the plan suggests fits, and a longer clock never makes anything worse.
namespace rota::agent {
namespace {

using std::chrono::seconds;

seconds any_span(int below) {
    // Small ones often: that is where things do not fit.
    return seconds{
        *rc::gen::oneOf(rc::gen::inRange(0, std::min(below, 200)), rc::gen::inRange(0, below))};
}

std::optional<seconds> maybe_span(int below) {
    return *rc::gen::arbitrary<bool>() ? std::optional{any_span(below)} : std::nullopt;
}

Clocks any_clocks() {
    return {.ttl = any_span(200'000),
            .margin = any_span(600),
            .client_floor = any_span(600),
            .propagation = any_span(600),
            .poll_interval = any_span(60),
            .deadline = any_span(4000),
            .notice = maybe_span(4000),
            .heartbeat_timeout = maybe_span(7201),
            .global_timeout = maybe_span(172'801),
            .stop_timeout = maybe_span(4000)};
}

bool complains(const Plan& plan, Clock clock) {
    return std::ranges::any_of(plan.misfits,
                               [clock](const Misfit& misfit) { return misfit.clock == clock; });
}

/// The same clocks with what was suggested.
Clocks mended(Clocks clocks, const Misfit& misfit) {
    switch (misfit.clock) {
        case Clock::notice:
            clocks.ttl = *misfit.suggestion;
            break;
        case Clock::deadline:
            clocks.deadline = *misfit.suggestion;
            break;
        case Clock::stop_timeout:
            clocks.stop_timeout = *misfit.suggestion;
            break;
        case Clock::heartbeat:
            clocks.heartbeat_timeout = *misfit.suggestion;
            break;
        case Clock::global_timeout:
            clocks.global_timeout = *misfit.suggestion;
            break;
    }
    return clocks;
}

RC_GTEST_PROP(ShutdownPlanProperty, what_is_suggested_fits, ()) {
    const Clocks clocks = any_clocks();
    for (const Misfit& misfit : plan_leave(clocks).misfits) {
        RC_ASSERT(!misfit.sentence.empty());
        if (misfit.suggestion) {
            RC_ASSERT(!complains(plan_leave(mended(clocks, misfit)), misfit.clock));
        }
    }
}

RC_GTEST_PROP(ShutdownPlanProperty, all_suggestions_together_fit, ()) {
    Clocks clocks = any_clocks();
    const Plan plan = plan_leave(clocks);
    bool is_curable = true;
    for (const Misfit& misfit : plan.misfits) {
        if (misfit.suggestion) {
            clocks = mended(clocks, misfit);
        }
        is_curable = is_curable && misfit.suggestion;
    }
    RC_ASSERT(!is_curable || plan_leave(clocks).misfits.empty());
}

RC_GTEST_PROP(ShutdownPlanProperty, the_largest_ttl_is_the_largest, ()) {
    Clocks clocks = any_clocks();
    clocks.notice = any_span(4000);
    const Plan plan = plan_leave(clocks);
    if (!plan.largest_ttl) {
        clocks.ttl = seconds{0};
        RC_ASSERT(complains(plan_leave(clocks), Clock::notice));
        return;
    }
    clocks.ttl = *plan.largest_ttl;
    RC_ASSERT(!complains(plan_leave(clocks), Clock::notice));
    clocks.ttl += seconds{1};
    RC_ASSERT(complains(plan_leave(clocks), Clock::notice));
}

RC_GTEST_PROP(ShutdownPlanProperty, a_shorter_ttl_never_fits_worse, ()) {
    Clocks clocks = any_clocks();
    const Plan longer = plan_leave(clocks);
    clocks.ttl = seconds{*rc::gen::inRange<seconds::rep>(0, clocks.ttl.count() + 1)};
    const Plan shorter = plan_leave(clocks);
    RC_ASSERT(shorter.total <= longer.total);
    RC_ASSERT(shorter.largest_ttl == longer.largest_ttl);
    for (const Misfit& misfit : shorter.misfits) {
        RC_ASSERT(complains(longer, misfit.clock));
    }
}

RC_GTEST_PROP(ShutdownPlanProperty, more_time_never_fits_worse, ()) {
    Clocks clocks = any_clocks();
    const Plan before = plan_leave(clocks);
    const seconds more = any_span(10'000);
    for (auto* clock : {&clocks.notice, &clocks.heartbeat_timeout, &clocks.global_timeout,
                        &clocks.stop_timeout}) {
        if (*clock) {
            *clock = **clock + more;
        }
    }
    const Plan after = plan_leave(clocks);
    RC_ASSERT(after.total == before.total);
    for (const Misfit& misfit : after.misfits) {
        RC_ASSERT(complains(before, misfit.clock));
    }
}

RC_GTEST_PROP(ShutdownPlanProperty, the_stages_add_up, ()) {
    const Plan plan = plan_leave(any_clocks());
    seconds end{0};
    for (const PlannedStage& stage : plan.stages) {
        RC_ASSERT(stage.begin == end);
        RC_ASSERT(stage.span > seconds{0});
        end += stage.span;
    }
    RC_ASSERT(end == plan.total_from_notice);
    RC_ASSERT(plan.total <= plan.total_from_notice);
}

}  // namespace
}  // namespace rota::agent
