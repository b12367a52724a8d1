#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/health/judge.h"

namespace rota::health {
namespace {

using namespace std::chrono_literals;

const Observation kPass{.outcome = Outcome::passed, .detail = "it answers 200"};
const Observation kFailure{.outcome = Outcome::failed, .detail = "it answers 503"};
const Observation kSilence{.outcome = Outcome::neutral, .detail = "connection refused"};

/// A target under one check, asked every interval.
struct Target {
    Check check = parse_check("http://127.0.0.1/").value();
    Judge judge{};
    BootTime now{1h};

    Verdict see(const Observation& observation, int times = 1) {
        for (int i = 0; i < times; ++i) {
            now += check.interval;
            observe(judge, check, observation, now);
        }
        return judge.verdict;
    }

    /// @returns how long it passes until it is healthy.
    std::chrono::seconds recover() {
        const BootTime first = now + check.interval;
        while (see(kPass) != Verdict::healthy) {
        }
        return std::chrono::duration_cast<std::chrono::seconds>(now - first);
    }
};

TEST(Judge, wants_one_pass_of_a_new_target) {
    Target target;
    EXPECT_EQ(target.judge.verdict, Verdict::initial);
    EXPECT_EQ(target.see(kPass), Verdict::healthy);
    EXPECT_EQ(target.judge.reason, "it answers 200");
}

TEST(Judge, wants_as_many_as_are_set_of_a_new_target) {
    Target target;
    target.check.initial_rise = 3;
    EXPECT_EQ(target.see(kPass, 2), Verdict::initial);
    EXPECT_EQ(target.judge.reason, "it answers 200 (pass 2 of 3 in a row)");
    EXPECT_EQ(target.see(kPass), Verdict::healthy);
}

TEST(Judge, calls_a_new_target_unhealthy_after_the_third_failure_in_a_row) {
    Target target;
    EXPECT_EQ(target.see(kFailure, 2), Verdict::initial);
    EXPECT_EQ(target.see(kFailure), Verdict::unhealthy);
    EXPECT_EQ(target.see(kPass), Verdict::unhealthy);
    EXPECT_EQ(target.see(kPass), Verdict::healthy);
}

TEST(Judge, counts_failures_in_a_row_only) {
    Target target;
    target.see(kPass);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(target.see(kFailure, 2), Verdict::healthy);
        EXPECT_EQ(target.judge.reason, "it answers 503 (failure 2 of 3 in a row)");
        EXPECT_EQ(target.see(kPass), Verdict::healthy);
    }
    EXPECT_EQ(target.see(kFailure, 3), Verdict::unhealthy);
    EXPECT_EQ(target.judge.reason, "it answers 503");
}

TEST(Judge, counts_passes_in_a_row_only) {
    Target target;
    target.see(kFailure, 3);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(target.see(kPass), Verdict::unhealthy);
        EXPECT_EQ(target.see(kFailure), Verdict::unhealthy);
    }
    EXPECT_EQ(target.see(kPass, 2), Verdict::healthy);
}

TEST(Judge, learns_nothing_from_an_agent_that_is_away) {
    Target target;
    target.check = parse_check("agent-check://127.0.0.1:1").value();
    EXPECT_EQ(target.see(kSilence, 20), Verdict::initial);
    EXPECT_EQ(target.judge.reason, "connection refused");
    target.see(kPass);
    EXPECT_EQ(target.see(kSilence, 20), Verdict::healthy);
    EXPECT_EQ(target.see(kFailure), Verdict::unhealthy);
    EXPECT_EQ(target.see(kSilence, 20), Verdict::unhealthy);
    EXPECT_EQ(target.see(kPass), Verdict::healthy);
}

TEST(Judge, takes_a_new_target_for_up_when_its_agent_only_tells_a_weight) {
    Target target;
    const Observation weight{.outcome = Outcome::neutral,
                             .report = AgentCheckReport{.weight = AgentWeight{75, true}}};
    EXPECT_EQ(target.see(weight), Verdict::healthy);
    target.check = parse_check("agent-check://127.0.0.1:1").value();
    target.see(kFailure);
    EXPECT_EQ(target.see(weight, 5), Verdict::unhealthy);
}

TEST(Flapping, doubles_the_return_delay_at_each_third_change_in_five_minutes) {
    Target target;
    target.see(kPass);
    target.see(kFailure, 3);
    EXPECT_EQ(target.judge.doublings, 0U);
    EXPECT_EQ(target.recover(), 10s);  // the second pass
    target.see(kFailure, 3);
    EXPECT_EQ(target.judge.doublings, 1U);
    target.see(kPass, 2);
    EXPECT_EQ(target.judge.reason, "it answers 200 (held back after flapping)");
    EXPECT_EQ(target.recover(), 20s);  // 40 s after the first of the two
    target.see(kFailure, 3);
    EXPECT_EQ(target.recover(), 80s);
    target.see(kFailure, 3);
    EXPECT_EQ(target.recover(), 160s);
    target.see(kFailure, 3);
    EXPECT_EQ(target.recover(), 200s);
    target.see(kFailure, 3);
    EXPECT_EQ(target.recover(), 200s);
}

TEST(Flapping, starts_the_delay_again_at_a_failure) {
    Target target;
    target.see(kPass);
    target.see(kFailure, 3);
    target.see(kPass, 2);
    target.see(kFailure, 3);
    target.see(kPass, 4);
    EXPECT_EQ(target.see(kFailure), Verdict::unhealthy);
    EXPECT_EQ(return_not_before(target.judge, target.check), std::nullopt);
    EXPECT_EQ(target.recover(), 40s);
}

TEST(Flapping, tells_when_the_return_is_allowed) {
    Target target;
    target.see(kPass);
    target.see(kFailure, 3);
    EXPECT_EQ(return_not_before(target.judge, target.check), std::nullopt);
    target.see(kPass, 2);
    target.see(kFailure, 3);
    target.see(kPass);
    EXPECT_EQ(return_not_before(target.judge, target.check), target.now + 40s);
}

TEST(Flapping, is_forgotten_step_by_step_and_after_calm_at_once) {
    Target target;
    target.see(kPass);
    for (int i = 0; i < 4; ++i) {
        target.see(kFailure, 3);
        target.recover();
    }
    ASSERT_EQ(target.judge.doublings, 3U);
    target.see(kPass, 27);  // 270 s and 30 s of failures are not yet calm, but no third change
    target.see(kFailure, 3);
    EXPECT_EQ(target.judge.doublings, 2U);
    target.recover();
    target.see(kPass, 31);
    target.see(kFailure, 3);
    EXPECT_EQ(target.judge.doublings, 0U);
}

TEST(Flapping, never_shortens_a_long_rise) {
    Check check = parse_check("http://127.0.0.1/").value();
    check.interval = 60s;
    check.rise = 10;
    EXPECT_EQ(flap_delay(check, 0), 600s);
    EXPECT_EQ(flap_delay(check, 5), 600s);
}

TEST(Verdicts, combine_to_the_worst) {
    using enum Verdict;
    EXPECT_EQ(combine({}), healthy);
    EXPECT_EQ(combine(std::array{healthy, healthy}), healthy);
    EXPECT_EQ(combine(std::array{healthy, initial}), initial);
    EXPECT_EQ(combine(std::array{unhealthy, initial}), unhealthy);
    EXPECT_EQ(combine(std::array{healthy, unhealthy}), unhealthy);
}

}  // namespace
}  // namespace rota::health
