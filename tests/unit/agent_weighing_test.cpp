#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "rota/agent/absence.h"
#include "rota/agent/fleet.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/status.h"
#include "rota/agent/weighing.h"
#include "rota/base/clock.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/instance/load.h"
#include "rota/instance/notices.h"
#include "rota/model/record_set.h"
#include "support/agent_world.h"

namespace rota::agent::testing {
namespace {

using Fate = World::Fate;

Settings weighing(std::chrono::seconds slow_start = 0s) {
    Settings settings{.goal = Goal::stay, .signature = "rota test"};
    settings.load = LoadWeights{};
    settings.load->law.slow_start = slow_start;
    settings.watch_members = true;
    return settings;
}

std::uint8_t weight_in(const World& world, const std::string& id = "i-1") {
    return std::get<model::WeightedRouting>(world.zone.at(id).routing).weight;
}

std::size_t upserts(const World& world) {
    return static_cast<std::size_t>(std::ranges::count_if(
        world.log, [](const auto& entry) { return std::holds_alternative<Upsert>(entry.second); }));
}

/// Ten seconds at a time: what is due is done, the load is `utilisation`.
void carry(World& world, double utilisation, std::chrono::seconds time, Fate fate = Fate::done) {
    const BootTime end = world.now + time;
    while (world.now < end) {
        while (std::exchange(world.measures_load, false)) {
            world.feed(Measured{.load = {.utilisation = utilisation}});
        }
        while (world.answer_one(fate)) {
        }
        if (!world.advance_to_wake()) {
            world.advance(10s);
        }
    }
}

World in_service(Settings settings, std::uint8_t base = 100) {
    World world{std::move(settings), {www(base)}};
    world.feed(Started{});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

TEST(Weighing, sheds_under_load_and_takes_it_back) {
    World world = in_service(weighing());
    EXPECT_EQ(weight_in(world), 100);
    carry(world, 1.2, 20min);
    EXPECT_EQ(weight_in(world), 25);
    EXPECT_TRUE(world.said("the weight is 82 instead of 100: 100 x trim 0.82"));
    carry(world, 0.1, 1h);
    EXPECT_GE(weight_in(world), 95);
    EXPECT_EQ(world.phase(), Phase::in_service);
}

TEST(Weighing, writes_nothing_inside_the_dead_band) {
    World world = in_service(weighing());
    carry(world, 0.62, 6h);
    EXPECT_EQ(upserts(world), 1U);
}

TEST(Weighing, looks_before_it_writes_and_waits_for_nobody) {
    World world = in_service(weighing());
    world.log.clear();
    world.is_insync = false;
    carry(world, 1.2, 4min);
    std::vector<std::size_t> kinds;
    for (const auto& [at, request] : world.log) {
        kinds.push_back(request.index());
    }
    const std::size_t look = Request{ReadGroup{}}.index();
    const std::size_t write = Request{Upsert{}}.index();
    ASSERT_GE(kinds.size(), 4U);
    for (std::size_t i = 0; i + 1 < kinds.size(); i += 2) {
        EXPECT_EQ(kinds[i], look);
        EXPECT_EQ(kinds[i + 1], write);
    }
}

TEST(Weighing, writes_at_most_once_a_minute_or_ttl) {
    World world{weighing(), {www(100, 300s)}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    carry(world, 2, 1h);
    std::vector<BootTime> writes;
    for (const auto& [at, request] : world.log) {
        if (std::holds_alternative<Upsert>(request)) {
            writes.push_back(at);
        }
    }
    ASSERT_GE(writes.size(), 3U);
    for (std::size_t i = 1; i < writes.size(); ++i) {
        EXPECT_GE(writes[i] - writes[i - 1], 300s);
    }
}

TEST(Weighing, keeps_the_rotas_ttl_and_what_a_sibling_wrote) {
    World world = in_service(weighing());
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 100, 20);
    world.zone["i-1"].ttl = 20;
    carry(world, 1.2, 3min);
    EXPECT_LT(weight_in(world), 100);
    EXPECT_EQ(world.zone["i-1"].ttl, 20U);
    EXPECT_EQ(weight_in(world, "i-2"), 100);
}

TEST(Weighing, starts_slowly_and_again_after_an_absence) {
    World world = in_service(weighing(60s));
    EXPECT_EQ(weight_in(world), 10);
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 100);
    world.feed(WentAbsent{{.reason = Reason::maintenance, .text = "x"}});
    ASSERT_TRUE(world.run_until(Phase::out));
    carry(world, 0.3, 10min);
    world.feed(CameBack{Reason::maintenance});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(weight_in(world), 10);
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 100);
}

TEST(Weighing, goes_on_from_the_weight_that_a_restart_finds) {
    World world{weighing(60s), {www(100)}};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 70);
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(upserts(world), 0U);
    carry(world, 0.3, 5min);
    EXPECT_EQ(weight_in(world), 100);
}

TEST(Weighing, does_not_keep_a_weight_of_zero_from_before) {
    World world{weighing(), {www(100)}};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 0);
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(weight_in(world), 100);
}

TEST(Weighing, leaves_a_weight_that_somebody_else_has_set) {
    World world = in_service(weighing());
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 0);
    carry(world, 1.2, 1h);
    EXPECT_EQ(weight_in(world), 0);
    EXPECT_EQ(upserts(world), 1U);
    EXPECT_TRUE(world.said("changed from 100 to 0 by someone else: left so"));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 100);
    carry(world, 1.2, 1h);
    EXPECT_LT(weight_in(world), 50);
    EXPECT_TRUE(world.said("changed from 0 to 100 by someone else: load moves it from there"));
}

TEST(Weighing, does_not_take_its_own_writes_for_somebody_elses) {
    World world = in_service(weighing());
    carry(world, 1.2, 20min);
    carry(world, 0.3, 1h);
    EXPECT_FALSE(world.said("by someone else"));
    EXPECT_GT(upserts(world), 5U);
}

/// Until the write of a weight is out.
bool until_write(World& world, double utilisation) {
    for (int i = 0; i < 1000; ++i) {
        if (!world.calls.empty() && std::holds_alternative<Upsert>(world.calls.front().request)) {
            return true;
        }
        if (std::exchange(world.measures_load, false)) {
            world.feed(Measured{.load = {.utilisation = utilisation}});
        } else if (!world.answer_one()) {
            world.advance_to_wake();
        }
    }
    return false;
}

TEST(Weighing, knows_a_write_whose_answer_was_lost) {
    World world = in_service(weighing());
    ASSERT_TRUE(until_write(world, 1.2));
    world.answer_one(Fate::answer_lost);
    EXPECT_TRUE(world.said("cannot change the weight to 82"));
    EXPECT_EQ(world.phase(), Phase::in_service);
    carry(world, 1.2, 20min);
    EXPECT_TRUE(world.said("the weight is 82 instead of 100: a write whose answer was lost"));
    EXPECT_FALSE(world.said("by someone else"));
    EXPECT_EQ(weight_in(world), 25);
}

TEST(Weighing, does_not_write_for_load_once_it_is_leaving) {
    World world = in_service(weighing());
    carry(world, 1.2, 5min);
    ASSERT_TRUE(until_write(world, 1.2));
    world.feed(LeaveRequested{"SIGTERM"});
    const std::size_t before = upserts(world);
    world.answer_one(Fate::answer_lost);
    world.measures_load = true;
    world.feed(Measured{.load = {.utilisation = 2.0}});
    world.run_to_the_end();
    EXPECT_EQ(upserts(world), before);
    EXPECT_EQ(world.finished, 0);
    EXPECT_FALSE(world.zone.contains("i-1"));
}

TEST(Weighing, does_not_write_for_load_while_an_absence_holds) {
    World world = in_service(weighing());
    world.feed(
        WentAbsent{{.reason = Reason::unhealthy, .guard = Guard::last_member, .text = "503"}});
    carry(world, 1.2, 1h);
    EXPECT_EQ(world.phase(), Phase::in_service) << "the last member stays";
    EXPECT_EQ(weight_in(world), 100);
}

TEST(Weighing, asks_an_api_in_trouble_no_more_often_than_without) {
    World world = in_service(weighing());
    carry(world, 1.2, 2min);
    world.log.clear();
    carry(world, 1.2, 4h, Fate::refused_retryably);
    EXPECT_LE(world.log.size(), 4U * 16U);
}

TEST(Weighing, keeps_a_large_fleet_within_its_part_of_the_api) {
    World world = in_service(weighing());
    for (int i = 2; i <= 90; ++i) {
        const std::string id = "i-" + std::to_string(i);
        world.zone[id] = weighted(id, "192.0.2.9", 100);
    }
    carry(world, 0.3, 20min);
    world.log.clear();
    double load = 2;
    for (int i = 0; i < 12; ++i, load = load > 1 ? 0.1 : 2) {
        carry(world, load, 10min);
    }
    EXPECT_LE(world.log.size(), 2U * 3600U / 90U) << "one call in 90 s";
    EXPECT_GT(upserts(world), 5U);
}

TEST(Weighing, says_once_that_its_siblings_weigh_on_another_scale) {
    World world = in_service(weighing());
    for (const char* const id : {"i-2", "i-3"}) {
        world.zone[id] = weighted(id, "192.0.2.9", 10);
    }
    carry(world, 0.3, 1h);
    EXPECT_EQ(std::ranges::count_if(
                  world.sayings,
                  [](const std::string& saying) { return saying.contains("different scales"); }),
              1);
    EXPECT_TRUE(status_json(world.state, world.now).contains("different scales"));
}

TEST(Weighing, is_not_alarmed_by_a_fleet_in_its_slow_start) {
    World world = in_service(weighing(60s));
    carry(world, 0.3, 20min);
    world.zone["i-2"] = weighted("i-2", "192.0.2.9", 10);
    carry(world, 0.3, 301s);
    world.zone["i-2"] = weighted("i-2", "192.0.2.9", 100);
    carry(world, 0.3, 1h);
    EXPECT_FALSE(world.said("different scales"));
}

TEST(Weighing, names_the_sources_that_fail_once) {
    World world = in_service(weighing());
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(std::exchange(world.measures_load, false));
        world.feed(Measured{.load = {}, .problems = {"no psi"}});
        while (!world.measures_load) {
            world.answer_all();
            ASSERT_TRUE(world.advance_to_wake());
        }
    }
    world.measures_load = false;
    world.feed(Measured{});
    EXPECT_EQ(std::ranges::count(world.sayings, "the load cannot be told: no psi"), 1);
    EXPECT_TRUE(world.said("all load sources tell the load again"));
}

TEST(Weighing, is_shown_with_its_reason) {
    World world = in_service(weighing());
    carry(world, 1.2, 10min);
    const auto view = parse_status(status_json(world.state, world.now));
    ASSERT_TRUE(view);
    EXPECT_TRUE(view->rotas[0].load.starts_with("load 120%, weight ")) << view->rotas[0].load;
    EXPECT_TRUE(view->rotas[0].load.contains("120% busy, the target 60%")) << view->rotas[0].load;
}

/// As carry(), with heartbeats that the fleet answers.
void carry_among(World& world, const FleetReport& fleet, double utilisation,
                 std::chrono::seconds time) {
    const BootTime end = world.now + time;
    while (world.now < end) {
        if (!world.beats.empty()) {
            world.beats.pop_front();
            world.feed(Beaten{.member = 0, .fleet = fleet});
        }
        carry(world, utilisation, 1s);
    }
}

FleetReport fleet_of(std::size_t members, double mean, std::size_t young = 0) {
    return {.members = members,
            .reporting = members,
            .young = young,
            .mean_utilisation = mean,
            .median_capacity = {}};
}

TEST(Weighing, tells_the_fleet_its_load_in_the_heartbeats) {
    Settings settings = weighing(60s);
    settings.lease = 9s;
    World world = in_service(settings);
    EXPECT_FALSE(world.last_beat->load) << "nothing is measured yet";
    carry_among(world, fleet_of(4, 0.5), 0.75, 2min);
    ASSERT_TRUE(world.last_beat->load);
    EXPECT_EQ(world.last_beat->load->utilisation, 0.75);
    EXPECT_GE(world.last_beat->load->in_service_seconds, 100);
    EXPECT_FALSE(world.last_beat->load->draining);
}

TEST(Weighing, follows_the_fleets_mean) {
    Settings settings = weighing();
    settings.lease = 9s;
    World world = in_service(settings);
    carry_among(world, fleet_of(4, 0.3), 0.5, 1h);
    EXPECT_LT(weight_in(world), 60) << "below the target, but busier than the others";
    EXPECT_TRUE(world.said("(50% busy, the fleet 30%)"));
    EXPECT_TRUE(status_json(world.state, world.now).contains(R"("fleet":{"members":4,)"));
}

TEST(Weighing, skips_the_slow_start_in_a_young_fleet) {
    for (const auto& [young, weight] : {std::pair{3U, 100}, std::pair{1U, 40}}) {
        Settings settings = weighing(5min);
        settings.lease = 9s;
        World world = in_service(settings);
        EXPECT_EQ(weight_in(world), 10) << "nobody has told yet";
        carry_among(world, fleet_of(4, 0.3, young), 0.3, 90s);
        EXPECT_LE(std::abs(weight_in(world) - weight), 25) << young;
    }
}

Settings asking_an_agent_check() {
    Settings settings = weighing();
    settings.checks = {health::parse_check("agent-check://127.0.0.1:80").value()};
    return settings;
}

/// The application answers its agent-check with that line from now on.
void say(World& world, const std::string& line) {
    for (int i = 0; i < 100 && world.probes.empty(); ++i) {
        world.answer_all();
        world.advance_to_wake();
    }
    ASSERT_FALSE(world.probes.empty());
    world.probes.pop_front();
    world.feed(Probed{0,
                      {.outcome = health::Outcome::passed,
                       .detail = line,
                       .report = health::parse_agent_check(line)}});
}

World saying(const std::string& line) {
    World world{asking_an_agent_check(), {www(100)}};
    world.feed(Started{});
    say(world, line);
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

TEST(Weighing, follows_the_words_of_an_agent_check) {
    World world = saying("up ready 50%");
    EXPECT_EQ(weight_in(world), 50) << "from the first write on";
    say(world, "up weight:20");
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 20);
    EXPECT_TRUE(world.said("20 (the agent-check says 20)"));
    say(world, "up 100%");
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 100);
}

TEST(Weighing, takes_a_weight_of_zero_for_a_wish_to_be_out) {
    World world = saying("up ready");
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 100);
    say(world, "up 0%");
    EXPECT_TRUE(world.said("agent-check://127.0.0.1:80 says weight 0"));
    EXPECT_TRUE(world.run_until(Phase::out));
    EXPECT_FALSE(world.zone.contains("i-1"));
    say(world, "up 100%");
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

Noticed recommends(std::optional<WallTime> since, WallTime now) {
    Noticed noticed{.notices = instance::Notices{}, .problem = {}, .now = now};
    noticed.notices->rebalance = since;
    return noticed;
}

TEST(Weighing, halves_the_weight_for_a_while_where_ec2_recommends_to_rebalance) {
    Settings settings = weighing();
    settings.watch_notices = true;
    World world = in_service(settings);
    const WallTime since{std::chrono::hours{400'000}};
    world.feed(recommends(since, since + 10min));
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 50);
    EXPECT_TRUE(world.said("the weight is 50 instead of 100: 100 x risk 0.50"));
    world.feed(recommends(since, since + 13min));
    carry(world, 0.3, 20min);
    EXPECT_EQ(weight_in(world), 100) << "it was only a risk";
    world.feed(recommends(since + 1h, since + 1h));
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 50);
    world.feed(recommends(std::nullopt, since + 1h));
    carry(world, 0.3, 3min);
    EXPECT_EQ(weight_in(world), 100);
}

TEST(Weighing, does_not_heed_a_recommendation_that_is_long_past) {
    Settings settings = weighing();
    settings.watch_notices = true;
    World world = in_service(settings);
    const WallTime since{std::chrono::hours{400'000}};
    world.feed(recommends(since, since + 1h));
    carry(world, 0.3, 10min);
    EXPECT_EQ(weight_in(world), 100);
}

Settings staying_at_zero() {
    Settings settings{.goal = Goal::stay, .signature = "rota test"};
    settings.unhealthy = Unhealthy::weight_zero;
    settings.watch_members = true;
    return settings;
}

World among_two(Settings settings) {
    World world{std::move(settings), {www(10)}};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 10);
    world.feed(Started{});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

void fall_sick(World& world) {
    world.feed(WentAbsent{{.reason = Reason::unhealthy, .guard = Guard::quorum, .text = "503"}});
}

/// @returns whether an UPSERT is out.
bool goes_on_to_write(World& world) {
    while (world.calls.empty() || !std::holds_alternative<Upsert>(world.calls.front().request)) {
        if (!world.answer_one() && !world.advance_to_wake()) {
            return false;
        }
    }
    return true;
}

TEST(WeightZero, is_written_for_a_sick_member_that_stays_and_taken_back) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    carry(world, 0, 10s);
    EXPECT_EQ(weight_in(world), 0);
    EXPECT_EQ(world.phase(), Phase::in_service);
    EXPECT_TRUE(world.said("the weight is 0 instead of 10: unhealthy: 503"));
    EXPECT_EQ(describe(world.state, world.state.members[0], world.now),
              "at weight 0: unhealthy: 503");
    carry(world, 0, 1h);
    EXPECT_EQ(upserts(world), 2U);
    world.feed(CameBack{Reason::unhealthy});
    carry(world, 0, 1s);
    EXPECT_EQ(weight_in(world), 10);
    EXPECT_TRUE(world.said("the weight is 10 again: healthy"));
    EXPECT_FALSE(world.said("by someone else"));
    EXPECT_EQ(world.deletes, 0U);
}

TEST(WeightZero, that_cannot_be_taken_back_is_tried_gently) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    carry(world, 0, 10s);
    ASSERT_EQ(weight_in(world), 0);
    const std::size_t before = upserts(world);
    world.feed(CameBack{Reason::unhealthy});
    const BootTime end = world.now + 10min;
    for (int i = 0; i < 100000 && world.now < end; ++i) {
        const bool is_write =
            !world.calls.empty() && std::holds_alternative<Upsert>(world.calls.front().request);
        if (!world.answer_one(is_write ? World::Fate::refused_retryably : World::Fate::done)) {
            world.advance_to_wake();
        }
    }
    EXPECT_GE(world.now, end);
    EXPECT_LT(upserts(world) - before, 60U);
    carry(world, 0, 2min);
    EXPECT_EQ(weight_in(world), 10);
}

TEST(WeightZero, is_refused_by_the_server_where_siblings_were_faster) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    ASSERT_TRUE(goes_on_to_write(world));
    EXPECT_EQ(std::get<Upsert>(world.calls.front().request).keep_members, 1U);
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 0);  // it has read at the same moment
    carry(world, 0, 10s);
    EXPECT_EQ(weight_in(world), 10);
    EXPECT_TRUE(world.said("stays in the rota all the same"));
    world.feed(CameBack{Reason::unhealthy});
    carry(world, 0, 1h);
    EXPECT_EQ(weight_in(world), 10);
}

TEST(WeightZero, that_lands_late_after_another_absence_is_taken_back) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    ASSERT_TRUE(goes_on_to_write(world));
    world.feed(WentAbsent{{.reason = Reason::standby, .guard = Guard::none, .text = "Standby"}});
    world.answer_one(World::Fate::never_arrives);
    world.feed(CameBack{Reason::standby});
    world.feed(CameBack{Reason::unhealthy});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 0);
    carry(world, 0, 10min);
    EXPECT_EQ(weight_in(world), 10);
    EXPECT_FALSE(world.said("by someone else"));
}

TEST(Weighing, that_never_rests_still_follows_the_instance_to_another_address) {
    World world{weighing(), {moving(100)}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.address = "192.0.2.9";
    for (int i = 0; i < 20; ++i) {
        carry(world, i % 2 == 0 ? 0.9 : 0.3, 100s);
    }
    EXPECT_EQ(world.zone.at("i-1").values.front(), "192.0.2.9");
}

TEST(WeightZero, stays_and_goes_back_where_the_address_changes_meanwhile) {
    World world{staying_at_zero(), {moving()}};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    fall_sick(world);
    carry(world, 0, 30s);
    ASSERT_EQ(weight_in(world), 0);
    world.address = "192.0.2.9";
    carry(world, 0, 10min);
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.9", 0));
    world.feed(CameBack{Reason::unhealthy});
    carry(world, 0, 10min);
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.9", 10));
}

TEST(WeightZero, is_not_written_where_nobody_else_would_be_answered) {
    World world = among_two(staying_at_zero());
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 0);
    fall_sick(world);
    carry(world, 0, 1h);
    EXPECT_EQ(weight_in(world), 10);
    EXPECT_EQ(std::ranges::count_if(world.sayings,
                                    [](const std::string& saying) {
                                        return saying.contains("no other member has a weight");
                                    }),
              1);
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 10);
    carry(world, 0, 2min);
    EXPECT_EQ(weight_in(world), 0);
}

TEST(WeightZero, gives_way_to_every_other_reason_to_be_out) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    carry(world, 0, 10s);
    world.feed(WentAbsent{{.reason = Reason::maintenance, .text = "x"}});
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_FALSE(world.zone.contains("i-1"));
    world.feed(CameBack{Reason::maintenance});
    carry(world, 0, 10min);
    EXPECT_EQ(world.phase(), Phase::out) << "still sick";
    world.feed(CameBack{Reason::unhealthy});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(weight_in(world), 10);
}

TEST(WeightZero, is_left_behind_by_a_leave) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    carry(world, 0, 10s);
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_FALSE(world.zone.contains("i-1"));
}

TEST(WeightZero, is_tried_ever_more_slowly_where_it_is_refused) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    world.log.clear();
    carry(world, 0, 1h, Fate::refused_retryably);
    EXPECT_LE(world.log.size(), 200U);
    EXPECT_EQ(weight_in(world), 10);
    carry(world, 0, 2min);
    EXPECT_EQ(weight_in(world), 0);
}

TEST(WeightZero, whose_answer_was_lost_is_nobody_elses) {
    World world = among_two(staying_at_zero());
    fall_sick(world);
    ASSERT_TRUE(until_write(world, 0));
    world.answer_one(Fate::answer_lost);
    carry(world, 0, 10min);
    EXPECT_EQ(weight_in(world), 0);
    EXPECT_FALSE(world.said("by someone else"));
    world.feed(CameBack{Reason::unhealthy});
    carry(world, 0, 1min);
    EXPECT_EQ(weight_in(world), 10);
}

TEST(WeightZero, goes_back_to_what_load_had_made_of_the_weight) {
    Settings settings = weighing();
    settings.unhealthy = Unhealthy::weight_zero;
    World world{settings, {www(100)}};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 100);
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    carry(world, 1.2, 5min);
    const std::uint8_t before = weight_in(world);
    ASSERT_LT(before, 90);
    fall_sick(world);
    carry(world, 0.6, 10min);
    EXPECT_EQ(weight_in(world), 0);
    world.feed(CameBack{Reason::unhealthy});
    carry(world, 0.6, 10s);
    EXPECT_EQ(weight_in(world), before);
    carry(world, 0.1, 2h);
    EXPECT_GE(weight_in(world), 95);
    EXPECT_FALSE(world.said("by someone else"));
}

TEST(Weighing, is_nothing_to_a_one_shot_join) {
    Settings settings = weighing(60s);
    settings.goal = Goal::join;
    World world{settings, {www(100)}};
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(weight_in(world), 100) << "nobody would raise a slow start's";
    EXPECT_FALSE(world.measures_load);
}

}  // namespace
}  // namespace rota::agent::testing
