#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/agent/plan.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> sentences(const Plan& plan) {
    std::vector<std::string> out;
    out.reserve(plan.misfits.size());
    for (const Misfit& misfit : plan.misfits) {
        out.push_back(misfit.sentence);
    }
    return out;
}

TEST(ShutdownPlan, puts_the_stages_one_after_the_other) {
    const Plan plan = plan_leave({.client_floor = 60s, .notice = 300s});
    EXPECT_THAT(plan.stages,
                ElementsAre(PlannedStage{.stage = Stage::notice, .begin = 0s, .span = 5s},
                            PlannedStage{.stage = Stage::propagation, .begin = 5s, .span = 60s},
                            PlannedStage{.stage = Stage::caches, .begin = 65s, .span = 60s},
                            PlannedStage{.stage = Stage::margin, .begin = 125s, .span = 15s},
                            PlannedStage{.stage = Stage::clients, .begin = 140s, .span = 60s}));
    EXPECT_EQ(plan.total, 195s);
    EXPECT_EQ(plan.total_from_notice, 200s);
    EXPECT_EQ(to_string(plan.stages.front().stage), "notice");
    EXPECT_THAT(sentences(plan), IsEmpty());
}

TEST(ShutdownPlan, leaves_out_stages_that_take_no_time) {
    const Plan plan = plan_leave({.ttl = 5s, .margin = 2s, .propagation = 0s});
    EXPECT_THAT(plan.stages,
                ElementsAre(PlannedStage{.stage = Stage::caches, .begin = 0s, .span = 5s},
                            PlannedStage{.stage = Stage::margin, .begin = 5s, .span = 2s}));
    EXPECT_EQ(plan.total, 7s);
    EXPECT_EQ(plan.largest_ttl, std::nullopt);
}

TEST(ShutdownPlan, names_a_ttl_that_fits_the_notice) {
    const Plan plan = plan_leave({.notice = 120s});
    EXPECT_THAT(sentences(plan),
                ElementsAre("TTL 60 cannot drain within a 120 s spot notice: use 30 or less"));
    EXPECT_EQ(plan.misfits.front().clock, Clock::notice);
    EXPECT_EQ(plan.misfits.front().suggestion, 30s);
    EXPECT_EQ(plan.largest_ttl, 40s);
    EXPECT_THAT(sentences(plan_leave({.ttl = 40s, .notice = 120s})), IsEmpty());
    EXPECT_EQ(plan_leave({.ttl = 41s, .notice = 120s}).misfits.size(), 1);
    EXPECT_THAT(sentences(plan_leave({.propagation = 0s, .notice = 120s})), IsEmpty());
}

TEST(ShutdownPlan, says_when_no_ttl_fits_the_notice) {
    const Plan plan = plan_leave({.client_floor = 60s, .notice = 120s});
    EXPECT_THAT(sentences(plan),
                ElementsAre("no TTL drains within a 120 s notice: 140 s go by before any cache "
                            "begins to forget (poll 5 s, propagation 60 s, margin 15 s, clients 60 "
                            "s)"));
    EXPECT_EQ(plan.misfits.front().suggestion, std::nullopt);
    EXPECT_EQ(plan.largest_ttl, std::nullopt);
}

TEST(ShutdownPlan, says_what_systemd_must_wait) {
    EXPECT_THAT(
        sentences(plan_leave({.stop_timeout = 90s})),
        ElementsAre("TimeoutStopSec 90 s ends the drain of 135 s: raise it to 330 s, or use "
                    "a TTL of 15 or less"));
    EXPECT_THAT(sentences(plan_leave({.stop_timeout = 200s})),
                ElementsAre("TimeoutStopSec 200 s is before the deadline of 300 s, so a slow leave "
                            "is killed without a word: raise it to 330 s"));
    EXPECT_THAT(sentences(plan_leave({.stop_timeout = 330s})), IsEmpty());
}

TEST(ShutdownPlan, says_what_deadline_a_long_ttl_needs_and_carries_it_on) {
    const Plan plan = plan_leave({.ttl = 300s, .stop_timeout = 330s});
    EXPECT_THAT(sentences(plan),
                ElementsAre("the deadline of 300 s ends the drain of 375 s: raise it to 405 s, or "
                            "use a TTL of 120 or less",
                            "TimeoutStopSec 330 s ends the drain of 375 s: raise it to 435 s, or "
                            "use a TTL of 120 or less"));
}

TEST(ShutdownPlan, renews_a_hook_three_times_a_timeout) {
    EXPECT_EQ(plan_leave({.heartbeat_timeout = 30s}).heartbeat_interval, 10s);
    EXPECT_EQ(plan_leave({.heartbeat_timeout = 3600s}).heartbeat_interval, 300s);
    EXPECT_EQ(plan_leave({}).heartbeat_interval, std::nullopt);
    EXPECT_THAT(sentences(plan_leave({.heartbeat_timeout = 30s})), IsEmpty());
    EXPECT_THAT(sentences(plan_leave({.heartbeat_timeout = 5s})),
                ElementsAre("the hook's heartbeat timeout of 5 s is over before it can be renewed: "
                            "set it to 30 s at least"));
}

TEST(ShutdownPlan, knows_that_a_hook_does_not_wait_for_ever) {
    EXPECT_EQ(global_cap(30s), 3000s);
    EXPECT_EQ(global_cap(3600s), 48h);
    EXPECT_THAT(
        sentences(plan_leave({.ttl = 3600s, .deadline = 4000s, .heartbeat_timeout = 30s})),
        ElementsAre("the hook lets an instance wait 3000 s at most, the drain takes 3680 s: set "
                    "its heartbeat timeout to 37 s or more"));
    EXPECT_THAT(sentences(plan_leave({.heartbeat_timeout = 30s, .global_timeout = 100s})),
                ElementsAre("the hook lets an instance wait 100 s at most, the drain takes 140 s: "
                            "set its heartbeat timeout to 30 s or more"));
    EXPECT_THAT(sentences(plan_leave({.ttl = 49h, .deadline = 50h, .heartbeat_timeout = 3600s})),
                ElementsAre("the hook lets an instance wait 172800 s at most, the drain takes "
                            "176480 s: no hook waits longer than 48 hours"));
}

TEST(ShutdownPlan, takes_negative_and_endless_clocks) {
    EXPECT_EQ(plan_leave({.ttl = -5s, .margin = -1s, .propagation = 0s}).total, 0s);
    const Plan plan = plan_leave({.ttl = std::chrono::seconds::max(),
                                  .margin = std::chrono::seconds::max(),
                                  .deadline = std::chrono::seconds::max(),
                                  .heartbeat_timeout = std::chrono::seconds::max()});
    EXPECT_GT(plan.total, 0s);
}

}  // namespace
}  // namespace rota::agent
