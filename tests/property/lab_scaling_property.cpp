#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rota/base/clock.h"
#include "rota/base/rng.h"
#include "rota/lab/scaling.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;

ScalingPolicy any_policy() {
    const unsigned min = *rc::gen::inRange(1U, 20U);
    return {.min = min,
            .max = min + *rc::gen::inRange(0U, 80U),
            .target = *rc::gen::inRange(10, 90) / 100.0};
}

RC_GTEST_PROP(ScalingProperty, the_group_stays_between_min_and_max_whatever_it_is_told, ()) {
    const ScalingPolicy policy = any_policy();
    Rng rng{*rc::gen::arbitrary<std::uint64_t>()};
    ScalingState state{.desired = rng.below(200)};
    BootTime now{1000s};
    for (int i = 0; i < 500; ++i) {
        now += std::chrono::milliseconds{rng.below(5000)};
        const ScalingState next = scale(policy, state,
                                        {.work = rng.exponential(50),
                                         .capacity = 1.0 + rng.below(16),
                                         .in_service = rng.below(120),
                                         .pending = rng.below(3)},
                                        now);
        RC_ASSERT(next.desired >= policy.min);
        RC_ASSERT(next.desired <= policy.max);
        state = next;
    }
}

RC_GTEST_PROP(ScalingProperty, a_steady_load_is_met_and_then_left_alone, ()) {
    // A fluid fleet: what is desired is in service a moment later, and the load is what it is.
    const ScalingPolicy policy = any_policy();
    const double capacity = *rc::gen::inRange(1, 17);
    const double most = policy.target * policy.max * capacity;
    const double work = most * *rc::gen::inRange(0, 101) / 100.0;
    ScalingState state{.desired = policy.min + *rc::gen::inRange(0U, policy.max - policy.min + 1)};
    BootTime now{1000s};
    const auto run = [&](int seconds) {
        for (int i = 0; i < seconds; ++i) {
            now += 1s;
            state = scale(policy, state,
                          {.work = work, .capacity = capacity, .in_service = state.desired}, now);
        }
    };
    run(300);
    const unsigned settled = state.desired;
    RC_ASSERT(work <= policy.target * capacity * settled * (1 + 1e-6));
    run(300);
    RC_ASSERT(state.desired == settled);
}

}  // namespace
}  // namespace rota::lab
