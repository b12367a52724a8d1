#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rota/agent/api_share.h"
#include "rota/agent/capacity.h"
#include "rota/agent/fleet.h"
#include "rota/agent/gain.h"
#include "rota/agent/weight.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kStart{1h};

instance::LoadSample busy(double utilisation) {
    return {.utilisation = utilisation, .requests = {}, .errors = {}};
}

/// One agent, looked at every 10 s; what it wants is written as soon as it may.
class Agent {
public:
    explicit Agent(WeightSettings settings = {.slow_start = 0s}) : settings_{settings} {
        EXPECT_TRUE(validate(settings_));
        const auto first = observe(state_, settings_, {}, now_);
        joined(state_, first.weight, now_);
        weight = first.weight;
    }

    WeightDecision look(const WeightInput& input) {
        now_ += 10s;
        auto decision = observe(state_, settings_, input, now_);
        if (decision.may_publish) {
            published(state_, decision.weight, now_);
            weight = decision.weight;
            ++writes;
        }
        return decision;
    }

    WeightDecision look_for(std::chrono::seconds time, WeightInput input) {
        WeightDecision decision;
        for (auto passed = 0s; passed < time; passed += 10s) {
            if (rate > 0) {
                requests_ += rate * 10;
                input.load.requests = static_cast<std::uint64_t>(requests_);
            }
            decision = look(input);
        }
        return decision;
    }

    std::uint8_t weight = 0;
    int writes = 0;
    double rate = 0;  ///< requests a second; 0: no counter

private:
    WeightSettings settings_;
    WeightState state_;
    BootTime now_ = kStart;
    double requests_ = 0;
};

FleetReport fleet(double mean, std::size_t members = 4) {
    return {.members = members,
            .reporting = members,
            .young = {},
            .mean_utilisation = mean,
            .median_capacity = {}};
}

TEST(WeightLaw, keeps_the_base_while_the_load_is_carried) {
    Agent agent;
    agent.look_for(1h, {.load = busy(0.3)});
    EXPECT_EQ(agent.weight, 100);
    EXPECT_EQ(agent.writes, 0);
}

TEST(WeightLaw, sheds_what_is_above_the_target_and_takes_it_back) {
    Agent agent;
    agent.look_for(10min, {.load = busy(1)});
    EXPECT_LT(agent.weight, 50);
    const auto low = agent.look_for(1h, {.load = busy(1)});
    EXPECT_EQ(low.weight, 25) << "a quarter at least, whatever the load";
    EXPECT_EQ(low.reason, "100 x trim 0.25 (100% busy, the target 60%)");
    EXPECT_EQ(agent.look_for(1h, {.load = busy(0.2)}).weight, 100);
    EXPECT_GE(agent.weight, 95) << "less than 5 % is not worth a change";
}

TEST(WeightLaw, leaves_differences_in_the_dead_band_alone) {
    Agent agent;
    agent.look_for(1h, {.load = busy(0.65)});
    EXPECT_EQ(agent.writes, 0);
    agent.look_for(1h, {.load = busy(0.54), .fleet = fleet(0.5)});
    EXPECT_EQ(agent.writes, 0);
}

TEST(WeightLaw, publishes_at_most_once_a_minute_or_ttl) {
    Agent minute;
    minute.look_for(10min, {.load = busy(1)});
    EXPECT_LE(minute.writes, 10);
    EXPECT_GE(minute.writes, 5);
    Agent slow{{.ttl = 300s, .slow_start = 0s}};
    slow.look_for(10min, {.load = busy(1)});
    EXPECT_LE(slow.writes, 2);
}

TEST(WeightLaw, follows_the_fleets_mean_where_it_reports) {
    Agent above;
    const auto half = above.look_for(20min, {.load = busy(0.8), .fleet = fleet(0.5)});
    EXPECT_EQ(half.weight, 50) << "at most halved";
    Agent below;
    below.look_for(1h, {.load = busy(0.3), .fleet = fleet(0.5)});
    EXPECT_GT(below.weight, 170) << "at most doubled";
}

TEST(WeightLaw, rests_where_the_fleets_figures_cannot_guide) {
    FleetReport missing = fleet(0.5, 10);
    missing.reporting = 6;
    for (const auto& report : {fleet(0.9), missing}) {
        Agent agent;
        const auto last = agent.look_for(1h, {.load = busy(1), .fleet = report});
        EXPECT_EQ(agent.writes, 0);
        EXPECT_TRUE(last.reason.contains("trim rests")) << last.reason;
    }
    Agent two;  // the target alone
    const WeightInput odd{.load = busy(1), .fleet = fleet(0.5, 2)};
    EXPECT_EQ(two.look_for(1h, odd).weight, 25);
    Agent blind;
    EXPECT_TRUE(blind.look_for(1h, {}).reason.contains("no load figures"));
    EXPECT_EQ(blind.writes, 0);
}

TEST(WeightLaw, weighs_by_capacity_against_the_reference) {
    Agent agent{{.reference_capacity = 100, .slow_start = 0s}};
    agent.rate = 30;
    const auto last = agent.look_for(5min, {.load = busy(0.6)});
    EXPECT_EQ(agent.weight, 50);
    EXPECT_EQ(last.reason, "100 x capacity 0.50 (50 of 100 requests/s)");
}

TEST(WeightLaw, weighs_by_capacity_against_the_fleets_median) {
    Agent agent;
    agent.rate = 60;
    FleetReport report = fleet(0.3);
    report.median_capacity = 100;
    agent.look_for(5min, {.load = busy(0.3), .fleet = report});
    EXPECT_EQ(agent.weight, 200);
}

TEST(WeightLaw, obeys_the_agent_checks_word) {
    Agent agent;
    agent.look_for(2min, {.word = health::AgentWeight{.value = 50}});
    EXPECT_EQ(agent.weight, 50);
    const health::AgentWeight absolute{.value = 256, .is_percent = false};
    agent.look_for(2min, {.word = absolute});
    EXPECT_EQ(agent.weight, 255);
    const auto none = agent.look_for(2min, {.word = health::AgentWeight{.value = 0}});
    EXPECT_TRUE(none.asks_for_none);
    EXPECT_EQ(agent.weight, 1) << "0 would only be advice";
    agent.look_for(2min, {});
    EXPECT_EQ(agent.weight, 100);
}

TEST(WeightLaw, starts_slowly) {
    Agent agent{{.slow_start = 300s}};
    EXPECT_EQ(agent.weight, 10);
    std::vector<int> weights;
    for (int minute = 0; minute < 6; ++minute) {
        agent.look_for(1min, {.load = busy(0.1), .fleet = fleet(0.6)});
        weights.push_back(agent.weight);
    }
    EXPECT_EQ(weights, (std::vector<int>{20, 40, 60, 80, 100, 100})) << "and no trim meanwhile";
}

TEST(WeightLaw, does_not_hold_back_in_a_young_fleet) {
    const WeightSettings settings{.slow_start = 300s};
    WeightState state;
    FleetReport young = fleet(0.1);
    young.young = 3;
    EXPECT_EQ(observe(state, settings, {.fleet = young}, kStart).weight, 100);
    young.young = 2;
    EXPECT_EQ(observe(state, settings, {.fleet = young}, kStart).weight, 10);
}

TEST(WeightLaw, begins_no_slow_start_when_the_agent_restarts) {
    const WeightSettings settings{.slow_start = 300s};
    WeightState state;
    resumed(state, 80, kStart);
    const auto decision = observe(state, settings, {}, kStart + 10s);
    EXPECT_EQ(decision.weight, 100);
    EXPECT_FALSE(decision.may_publish);
    left(state);
    EXPECT_EQ(observe(state, settings, {}, kStart + 20s).weight, 10);
}

TEST(WeightSettings, out_of_range_are_refused) {
    EXPECT_TRUE(validate({}));
    EXPECT_FALSE(validate({.base = 0}));
    EXPECT_FALSE(validate({.target = 0}));
    EXPECT_FALSE(validate({.target = 60}));
    EXPECT_FALSE(validate({.reference_capacity = 0}));
    EXPECT_FALSE(validate({.slow_start = 2h}));
    EXPECT_FALSE(validate({.dead_band = 1}));
    EXPECT_FALSE(validate({.gain = 0}));
    const auto refused = validate({.gain = 1, .connection_life = 120s});
    ASSERT_FALSE(refused);
    EXPECT_EQ(
        refused.error().message,
        "gain 1 must be above 0 and below 0.445: with a TTL of 60 s and connections that live "
        "120 s the loop answers 3 steps of 60 s late, and from 0.445 on weights swing without "
        "end (up to 0.105 they do not overshoot)");
}

TEST(GainBounds, are_those_of_the_delayed_integrator) {
    EXPECT_DOUBLE_EQ(gain_bounds(0).stable, 2);
    EXPECT_DOUBLE_EQ(gain_bounds(0).without_overshoot, 1);
    EXPECT_NEAR(gain_bounds(1).stable, 1, 1e-12);
    EXPECT_DOUBLE_EQ(gain_bounds(1).without_overshoot, 0.25);
    // The loop itself says so.
    for (unsigned delay = 0; delay < 6; ++delay) {
        const auto amplitude = [&](double gain) {
            std::vector<double> error(delay + 1, 1.0);
            for (int i = 0; i < 10000; ++i) {
                error.push_back(error.back() - gain * error[error.size() - 1 - delay]);
            }
            return std::abs(error.back()) + std::abs(error[error.size() - 2 - delay]);
        };
        const double bound = gain_bounds(delay).stable;
        EXPECT_LT(amplitude(0.99 * bound), 1e-3) << delay;
        EXPECT_GT(amplitude(1.01 * bound), 10) << delay;
    }
    EXPECT_EQ(control_delay(0s, 60s), 1);
    EXPECT_EQ(control_delay(61s, 30s), 3);
    EXPECT_EQ(safe_gain(0.2, 0s, 60s), 0.2);
    EXPECT_LT(safe_gain(0.2, 10min, 60s), 0.2);
}

TEST(Capacity, is_requests_over_utilisation_with_errors_for_load) {
    EXPECT_EQ(capacity_of(0.5, 50, 0), 100);
    EXPECT_EQ(capacity_of(0.5, 50, 25), 50);
    EXPECT_FALSE(capacity_of(0.09, 50, 0));
    EXPECT_FALSE(capacity_of(0.5, 0.9, 0));
}

TEST(Capacity, needs_30_s_of_figures_and_forgets_after_180_s) {
    CapacityEstimate estimate;
    BootTime now = kStart;
    const auto look = [&](std::uint64_t requests, double utilisation) {
        now += 10s;
        observe(estimate, {.utilisation = utilisation, .requests = requests, .errors = {}}, now);
    };
    look(1000, 0.5);
    look(1500, 0.5);
    look(2000, 0.5);
    look(2500, 0.5);
    EXPECT_FALSE(capacity(estimate, now));
    look(3000, 0.5);
    EXPECT_DOUBLE_EQ(capacity(estimate, now).value(), 100);
    EXPECT_DOUBLE_EQ(estimate.requests_per_second.value(), 50);
    look(0, 0.5);  // the application has restarted
    EXPECT_FALSE(estimate.requests_per_second);
    look(500, 0.5);
    EXPECT_DOUBLE_EQ(capacity(estimate, now).value(), 100);
    EXPECT_TRUE(capacity(estimate, now + 180s));
    EXPECT_FALSE(capacity(estimate, now + 181s));
}

TEST(FleetReport, is_summed_up_from_the_answer_to_a_heartbeat) {
    const auto member = [](double utilisation, double rate, bool draining = false) {
        return route53::MemberReport{.load = {.utilisation = utilisation,
                                              .requests_per_second = rate,
                                              .draining = draining}};
    };
    const auto report =
        fleet_report({.members = 6,
                      .reporting = 5,
                      .mean_utilisation = 0.5,
                      .reports = {member(0.5, 50), member(0.5, 100), member(0.5, 60),
                                  member(0.01, 60), member(0.5, 9000, true)}});
    EXPECT_EQ(report.members, 6);
    EXPECT_EQ(report.reporting, 4);
    EXPECT_EQ(report.mean_utilisation, 0.5);
    EXPECT_EQ(report.median_capacity, 120);
    EXPECT_EQ(report.young, 0);
    route53::RotaReport some{.members = 3, .reports = {member(0.5, 50), member(0.5, 50)}};
    some.reports[0].load.in_service_seconds = 59;
    some.reports[1].load.in_service_seconds = 61;
    EXPECT_EQ(fleet_report(some, 60s).young, 1);
    EXPECT_FALSE(fleet_report({.members = 1, .reports = {member(0.5, 50)}}).median_capacity);
}

TEST(LoadReport, tells_the_fleet_what_was_measured) {
    const CapacityEstimate rates{.requests_per_second = 50, .errors_per_second = {}};
    const auto report = load_report(busy(0.5), rates, 7s, true);
    EXPECT_EQ(report.utilisation, 0.5);
    EXPECT_EQ(report.requests_per_second, 50);
    EXPECT_FALSE(report.errors_per_second);
    EXPECT_EQ(report.in_service_seconds, 7.0);
    EXPECT_TRUE(report.draining);
}

TEST(ScaleWarning, is_given_when_the_siblings_weigh_on_another_scale) {
    const std::array<std::uint8_t, 4> tens{10, 10, 12, 0};
    const auto warning = scale_warning(100, 100, tens);
    ASSERT_TRUE(warning);
    EXPECT_TRUE(warning->starts_with("the other members weigh 10 in the median, this one 100"))
        << *warning;
    EXPECT_TRUE(scale_warning(10, 10, std::array<std::uint8_t, 1>{100}));
    EXPECT_FALSE(scale_warning(100, 10, tens)) << "a fleet in its slow start";
    EXPECT_FALSE(scale_warning(100, 90, std::array<std::uint8_t, 2>{100, 200}));
    EXPECT_FALSE(scale_warning(100, 100, {}));
    EXPECT_FALSE(scale_warning(100, 100, std::array<std::uint8_t, 1>{0}));
}

TEST(ApiShare, keeps_a_fleet_within_its_budget) {
    const ApiBudget budget;
    EXPECT_EQ(api_interval(1, budget), 1s);
    EXPECT_EQ(api_interval(100, budget), 100s);
    EXPECT_EQ(api_interval(0, budget), 1s);
    EXPECT_EQ(api_interval(5, {.part = 0}), 24h);
    ApiShare share;
    EXPECT_TRUE(may_call(share, ApiUse::leisurely, kStart));
    called(share, 3, 20, budget, kStart);
    EXPECT_FALSE(may_call(share, ApiUse::leisurely, kStart + 59s));
    EXPECT_TRUE(may_call(share, ApiUse::leisurely, kStart + 60s));
}

TEST(ApiShare, lets_health_and_drain_go_first_and_counts_them) {
    const ApiBudget budget;
    ApiShare share;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(may_call(share, ApiUse::urgent, kStart));
        called(share, 1, 10, budget, kStart);
    }
    EXPECT_FALSE(may_call(share, ApiUse::leisurely, kStart + 199s));
    EXPECT_TRUE(may_call(share, ApiUse::leisurely, kStart + 200s)) << "the debt is bounded";
}

}  // namespace
}  // namespace rota::agent
