#include <chrono>

#include <gtest/gtest.h>

#include "rota/base/clock.h"
#include "rota/lab/scaling.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kStart{1000s};
constexpr ScalingPolicy kPolicy{.min = 2, .max = 6, .target = 0.5};

GroupMetrics load_of(double work, unsigned in_service, unsigned pending = 0) {
    return {.work = work, .capacity = 4, .in_service = in_service, .pending = pending};
}

TEST(Scaling, grows_at_once_to_what_holds_the_target) {
    const ScalingState before{.desired = 2};
    const ScalingState after = scale(kPolicy, before, load_of(7, 2), kStart);
    EXPECT_EQ(after.desired, 4U) << "7 of 8 busy at a target of one half";
    EXPECT_EQ(after.last_out, kStart);
}

TEST(Scaling, does_not_grow_again_before_the_cooldown) {
    const ScalingState grown = scale(kPolicy, {.desired = 2}, load_of(7, 2), kStart);
    EXPECT_EQ(scale(kPolicy, grown, load_of(12, 2, 2), kStart + 1s).desired, 4U);
    EXPECT_EQ(scale(kPolicy, grown, load_of(12, 2, 2), kStart + 3s).desired, 6U);
}

TEST(Scaling, a_queue_counts_only_so_much) {
    EXPECT_DOUBLE_EQ(utilisation(load_of(400, 2)), 1.5);
    EXPECT_EQ(scale(kPolicy, {.desired = 1}, load_of(400, 1), kStart).desired, 3U);
}

TEST(Scaling, shrinks_only_when_fewer_have_sufficed_for_a_while) {
    ScalingState state{.desired = 6};
    state = scale(kPolicy, state, load_of(2, 6), kStart);
    EXPECT_EQ(state.desired, 6U);
    state = scale(kPolicy, state, load_of(2, 6), kStart + 2s);
    EXPECT_EQ(state.desired, 6U);
    state = scale(kPolicy, state, load_of(2, 6), kStart + 3s);
    EXPECT_EQ(state.desired, 3U) << "half the group at a time";
}

TEST(Scaling, a_busy_moment_starts_the_patience_anew) {
    ScalingState state = scale(kPolicy, {.desired = 4}, load_of(2, 4), kStart);
    state = scale(kPolicy, state, load_of(8, 4), kStart + 2s);
    state = scale(kPolicy, state, load_of(2, 4), kStart + 4s);
    EXPECT_EQ(scale(kPolicy, state, load_of(2, 4), kStart + 6s).desired, 4U);
    EXPECT_LT(scale(kPolicy, state, load_of(2, 4), kStart + 7s).desired, 4U);
}

TEST(Scaling, does_not_shrink_while_members_are_starting) {
    ScalingState state = scale(kPolicy, {.desired = 4}, load_of(2, 3, 1), kStart);
    EXPECT_EQ(scale(kPolicy, state, load_of(2, 3, 1), kStart + 60s).desired, 4U);
}

TEST(Scaling, holds_still_when_nobody_is_in_service) {
    const ScalingState state{.desired = 3};
    EXPECT_EQ(scale(kPolicy, state, load_of(0, 0, 3), kStart).desired, 3U);
    EXPECT_EQ(scale(kPolicy, {.desired = 0}, load_of(0, 0), kStart).desired, 2U);
}

}  // namespace
}  // namespace rota::lab
