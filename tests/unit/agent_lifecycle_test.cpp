#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rota/agent/lifecycle.h"
#include "rota/agent/status.h"
#include "rota/agent/zone_id.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/instance/connections.h"
#include "rota/model/record_set.h"
#include "support/agent_world.h"

namespace rota::agent::testing {
namespace {

using Fate = World::Fate;

Settings agent() {
    return {.goal = Goal::stay, .signature = "rota test"};
}

Settings one_shot(Goal goal) {
    return {.goal = goal, .signature = "rota test"};
}

template <typename R>
std::size_t calls_of(const World& world) {
    return static_cast<std::size_t>(std::ranges::count_if(
        world.log, [](const auto& entry) { return std::holds_alternative<R>(entry.second); }));
}

World in_service(Settings settings = agent()) {
    World world{std::move(settings)};
    world.feed(Started{});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

TEST(Join, writes_a_weighted_record_set_and_waits_for_insync) {
    World world{one_shot(Goal::join)};
    world.is_insync = false;
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::joining));
    world.answer_one();
    EXPECT_FALSE(world.finished);
    world.is_insync = true;
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.1"));
}

/// How often GetChange is called for a change that is INSYNC after `takes`.
std::size_t polls_for(Goal goal, std::chrono::milliseconds takes, std::uint64_t seed) {
    World world{one_shot(goal)};
    world.rng = Rng{seed};
    if (goal == Goal::leave) {
        world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    }
    world.is_insync = false;
    world.feed(Started{});
    EXPECT_TRUE(world.run_until(goal == Goal::join ? Phase::joining : Phase::withdrawing));
    const BootTime insync = world.now + takes;
    while (calls_of<GetChange>(world) < 100 && !world.is_insync) {
        EXPECT_TRUE(world.advance_to_wake());
        world.is_insync = world.now >= insync;
        world.answer_all();
    }
    return calls_of<GetChange>(world);
}

TEST(Polling, looks_early_and_spares_the_api_later) {
    struct Case {
        std::chrono::milliseconds takes;
        std::size_t most;  // three more than when the first look came after 100 ms
    };

    for (const Goal goal : {Goal::join, Goal::leave}) {
        for (std::uint64_t seed = 0; seed < 100; ++seed) {
            EXPECT_EQ(polls_for(goal, 16ms, seed), 1U);
            for (const auto& [takes, most] : {Case{20s, 12}, Case{40s, 16}, Case{60s, 18}}) {
                EXPECT_LE(polls_for(goal, takes, seed), most) << takes.count() << " ms";
            }
        }
    }
}

TEST(Polling, begins_within_24_ms) {
    for (const Goal goal : {Goal::join, Goal::leave}) {
        World world{one_shot(goal)};
        if (goal == Goal::leave) {
            world.zone["i-1"] = weighted("i-1", "192.0.2.1");
        }
        const BootTime start = world.now;
        world.feed(Started{});
        ASSERT_TRUE(world.run_until(goal == Goal::join ? Phase::in_service : Phase::draining));
        EXPECT_LE(world.now - start, 24ms);
        EXPECT_EQ(calls_of<GetChange>(world), 1U);
    }
}

TEST(Polling, is_not_done_for_a_change_that_is_insync_when_accepted) {
    World world{one_shot(Goal::join)};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::writing));
    const Call upsert = world.calls.front();
    world.feed(Answered{
        .member = 0, .call = upsert.id, .answer = Accepted{.change_id = "C1", .is_insync = true}});
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(calls_of<GetChange>(world), 0U);
}

TEST(Join, says_who_in_the_comment) {
    World world = in_service();
    for (const auto& [when, request] : world.log) {
        if (const auto* upsert = std::get_if<Upsert>(&request)) {
            EXPECT_EQ(upsert->comment, "rota join: i-1 by rota test");
        }
    }
}

TEST(Join, tells_of_many_members_only_where_one_more_fits) {
    const auto says_so_beside = [](std::size_t siblings) {
        World world{one_shot(Goal::join)};
        for (std::size_t i = 0; i < siblings; ++i) {
            const std::string id = fmt::format("s-{}", i);
            world.zone[id] = weighted(id, fmt::format("198.51.100.{}", i + 1));
        }
        world.feed(Started{});
        EXPECT_TRUE(world.run_until(Phase::writing));
        return world.said("members with this one");
    };
    EXPECT_FALSE(says_so_beside(78));
    EXPECT_TRUE(says_so_beside(79));
    EXPECT_TRUE(says_so_beside(99));
    EXPECT_FALSE(says_so_beside(100)) << "it is refused, and that is told in words of its own";
}

TEST(Join, writes_nothing_when_the_identical_record_set_is_there) {
    World world{one_shot(Goal::join)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(calls_of<Upsert>(world), 0U);
    EXPECT_TRUE(world.said("already in the rota"));
}

TEST(Join, changes_the_address_of_an_earlier_boot) {
    World world{one_shot(Goal::join)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.99");
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.zone.at("i-1").values.front(), "192.0.2.1");
}

TEST(Join, adopts_the_ttl_of_the_rota) {
    World world{one_shot(Goal::join)};
    world.zone["i-0"] = weighted("i-0", "192.0.2.9", 10, 300);
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.zone.at("i-1").ttl, 300U);
    EXPECT_TRUE(world.said("adopted"));
}

TEST(Join, never_writes_for_a_ttl_difference_alone) {
    World world{one_shot(Goal::join)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 10, 300);
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(calls_of<Upsert>(world), 0U);
}

TEST(Join, refuses_a_name_that_a_simple_record_set_holds) {
    World world{one_shot(Goal::join)};
    model::RecordSet simple = weighted("", "192.0.2.9");
    simple.routing = model::SimpleRouting{};
    world.zone[""] = simple;
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 73);
    EXPECT_TRUE(world.said("simple record set"));
    EXPECT_EQ(calls_of<Upsert>(world), 0U);
}

TEST(Join, warns_at_eighty_members) {
    World world{one_shot(Goal::join)};
    for (int i = 100; i < 179; ++i) {
        world.zone["i-" + std::to_string(i)] = weighted("i-" + std::to_string(i), "192.0.2.9");
    }
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_TRUE(world.said("80 members"));
}

TEST(Join, writes_with_a_single_request_when_told_not_to_read_or_wait) {
    Settings settings = one_shot(Goal::join);
    settings.read_first = false;
    settings.await_insync = false;
    World world{settings};
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(calls_of<ReadGroup>(world) + calls_of<GetChange>(world), 0U);
    EXPECT_EQ(calls_of<Upsert>(world), 1U);
    EXPECT_TRUE(world.said("joined, PENDING"));
    const std::string shown = status_json(world.state, world.now);
    EXPECT_TRUE(shown.contains(R"("phase":"joining")")) << shown;
    EXPECT_TRUE(shown.contains(" is PENDING")) << shown;
}

TEST(Join, warns_when_it_takes_over_anothers_identifier) {
    World world{one_shot(Goal::join)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.10");
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.said("was 192.0.2.10, becomes 192.0.2.1;"));
}

TEST(Join, retries_lost_answers_until_it_is_in) {
    World world{one_shot(Goal::join)};
    world.feed(Started{});
    for (const Fate fate : {Fate::never_arrives, Fate::refused_retryably, Fate::done, Fate::done,
                            Fate::answer_lost, Fate::answer_lost}) {
        while (!world.answer_one(fate)) {
            ASSERT_TRUE(world.advance_to_wake());
        }
    }
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
}

TEST(Join, gives_up_at_the_deadline_with_75) {
    World world{one_shot(Goal::join)};
    world.fault =
        Failure{.kind = FailureKind::no_answer, .error = {ErrorKind::timeout, "no answer", true}};
    const BootTime start = world.now;
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 75);
    EXPECT_EQ(world.phase(), Phase::expired);
    EXPECT_GE(world.now, start + 300s);
    EXPECT_LE(world.now, start + 301s);
}

TEST(Join, ends_at_once_with_the_errors_status_when_retrying_cannot_help) {
    World world{one_shot(Goal::join)};
    world.fault = Failure{.error = {ErrorKind::permission, "AccessDenied", false}};
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 77);
}

TEST(Join, of_several_rotas_runs_side_by_side) {
    World world{one_shot(Goal::join), {www(), www(20)}};
    world.feed(Started{});
    EXPECT_EQ(world.calls.size(), 2U);
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
}

TEST(DryRun, of_the_last_member_says_what_would_be) {
    Settings settings = one_shot(Goal::leave);
    settings.dry_run = true;
    World world{settings};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_TRUE(world.said("the name would have no address"));
    EXPECT_FALSE(world.said("has no address"));
}

TEST(DryRun, changes_nothing) {
    Settings settings = one_shot(Goal::join);
    settings.dry_run = true;
    World join{settings};
    join.feed(Started{});
    join.run_to_the_end();
    EXPECT_TRUE(join.zone.empty());
    EXPECT_TRUE(join.said("would join"));
    const std::string shown = status_json(join.state, join.now);
    EXPECT_TRUE(shown.contains(R"("dry_run":true)")) << shown;
    EXPECT_TRUE(shown.contains(R"("text":"dry run, would join: 192.0.2.1)")) << shown;
    EXPECT_TRUE(shown.contains(R"("phase":"rehearsed")")) << shown;

    settings.goal = Goal::leave;
    World leave{settings};
    leave.zone["i-1"] = weighted("i-1", "192.0.2.1");
    leave.feed(Started{});
    leave.run_to_the_end();
    EXPECT_EQ(leave.zone.size(), 1U);
    EXPECT_EQ(leave.finished, 0);
    EXPECT_TRUE(leave.said("would delete"));
}

TEST(Leave, deletes_exactly_what_is_stored_and_starts_the_clock_at_insync) {
    World world{one_shot(Goal::leave)};
    world.zone["i-0"] = weighted("i-0", "192.0.2.9", 10, 120);
    world.zone["i-1"] = weighted("i-1", "198.51.100.7", 33, 120);
    world.is_insync = false;
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::withdrawing));
    EXPECT_FALSE(world.zone.contains("i-1"));
    world.advance(40s);
    world.is_insync = true;
    ASSERT_TRUE(world.run_until(Phase::draining));
    const BootTime insync = world.now;
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, insync + 135s);
    EXPECT_TRUE(world.said("the stored TTL 120 s"));
}

TEST(Leave, waits_no_longer_than_the_servers_last_answer_asks_for) {
    struct Case {
        std::optional<std::chrono::seconds> answered_ago;
        std::chrono::seconds left;
    };

    for (const auto& [answered_ago, left] :
         {Case{std::nullopt, 0s}, Case{100s, 0s}, Case{20s, 55s}}) {
        World world{one_shot(Goal::leave)};
        world.zone["i-1"] = weighted("i-1", "192.0.2.1");
        world.tells_age = true;
        world.feed(Started{});
        ASSERT_TRUE(world.run_until(Phase::proving));
        const BootTime insync = world.now;
        if (answered_ago) {
            world.last_answered = insync - *answered_ago;
        }
        world.run_to_the_end();
        EXPECT_EQ(world.finished, 0);
        EXPECT_EQ(world.now, insync + left);
    }
}

TEST(Leave, keeps_the_fixed_floor_where_the_server_proves_nothing) {
    World world{one_shot(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::proving));
    const BootTime insync = world.now;
    world.answer_one(Fate::never_arrives);
    world.run_to_the_end();
    EXPECT_EQ(world.now, insync + 75s);
}

TEST(Leave, adds_the_time_that_clients_keep_an_address) {
    for (const bool tells_age : {false, true}) {
        Settings settings = one_shot(Goal::leave);
        settings.client_floor = 60s;
        World world{settings};
        world.zone["i-1"] = weighted("i-1", "192.0.2.1");
        world.tells_age = tells_age;
        world.feed(Started{});
        ASSERT_TRUE(world.run_until(Phase::proving));
        const BootTime insync = world.now;
        world.last_answered = insync;
        world.run_to_the_end();
        EXPECT_EQ(world.now, insync + 135s);
    }
}

TEST(Leave, of_what_is_not_there_succeeds_at_once) {
    World world{one_shot(Goal::leave)};
    const BootTime start = world.now;
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, start);
}

TEST(Leave, reads_again_when_the_record_set_changed_meanwhile) {
    World world{one_shot(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::deleting));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 99);
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.zone.empty());
}

TEST(Leave, drains_what_was_there_and_is_gone_at_the_second_look) {
    World world{one_shot(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 10, 30);
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::deleting));
    world.zone["i-1"].ttl = 40;
    world.answer_one();  // not matching
    world.zone.erase("i-1");
    const BootTime gone = world.now;
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_GE(world.now, gone + 30s + 15s);
}

TEST(Leave, of_the_last_member_is_refused_when_told_so) {
    Settings settings = one_shot(Goal::leave);
    settings.last = LastMember::refuse;
    World world{settings};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 73);
    EXPECT_EQ(world.zone.size(), 1U);
    EXPECT_TRUE(world.said("last member"));
}

TEST(Leave, of_one_of_two_is_not_refused) {
    Settings settings = one_shot(Goal::leave);
    settings.last = LastMember::refuse;
    World world{settings};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.zone.size(), 1U);
}

TEST(Leave, waits_out_the_propagation_when_the_answer_to_its_delete_was_lost) {
    World world{one_shot(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::deleting));
    world.answer_one(Fate::answer_lost);
    const BootTime lost = world.now;
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_GE(world.now, lost + 60s + 60s + 15s);
}

/// In service by a second write, and told to leave; the first one and the first DELETE are late.
World leaving_with_late_writes(bool tells_age) {
    World world{agent()};
    world.tells_age = tells_age;
    world.feed(Started{});
    EXPECT_TRUE(world.run_until(Phase::writing));
    world.answer_one(Fate::lands_late);
    EXPECT_TRUE(world.run_until(Phase::in_service));
    world.feed(LeaveRequested{"SIGTERM"});
    EXPECT_TRUE(world.run_until(Phase::deleting));
    world.answer_one(Fate::lands_late);
    return world;
}

TEST(Leave, drains_what_a_late_write_and_a_late_deletion_showed_between_them) {
    World world = leaving_with_late_writes(false);
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.deletes, 2U);
    EXPECT_GE(world.now, *world.last_delete_done + 60s + 15s);
    EXPECT_LE(world.now, *world.last_delete_done + 60s + 15s + 15s + 60s);
}

TEST(Leave, takes_no_proof_for_what_a_late_write_may_show_after_it) {
    World world = leaving_with_late_writes(true);
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.deletes, 2U);
    EXPECT_GE(world.now, *world.answered_before_delete + 60s + 15s);
}

TEST(Leave, with_a_dead_api_ends_at_the_deadline_with_75_and_what_is_still_out_there) {
    World world{one_shot(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.fault =
        Failure{.kind = FailureKind::no_answer, .error = {ErrorKind::timeout, "no answer", true}};
    world.feed(Started{});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 75);
    EXPECT_TRUE(world.said("has not been deleted"));
}

TEST(ZoneId, is_told_from_a_name_by_one_rule) {
    for (const char* id : {"Z1", "/hostedzone/Z1", "hostedzone/Z1", "/Z1"}) {
        EXPECT_EQ(zone_id_in(id), "Z1") << id;
    }
    for (const char* name : {"", "Z", "example.com", "internal", "Z1.", "z1", "/hostedzone/"}) {
        EXPECT_EQ(zone_id_in(name), std::nullopt) << name;
    }
}

TEST(Leave, says_that_a_name_without_dots_was_looked_up) {
    Settings settings = one_shot(Goal::leave);
    settings.api = "http://127.0.0.9:8091";
    Membership internal = www();
    internal.zone = "internal";
    World world{settings, {internal}};
    world.feed(Started{});
    ASSERT_EQ(world.phase(), Phase::leave_resolving);
    world.advance(settings.deadline);
    EXPECT_TRUE(world.said("or http://127.0.0.9:8091 to ListHostedZonesByName"));
}

TEST(Leave, says_at_the_deadline_whom_it_asked_what_and_since_when) {
    Settings settings = one_shot(Goal::leave);
    settings.api = "http://127.0.0.9:8091";
    World world{settings};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::leave_reading));
    world.advance(settings.deadline);
    EXPECT_EQ(world.finished, 75);
    EXPECT_TRUE(
        world.said("no answer from http://127.0.0.9:8091 to ListResourceRecordSets for 300 s"));
    ASSERT_TRUE(world.state.members[0].last_error);
    EXPECT_EQ(world.state.members[0].last_error->kind, ErrorKind::timeout);
}

TEST(Leave, that_cannot_follow_its_change_assumes_the_documented_propagation) {
    World world{one_shot(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::withdrawing));
    world.fault = Failure{.error = {ErrorKind::permission, "AccessDenied: GetChange", false}};
    ASSERT_TRUE(world.run_until(Phase::draining));
    EXPECT_EQ(*world.state.members[0].floor, world.now + 135s);
}

TEST(Agent, joins_when_it_is_ready_and_not_before) {
    Settings settings = agent();
    settings.check_readiness = true;
    World world{settings};
    world.feed(Started{});
    EXPECT_TRUE(world.checks_readiness);
    EXPECT_TRUE(world.calls.empty());
    world.feed(ReadinessChecked{.passed = false, .detail = "connection refused"});
    EXPECT_TRUE(world.calls.empty());
    ASSERT_TRUE(world.advance_to_wake());
    world.feed(ReadinessChecked{.passed = true, .detail = "200"});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.announced);
}

TEST(Agent, restores_a_record_set_that_someone_deleted) {
    World world = in_service();
    world.zone.clear();
    ASSERT_TRUE(world.advance_to_wake());
    world.answer_one();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.zone.contains("i-1"));
    EXPECT_TRUE(world.said("deleted by someone else"));
}

TEST(Agent, leaves_an_operators_weight_and_ttl_alone) {
    World world = in_service();
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 0, 30);
    ASSERT_TRUE(world.advance_to_wake());
    world.answer_all();
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.1", 0, 30));
    EXPECT_TRUE(world.said("left so"));
    EXPECT_EQ(calls_of<Upsert>(world), 1U);
}

TEST(Agent, restores_its_address_and_slows_down_when_the_dispute_goes_on) {
    World world = in_service();
    std::vector<BootTime> restored;
    for (int i = 0; i < 5; ++i) {
        world.zone["i-1"] = weighted("i-1", "203.0.113.5");
        while (world.zone.at("i-1").values.front() != "192.0.2.1") {
            ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
        }
        restored.push_back(world.now);
    }
    EXPECT_GT(restored[4] - restored[3], restored[2] - restored[1]);
    EXPECT_TRUE(world.said("someone else who uses this set identifier"));
}

TEST(Agent, drains_for_the_largest_ttl_that_caches_may_still_hold) {
    World world = in_service();
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 10, 250);
    world.advance_to_wake();
    world.answer_all();
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 10, 5);
    world.advance_to_wake();
    world.answer_all();
    world.feed(LeaveRequested{"SIGTERM"});
    ASSERT_TRUE(world.run_until(Phase::draining));
    EXPECT_EQ(*world.state.members[0].floor, world.now + 250s + 15s);
}

TEST(Agent, told_to_leave_while_its_write_is_out_waits_for_the_answer_and_deletes_it) {
    World world{agent()};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::writing));
    world.feed(LeaveRequested{"SIGTERM"});
    EXPECT_EQ(world.calls.size(), 1U);
    world.run_to_the_end();
    EXPECT_TRUE(world.zone.empty());
    EXPECT_EQ(world.finished, 0);
}

TEST(Agent, finds_a_write_that_landed_late) {
    World world{agent()};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::writing));
    world.feed(LeaveRequested{"SIGTERM"});
    world.answer_one(Fate::never_arrives);
    ASSERT_TRUE(world.run_until(Phase::draining));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");  // it has arrived now
    world.run_to_the_end();
    EXPECT_TRUE(world.zone.empty());
    EXPECT_EQ(world.finished, 0);
}

TEST(Agent, leaves_from_waiting_and_removes_what_an_earlier_run_left) {
    Settings settings = agent();
    settings.check_readiness = true;
    World world{settings};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    world.feed(LeaveRequested{"SIGTERM"});
    world.feed(ReadinessChecked{.passed = true, .detail = "200"});
    world.run_to_the_end();
    EXPECT_TRUE(world.zone.empty());
    EXPECT_EQ(calls_of<Upsert>(world), 0U);
    EXPECT_EQ(world.finished, 0);
}

TEST(Agent, keeps_trying_slowly_when_somebody_must_repair_something) {
    World world{agent()};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::writing));
    world.fault = Failure{.kind = FailureKind::too_many_members,
                          .error = {ErrorKind::conflict, "100 members", false}};
    world.answer_one();
    EXPECT_EQ(world.phase(), Phase::blocked);
    world.fault.reset();
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(Agent, survives_an_api_that_is_away_for_an_hour) {
    World world{agent()};
    world.fault = Failure{.error = {ErrorKind::unavailable, "503", true}};
    world.feed(Started{});
    const BootTime start = world.now;
    while (world.now < start + 1h) {
        ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
    }
    EXPECT_LT(world.log.size(), 400U);
    world.fault.reset();
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(Agent, follows_the_instance_to_another_address) {
    World world{agent(), {moving()}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.zone["i-1"].routing = model::WeightedRouting{3};
    world.address = "192.0.2.9";
    ASSERT_TRUE(world.advance_to_wake());
    world.answer_one();
    world.answer_one();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.9", 3));
    EXPECT_TRUE(world.said("the instance's address is 192.0.2.9 instead of 192.0.2.1 now"));
    EXPECT_FALSE(world.said("someone else who uses this set identifier"));
}

TEST(Agent, keeps_its_address_while_the_metadata_service_is_away) {
    World world{agent(), {moving()}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    ASSERT_TRUE(world.advance_to_wake());
    world.answer_one(World::Fate::never_arrives);
    EXPECT_TRUE(world.said("cannot look up the own address, 192.0.2.1 stays"));
    world.zone.erase("i-1");  // it goes on watching
    world.answer_one();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.1"));
}

TEST(Agent, wakes_from_hibernation_with_another_address_and_a_record_set_that_was_swept) {
    World world{agent(), {moving()}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.zone.erase("i-1");
    world.address = "192.0.2.9";
    world.advance(8h);
    const BootTime awake = world.now;
    while (!world.zone.contains("i-1") || world.phase() != Phase::in_service) {
        ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
    }
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.9"));
    EXPECT_LT(world.now, awake + 30s);
    EXPECT_FALSE(world.finished);
}

TEST(Agent, warns_when_the_ttl_cannot_drain_within_the_deadline) {
    World world{agent(), {www(10, 600s)}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.said("ends the drain of 615 s: raise it"));
}

WentAbsent sick() {
    return {{.reason = Reason::unhealthy, .guard = Guard::quorum, .text = "GET /health: 503"}};
}

World one_of(int members, Settings settings = agent()) {
    World world{std::move(settings)};
    for (int i = 1; i < members; ++i) {
        const std::string id = "i-" + std::to_string(i + 1);
        world.zone[id] = weighted(id, "192.0.2.100");
    }
    world.feed(Started{});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

TEST(Absence, takes_a_member_out_and_its_end_brings_it_back) {
    World world = one_of(3);
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_FALSE(world.zone.contains("i-1"));
    EXPECT_FALSE(world.finished);
    EXPECT_GE(world.now, *world.last_delete_done + 75s);
    world.feed(CameBack{Reason::unhealthy});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(world.zone.at("i-1"), weighted("i-1", "192.0.2.1"));
    EXPECT_TRUE(world.said("to be out of the rota: unhealthy: GET /health: 503"));
    EXPECT_TRUE(world.said("no longer unhealthy"));
}

TEST(Absence, that_passes_in_the_middle_of_the_drain_ends_it) {
    World world = one_of(3);
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::draining));
    world.feed(CameBack{Reason::unhealthy});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_LT(world.now, *world.last_delete_done + 60s);
}

/// Its DELETE is lost; it comes back, and then the DELETE lands. @returns when it was in again.
BootTime out_and_in_with_a_late_delete(World& world) {
    world.feed(WentAbsent{{.reason = Reason::standby, .guard = Guard::none, .text = "Standby"}});
    EXPECT_TRUE(world.run_until(Phase::deleting));
    world.answer_one(Fate::lands_late);
    if (world.tells_age) {
        EXPECT_TRUE(world.run_until(Phase::out));
    }
    world.feed(CameBack{Reason::standby});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.zone.contains("i-1"));
    world.advance(World::kLate);
    EXPECT_FALSE(world.zone.contains("i-1"));
    while (!world.zone.contains("i-1") && (world.answer_one() || world.advance_to_wake())) {
    }
    return world.now;
}

TEST(Absence, that_has_passed_when_its_lost_delete_lands_is_mended_within_a_minute) {
    World world = in_service();
    for (int i = 0; i < 5; ++i) {  // our own doing is no dispute, which would be ever slower
        const BootTime begin = world.now;
        EXPECT_LE(out_and_in_with_a_late_delete(world), begin + 80s);
        ASSERT_TRUE(world.run_until(Phase::in_service));
    }
    EXPECT_FALSE(world.said("by someone else"));
    EXPECT_TRUE(world.said("our own DELETE whose answer was lost has landed: restoring"));
}

TEST(Absence, that_ended_in_a_quick_drain_remembers_its_lost_delete) {
    World world = in_service();
    world.tells_age = true;  // and nobody was sent here
    const BootTime begin = world.now;
    EXPECT_LE(out_and_in_with_a_late_delete(world), begin + 80s);
}

TEST(Absence, whose_lost_delete_has_landed_leaves_a_dispute_a_dispute) {
    World world = in_service();
    out_and_in_with_a_late_delete(world);
    std::vector<BootTime::duration> waits;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(world.run_until(Phase::in_service));
        world.zone.erase("i-1");
        const BootTime taken = world.now;
        while (!world.zone.contains("i-1")) {
            ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
        }
        waits.push_back(world.now - taken);
    }
    EXPECT_GT(waits[3], waits[1]);
    EXPECT_TRUE(world.said("deleted by someone else: time 4 in a row"));
}

TEST(Absence, of_the_last_member_fails_open_and_goes_when_another_has_come) {
    World world = one_of(1);
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::leave_reading));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.zone.contains("i-1"));
    EXPECT_TRUE(world.said("stays in the rota all the same"));
    EXPECT_TRUE(world.said("it is the last member"));
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_FALSE(world.zone.contains("i-1"));
}

TEST(Absence, of_the_sick_never_takes_more_than_half_of_the_hours_members) {
    World world = one_of(4);
    world.zone.erase("i-2");
    world.zone.erase("i-3");
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::leave_reading));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.said("2 of the 4 members of the last hour are left, and 2 must stay"));
    world.advance(2h);
    ASSERT_TRUE(world.run_until(Phase::out));
}

/// Out for a reason that leaves the last member, its DELETE on the way; the sibling goes meanwhile,
/// so that the server refuses it.
World refused_soon() {
    World world{agent()};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    world.run_until(Phase::in_service);
    world.feed(WentAbsent{
        {.reason = Reason::maintenance, .guard = Guard::last_member, .text = "x", .ends = {}}});
    world.run_until(Phase::deleting);
    world.zone.erase("i-2");
    return world;
}

TEST(Absence, whose_refusal_comes_after_a_stronger_reason_is_tried_again_at_once) {
    World world = refused_soon();
    world.feed(WentAbsent{
        {.reason = Reason::ending, .guard = Guard::none, .text = "spot notice", .ends = {}}});
    const BootTime told = world.now;
    world.run_until(Phase::withdrawing);
    EXPECT_LE(world.now - told, 1s);
    EXPECT_FALSE(world.said("stays in the rota"));
}

TEST(Absence, whose_refusal_comes_after_a_stop_is_tried_again_at_once) {
    World world = refused_soon();
    world.feed(LeaveRequested{"SIGTERM"});
    const BootTime told = world.now;
    world.run_until(Phase::withdrawing);
    EXPECT_LE(world.now - told, 1s);
    EXPECT_FALSE(world.said("stays in the rota"));
}

TEST(Absence, that_passed_before_readiness_and_is_refused_does_not_hold_up_a_stop) {
    Settings settings = agent();
    settings.check_readiness = true;
    World world{settings};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    world.feed(WentAbsent{
        {.reason = Reason::ending, .guard = Guard::none, .text = "scheduled", .ends = {}}});
    world.run_until(Phase::leave_reading);
    world.feed(CameBack{Reason::ending});
    world.run_until(Phase::deleting);
    world.zone.erase("i-2");
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.zone.empty());
}

TEST(Absence, whose_order_is_replaced_is_told_again) {
    World world = in_service(agent());
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    const Absence order{.reason = Reason::maintenance,
                        .guard = Guard::last_member,
                        .text = "until ten",
                        .ends = {}};
    world.feed(WentAbsent{order});
    world.feed(WentAbsent{order});
    Absence longer = order;
    longer.text = "until eleven";
    world.feed(WentAbsent{longer});
    const auto tells = [&world](std::string_view text) {
        return std::ranges::count_if(world.sayings, [text](const std::string& line) {
            return line.contains("to be out of the rota") && line.contains(text);
        });
    };
    EXPECT_EQ(tells("until ten"), 1);
    EXPECT_EQ(tells("until eleven"), 1);
}

TEST(Absence, that_is_certain_takes_the_last_member_too) {
    World world = one_of(1);
    world.feed(WentAbsent{{.reason = Reason::ending, .guard = Guard::none, .text = "spot"}});
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_TRUE(world.zone.empty());
}

TEST(Absence, ends_by_itself_at_its_time) {
    World world = one_of(2);
    const BootTime start = world.now;
    world.feed(WentAbsent{{.reason = Reason::maintenance,
                           .guard = Guard::last_member,
                           .text = "10 minutes",
                           .ends = start + 600s}});
    ASSERT_TRUE(world.run_until(Phase::out));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_GE(world.now, start + 600s);
    EXPECT_LE(world.now, start + 601s);
}

TEST(Absence, of_everybody_at_once_brings_the_lowest_back_first) {
    for (const bool is_lowest : {true, false}) {
        World world = one_of(2);
        world.keeps_members = false;
        if (!is_lowest) {
            world.zone["i-0"] = world.zone.extract("i-2").mapped();
            world.zone["i-0"].set_identifier = "i-0";
        }
        world.feed(sick());
        ASSERT_TRUE(world.run_until(Phase::withdrawing));
        const std::string sibling = is_lowest ? "i-2" : "i-0";
        const model::RecordSet other = world.zone.at(sibling);
        world.zone.clear();  // it has read at the same moment
        ASSERT_TRUE(world.run_until(Phase::rechecking));
        world.answer_one();
        EXPECT_EQ(world.phase(), is_lowest ? Phase::resolving : Phase::rechecking);
        if (!is_lowest) {
            world.zone[sibling] = other;  // and comes back
        }
        ASSERT_TRUE(world.run_until(is_lowest ? Phase::in_service : Phase::out));
    }
}

TEST(Absence, from_the_start_removes_what_an_earlier_run_left_and_counts_as_started) {
    World world{agent()};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(WentAbsent{{.reason = Reason::standby, .guard = Guard::none, .text = "Standby"}});
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_TRUE(world.zone.empty());
    EXPECT_TRUE(world.announced);
    world.feed(CameBack{Reason::standby});
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(Absence, and_then_a_stop_does_not_start_the_drain_again) {
    World world = one_of(3);
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::draining));
    const BootTime floor = *world.state.members[0].floor;
    world.advance(30s);
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, floor);
}

TEST(Absence, that_passes_during_the_drain_does_not_make_a_stop_forget_it) {
    World world{agent()};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 10, 90);  // of an earlier life
    world.zone["i-2"] = weighted("i-2", "192.0.2.2", 10, 90);
    world.feed(WentAbsent{{.reason = Reason::standby, .guard = Guard::none, .text = "Standby"}});
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::draining));
    const BootTime removed = world.now;
    world.feed(CameBack{Reason::standby});
    ASSERT_EQ(world.phase(), Phase::resolving);
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_GE(world.now, removed + 90s + 15s);
}

TEST(Absence, and_then_a_stop_removes_what_others_have_put_back_meanwhile) {
    for (const Phase phase : {Phase::withdrawing, Phase::proving, Phase::draining, Phase::out}) {
        World world = one_of(3);
        world.feed(sick());
        ASSERT_TRUE(world.run_until(phase));
        world.zone["i-1"] = weighted("i-1", "192.0.2.1");
        world.feed(LeaveRequested{"SIGTERM"});
        world.run_to_the_end();
        EXPECT_EQ(world.finished, 0);
        EXPECT_FALSE(world.zone.contains("i-1")) << to_string(phase);
    }
}

TEST(Absence, and_then_a_stop_while_clients_are_connected_looks_again_too) {
    Settings settings = agent();
    settings.ports = {80};
    World world = one_of(3, settings);
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::emptying));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(LeaveRequested{"SIGTERM"});
    world.feed(Counted{.connections = instance::Connections{}});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_FALSE(world.zone.contains("i-1"));
}

Settings fading() {
    Settings settings = agent();
    settings.drain_mode = DrainMode::weight_zero;
    return settings;
}

std::uint8_t weight_now(const World& world) {
    return std::get<model::WeightedRouting>(world.zone.at("i-1").routing).weight;
}

void fade(World& world) {
    ASSERT_TRUE(world.run_until(Phase::fading));
    world.answer_one();
    ASSERT_EQ(weight_now(world), 0);
    ASSERT_EQ(world.phase(), Phase::fading);
}

Absence maintenance() {
    return {.reason = Reason::maintenance, .guard = Guard::last_member, .text = "maintenance"};
}

TEST(Fading, is_a_ttl_at_weight_zero_before_the_deletion) {
    World world = one_of(3, fading());
    const BootTime start = world.now;
    world.feed(LeaveRequested{"SIGTERM"});
    fade(world);
    EXPECT_EQ(describe(world.state, world.state.members[0], world.now),
              "leaving, at weight 0 (it was 10), deleted in 60 s");
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_FALSE(world.zone.contains("i-1"));
    EXPECT_EQ(*world.last_delete_done, start + 60s);
    EXPECT_GE(world.now, *world.last_delete_done + 75s);  // the floor runs from the DELETE
}

TEST(Fading, is_left_out_where_nobody_else_has_a_weight_or_there_is_no_time) {
    World alone = one_of(1, fading());
    alone.feed(LeaveRequested{"SIGTERM"});
    World sick_siblings = one_of(2, fading());
    sick_siblings.zone["i-2"] = weighted("i-2", "192.0.2.2", 0);
    sick_siblings.feed(LeaveRequested{"SIGTERM"});
    Settings settings = fading();
    settings.deadline = 164s;
    World hurried = one_of(3, settings);
    hurried.feed(LeaveRequested{"SIGTERM"});
    World short_stop = one_of(3, fading());
    short_stop.feed(StopTimeoutRead{164s});
    short_stop.feed(LeaveRequested{"SIGTERM"});
    World spot = one_of(3, fading());
    spot.feed(WentAbsent{{.reason = Reason::ending, .guard = Guard::none, .text = "spot"}});
    World ill = one_of(3, fading());
    ill.feed(sick());
    for (World* world : {&alone, &sick_siblings, &hurried, &short_stop, &spot, &ill}) {
        ASSERT_TRUE(world->run_until(Phase::withdrawing));
        EXPECT_EQ(std::ranges::count_if(world->log,
                                        [](const auto& entry) {
                                            return std::holds_alternative<Upsert>(entry.second);
                                        }),
                  1);
    }
    EXPECT_TRUE(hurried.said("no time for weight 0 first"));
    EXPECT_TRUE(hurried.said("the deadline of 164 s has no time for weight 0"));
    EXPECT_TRUE(short_stop.said("TimeoutStopSec of 164 s has no time for weight 0"));
}

TEST(Fading, that_fails_does_not_hold_the_deletion_up) {
    World world = one_of(3, fading());
    world.feed(LeaveRequested{"SIGTERM"});
    ASSERT_TRUE(world.run_until(Phase::fading));
    world.answer_one(World::Fate::never_arrives);
    EXPECT_TRUE(world.said("deleting at once"));
    ASSERT_TRUE(world.run_until(Phase::withdrawing));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 0);  // the lost write lands late
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_FALSE(world.zone.contains("i-1"));
}

TEST(Fading, ends_with_the_reason_for_it) {
    World world = one_of(3, fading());
    world.feed(WentAbsent{maintenance()});
    fade(world);
    world.feed(CameBack{Reason::maintenance});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(weight_now(world), 10);
    EXPECT_EQ(world.deletes, 0U);
}

TEST(Fading, is_cut_short_by_what_cannot_wait) {
    World stopped = one_of(3, fading());
    stopped.feed(WentAbsent{maintenance()});
    fade(stopped);
    World spot = stopped;
    World ill = stopped;
    stopped.feed(LeaveRequested{"SIGTERM"});
    spot.feed(WentAbsent{{.reason = Reason::ending, .guard = Guard::none, .text = "spot"}});
    ill.feed(sick());
    for (World* world : {&stopped, &spot, &ill}) {
        const BootTime then = world->now;
        ASSERT_TRUE(world->run_until(Phase::withdrawing));
        EXPECT_LE(world->now, then + 1s);
    }
}

TEST(Fading, that_is_cut_short_while_the_api_is_away_backs_off) {
    World world = one_of(3, fading());
    world.feed(WentAbsent{maintenance()});
    fade(world);
    world.feed(sick());
    world.fault = Failure{.error = {ErrorKind::unavailable, "503", true}};
    const std::size_t before = world.log.size();
    const BootTime end = world.now + 10min;
    while (world.now < end && world.log.size() < before + 200) {
        ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
    }
    EXPECT_LT(world.log.size(), before + 100);
    world.fault.reset();
    EXPECT_TRUE(world.run_until(Phase::withdrawing));
}

TEST(Fading, that_lands_after_its_reason_has_passed_is_taken_back) {
    World world = one_of(3, fading());
    world.feed(WentAbsent{maintenance()});
    ASSERT_TRUE(world.run_until(Phase::fading));
    world.feed(CameBack{Reason::maintenance});
    world.answer_one(World::Fate::never_arrives);
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 0);  // late
    const BootTime end = world.now + 20min;
    while (world.now < end) {
        ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
    }
    EXPECT_EQ(weight_now(world), 10);
    EXPECT_FALSE(world.said("by someone else"));
}

TEST(Fading, of_several_rotas_deletes_nothing_before_all_may_go) {
    Settings settings = fading();
    settings.goal = Goal::leave;
    settings.last = LastMember::refuse;
    Membership other = www();
    other.name = dns::Name::parse("api.example.com").value();
    World world{settings, {www(), other}};
    world.feed(Started{});
    const Group alone{weighted("i-1", "192.0.2.1")};
    const Group beside_zero{weighted("i-1", "192.0.2.1"), weighted("i-2", "192.0.2.2", 0)};
    const Group beside_one{weighted("i-1", "192.0.2.1"), weighted("i-2", "192.0.2.2")};
    const auto answer = [&world](std::size_t member, const Answer& given) {
        const auto call = std::ranges::find(world.calls, member, &Call::member);
        ASSERT_NE(call, world.calls.end());
        const CallId id = call->id;
        world.calls.erase(call);
        world.feed(Answered{.member = member, .call = id, .answer = given});
    };
    const Target target{.zone_id = "Z1", .set_identifier = "i-1", .value = {}};
    answer(0, target);
    answer(1, target);
    answer(0, beside_one);
    answer(1, beside_zero);  // its weight 0 would change nothing: it waits
    EXPECT_EQ(world.phase(0), Phase::fading);
    EXPECT_EQ(world.phase(1), Phase::fading);
    answer(0, Accepted{.change_id = "C1", .is_insync = false});
    ASSERT_TRUE(world.calls.empty());
    world.advance(61s);
    answer(1, beside_zero);
    EXPECT_EQ(world.phase(1), Phase::cleared);
    answer(0, Group{weighted("i-1", "192.0.2.1", 0)});  // the sibling has left meanwhile
    EXPECT_EQ(world.phase(0), Phase::restoring);
    EXPECT_EQ(world.phase(1), Phase::refused);
    answer(0, Accepted{.change_id = "C2", .is_insync = false});
    EXPECT_EQ(world.phase(0), Phase::refused);
    EXPECT_NE(world.finished.value_or(0), 0);
    EXPECT_EQ(calls_of<Delete>(world), 0U);
}

TEST(Fading, of_a_member_that_a_guard_holds_gives_the_weight_back) {
    World world = one_of(2, fading());
    world.feed(WentAbsent{maintenance()});
    fade(world);
    world.zone.erase("i-2");
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.said("it is the last member"));
    EXPECT_EQ(weight_now(world), 10);

    World refused = one_of(2, fading());
    refused.feed(WentAbsent{maintenance()});
    fade(refused);
    ASSERT_TRUE(refused.run_until(Phase::deleting));
    refused.zone.erase("i-2");
    ASSERT_TRUE(refused.run_until(Phase::in_service));
    EXPECT_EQ(weight_now(refused), 10);
}

TEST(Fading, of_one_that_is_refused_in_the_end_gives_the_weight_back) {
    Settings settings = fading();
    settings.goal = Goal::leave;
    settings.last = LastMember::refuse;
    World world{settings};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1", 7);
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    fade(world);
    world.zone.erase("i-2");
    world.run_to_the_end();
    EXPECT_EQ(world.phase(), Phase::refused);
    EXPECT_EQ(weight_now(world), 7);
    EXPECT_TRUE(world.said("this is the last member"));
}

std::string told(const World& world) {
    std::string text;
    for (const RunDrainCommand& command : world.drain_commands) {
        text += fmt::format("{}({}) ", to_string(command.moment), command.reason);
    }
    return text;
}

Settings with_commands() {
    Settings settings = agent();
    settings.has_drain_commands = true;
    return settings;
}

TEST(DrainCommand, is_told_when_a_drain_begins_and_when_it_has_ended) {
    World world = one_of(3, with_commands());
    world.feed(LeaveRequested{"SIGTERM"});
    EXPECT_EQ(told(world), "");
    ASSERT_TRUE(world.run_until(Phase::withdrawing));
    EXPECT_EQ(told(world), "begin(SIGTERM) ");
    world.feed(DrainCommandEnded{.moment = DrainMoment::begin, .problem = "x ended with 1"});
    EXPECT_TRUE(world.said("drain-begin: x ended with 1"));
    ASSERT_TRUE(world.run_until(Phase::gone));
    EXPECT_EQ(told(world), "begin(SIGTERM) end(SIGTERM) ");
    EXPECT_FALSE(world.finished);
    world.feed(DrainCommandEnded{.moment = DrainMoment::end, .problem = {}});
    EXPECT_EQ(world.finished, 0);
}

TEST(DrainCommand, that_hangs_holds_the_end_up_for_seconds_only) {
    World world = one_of(3, with_commands());
    world.feed(LeaveRequested{"SIGTERM"});
    ASSERT_TRUE(world.run_until(Phase::gone));
    const BootTime gone = world.now;
    EXPECT_EQ(told(world), "begin(SIGTERM) ");
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, gone + 10s);
}

TEST(DrainCommand, is_told_of_a_drain_that_was_called_off) {
    World world = one_of(3, with_commands());
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::draining));
    world.feed(DrainCommandEnded{});
    world.feed(CameBack{Reason::unhealthy});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(told(world), "begin(unhealthy: GET /health: 503) end() ");
}

TEST(DrainCommand, is_not_told_of_what_a_guard_holds_back) {
    World world = one_of(1, with_commands());
    world.feed(sick());
    for (int i = 0; i < 20; ++i) {
        world.answer_all();
        world.advance_to_wake();
    }
    EXPECT_EQ(told(world), "");
}

TEST(Absence, after_which_a_stop_ends_at_once) {
    World world = one_of(3);
    world.feed(sick());
    ASSERT_TRUE(world.run_until(Phase::out));
    const BootTime now = world.now;
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, now);
}

Settings checked(const char* check = "tcp://127.0.0.1:80") {
    Settings settings = agent();
    settings.checks = {health::parse_check(check).value()};
    settings.watch_members = true;
    return settings;
}

/// Lets the check see this so often, and answers what else comes up.
void see(World& world, health::Outcome outcome, int times, const char* detail = "x") {
    for (int i = 0; i < 100 && times > 0; ++i) {
        if (world.answer_probe(outcome, detail)) {
            --times;
        } else if (!world.answer_one()) {
            ASSERT_TRUE(world.advance_to_wake());
        }
    }
    world.answer_all();
}

World healthy_one_of(int members) {
    World world{checked()};
    for (int i = 1; i < members; ++i) {
        const std::string id = "i-" + std::to_string(i + 1);
        world.zone[id] = weighted(id, "192.0.2.100");
    }
    world.feed(Started{});
    EXPECT_EQ(world.phase(), Phase::waiting);
    see(world, health::Outcome::passed, 1);
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

TEST(Health, joins_after_one_pass_and_not_before) {
    World world{checked()};
    world.feed(Started{});
    see(world, health::Outcome::failed, 2, "refused");
    EXPECT_EQ(world.phase(), Phase::waiting);
    EXPECT_EQ(describe(world.state, world.state.members[0], world.now).find("waiting for tcp://"),
              0U);
    see(world, health::Outcome::passed, 1);
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(Health, goes_out_after_three_failures_and_comes_back_after_two_passes) {
    World world = healthy_one_of(3);
    see(world, health::Outcome::failed, 2);
    EXPECT_EQ(world.phase(), Phase::in_service);
    see(world, health::Outcome::failed, 1, "HTTP 503");
    ASSERT_TRUE(world.run_until(Phase::deleting));
    EXPECT_TRUE(world.said("tcp://127.0.0.1:80 is unhealthy"));
    see(world, health::Outcome::passed, 1);
    EXPECT_NE(world.phase(), Phase::in_service);
    see(world, health::Outcome::passed, 1);
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.zone.contains("i-1"));
}

TEST(Health, that_is_bad_from_the_start_removes_what_an_earlier_run_left) {
    World world{checked()};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    see(world, health::Outcome::failed, 3);
    for (int i = 0; i < 200 && world.phase() != Phase::out; ++i) {
        if (!world.answer_probe(health::Outcome::failed) && !world.answer_one()) {
            ASSERT_TRUE(world.advance_to_wake());
        }
    }
    EXPECT_EQ(world.phase(), Phase::out);
    EXPECT_FALSE(world.zone.contains("i-1"));
}

TEST(Health, of_an_application_that_asks_for_a_drain_is_heeded) {
    World world = healthy_one_of(2);
    ASSERT_TRUE(world.advance_to_wake());
    while (world.probes.empty()) {
        ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
    }
    world.probes.clear();
    world.feed(Probed{0,
                      {.outcome = health::Outcome::passed,
                       .detail = "drain",
                       .report = health::parse_agent_check("drain")}});
    ASSERT_TRUE(world.run_until(Phase::leave_reading) || world.run_until(Phase::deleting));
    EXPECT_TRUE(world.said("application: tcp://127.0.0.1:80 says drain"));
}

TEST(Health, is_not_asked_any_more_while_leaving) {
    World world = healthy_one_of(2);
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.probes.empty());
}

/// Runs a leave to its end with what `open` says is connected at each count, and `moved` that they
/// did in the second since the last one.
World leave_with_clients(const std::function<std::size_t(BootTime)>& open,
                         const std::function<std::uint64_t(BootTime)>& moved = {}) {
    Settings settings = agent();
    settings.ports = {80};
    World world = in_service(settings);
    world.feed(LeaveRequested{"SIGTERM"});
    for (int i = 0; i < 2000 && !world.finished; ++i) {
        if (world.counts_connections) {
            world.counts_connections = false;
            const std::size_t total = open(world.now);
            instance::Connections seen{.total = total};
            if (total > 0) {
                seen.peers = {{.address = "192.0.2.77", .count = total}};
                seen.distinct_peers = 1;
            }
            if (moved) {
                seen.moved = moved(world.now);
            }
            world.feed(Counted{.connections = seen});
        } else if (!world.answer_one() && !world.advance_to_wake()) {
            break;
        }
    }
    return world;
}

TEST(Emptying, waits_until_no_client_is_connected) {
    std::optional<BootTime> closed;
    const World world = leave_with_clients([&closed](BootTime now) {
        closed = closed.value_or(now + 100s);
        return now < *closed ? 3U : 0U;
    });
    EXPECT_EQ(world.finished, 0);
    EXPECT_GE(world.now, *closed);
    EXPECT_LE(world.now, *closed + 2s);
    EXPECT_TRUE(world.said("no client is connected"));
}

TEST(Emptying, does_not_wait_for_the_hundredth_that_stays_for_a_ttl) {
    bool is_first = true;
    const World world = leave_with_clients(
        [&is_first](BootTime) { return std::exchange(is_first, false) ? 1000U : 9U; });
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.said("drained, but 9 of 1000 connections are still open: 9 from 192.0.2.77"));
}

TEST(Emptying, does_not_wait_for_those_that_are_quiet_for_a_ttl) {
    std::optional<BootTime> began;
    const World world = leave_with_clients([](BootTime) { return 40U; },
                                           [&began](BootTime now) {
                                               began = began.value_or(now);
                                               return now < *began + 100s ? 10000U : 99U;
                                           });
    EXPECT_EQ(world.finished, 0);
    EXPECT_GE(world.now, *began + 160s);  // the TTL is 60 s
    EXPECT_LE(world.now, *began + 180s);
    EXPECT_TRUE(world.said("drained, but 40 of 40 connections are still open, quiet for a TTL"));
}

TEST(Emptying, waits_for_the_few_that_are_busy) {
    bool is_first = true;
    const World world = leave_with_clients(
        [&is_first](BootTime) { return std::exchange(is_first, false) ? 1000U : 9U; },
        [](BootTime) { return 10000U; });
    EXPECT_EQ(world.finished, 75);
    EXPECT_TRUE(world.said("9 connections are still open"));
}

TEST(Emptying, ends_at_the_deadline_with_75) {
    const World world = leave_with_clients([](BootTime) { return 3U; });
    EXPECT_EQ(world.finished, 75);
    EXPECT_TRUE(world.said("3 connections are still open"));
}

TEST(Emptying, is_not_done_where_connections_cannot_be_counted) {
    Settings settings = agent();
    settings.ports = {80};
    World world = in_service(settings);
    world.feed(LeaveRequested{"SIGTERM"});
    ASSERT_TRUE(world.counts_connections);
    world.feed(Counted{.connections = std::nullopt, .problem = "not permitted"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.said("cannot be counted: not permitted"));
}

TEST(Lease, is_renewed_in_thirds_while_in_service_and_not_while_leaving) {
    Settings settings = agent();
    settings.lease = 9s;
    World world = in_service(settings);
    const BootTime start = world.now;
    std::size_t beats = 0;
    while (world.now < start + 60s) {
        if (!world.beats.empty()) {
            world.beats.pop_front();
            ++beats;
            world.feed(Beaten{.member = 0, .problem = beats == 5 ? "no answer" : ""});
        } else {
            ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
        }
    }
    EXPECT_GE(beats, 60U / 4U);
    EXPECT_LE(beats, 1 + 60U / 2U);
    EXPECT_TRUE(world.said("the lease was not renewed: no answer"));
    EXPECT_TRUE(world.said("renewed again"));
    world.beats.clear();
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_TRUE(world.beats.empty());
}

/// Answers heartbeats and all else for so long.
std::size_t beats_within(World& world, BootTime::duration time, const Beaten& answer) {
    const BootTime end = world.now + time;
    std::size_t beats = 0;
    while (world.now < end) {
        if (!world.beats.empty()) {
            world.beats.pop_front();
            ++beats;
            world.feed(answer);
        } else if (!world.answer_one() && !world.advance_to_wake()) {
            break;
        }
    }
    return beats;
}

const Beaten kForeign{.member = 0, .problem = "status 404", .is_unsupported = true};

TEST(Lease, that_amazon_does_not_know_is_not_asked_for_again) {
    Settings settings = agent();
    settings.lease = 9s;
    World world = in_service(settings);
    const std::size_t said = world.sayings.size();
    EXPECT_EQ(beats_within(world, 1h, {.member = 0, .is_unsupported = true}), 1U);
    EXPECT_EQ(world.sayings.size(), said);
}

TEST(Lease, that_never_worked_is_asked_for_gently_and_said_once) {
    Settings settings = agent();
    settings.lease = 9s;
    World world = in_service(settings);
    const std::size_t beats = beats_within(world, 1h, kForeign);
    EXPECT_GE(beats, 8U);
    EXPECT_LE(beats, 20U);
    EXPECT_EQ(
        std::ranges::count_if(
            world.sayings, [](const std::string& one) { return one.contains("holds no lease"); }),
        1);
    EXPECT_TRUE(world.said("status 404"));
    EXPECT_GE(beats_within(world, 20min, {.member = 0}), 15U * 20U);
    EXPECT_TRUE(world.said("one is held now"));
}

TEST(Lease, that_worked_is_tried_on_through_foreign_answers) {
    Settings settings = agent();
    settings.lease = 9s;
    World world = in_service(settings);
    EXPECT_GE(beats_within(world, 10s, {.member = 0}), 3U);
    EXPECT_GE(beats_within(world, 60s, kForeign), 15U);
    EXPECT_EQ(std::ranges::count(world.sayings, "the lease was not renewed: status 404"), 1);
    EXPECT_GE(beats_within(world, 10s, {.member = 0}), 2U);
    EXPECT_TRUE(world.said("the lease is renewed again"));
}

TEST(Lease, is_renewed_at_weight_zero_before_the_deletion) {
    Settings settings = fading();
    settings.lease = 9s;
    World told = one_of(3, settings);
    told.beats.clear();
    told.feed(Beaten{.member = 0});
    World drained = told;
    told.feed(LeaveRequested{"SIGTERM"});
    drained.feed(WentAbsent{maintenance()});
    for (World* world : {&told, &drained}) {
        fade(*world);
        EXPECT_GE(beats_within(*world, 50s, {.member = 0}), 10U);
        ASSERT_EQ(world->phase(), Phase::fading);
        world->beats.clear();
        world->feed(Beaten{.member = 0});
        ASSERT_TRUE(world->run_until(Phase::withdrawing));
        world->beats.clear();
        world->feed(Beaten{.member = 0, .problem = "NoSuchRecordSet"});  // sent before the DELETE
        ASSERT_TRUE(world->run_until(Phase::draining));
        ASSERT_TRUE(world->advance_to_wake());
        EXPECT_TRUE(world->beats.empty());
        EXPECT_FALSE(world->said("was not renewed"));
    }
}

TEST(Lease, is_renewed_in_a_dispute_while_the_record_set_is_there) {
    Settings settings = agent();
    settings.lease = 9s;
    World world = in_service(settings);
    beats_within(world, 10s, {.member = 0});
    const auto is_restored = [&world] {
        return world.zone.at("i-1").values.front() == "192.0.2.1";
    };
    for (int i = 0; i < 4; ++i) {
        world.zone["i-1"] = weighted("i-1", "203.0.113.5");
        const BootTime begin = world.now;
        std::size_t beats = 0;
        for (int step = 0; step < 20000 && !is_restored(); ++step) {
            beats += beats_within(world, 1s, {.member = 0});
        }
        ASSERT_TRUE(is_restored());
        EXPECT_GE(beats, static_cast<std::size_t>((world.now - begin) / 5s)) << i;
    }
    EXPECT_TRUE(world.said("time 4 in a row"));
    world.zone.erase("i-1");
    for (int step = 0; step < 20000 && world.phase() != Phase::reading; ++step) {
        if (!world.beats.empty()) {
            world.beats.pop_front();
            world.feed(Beaten{.member = 0});
        } else {
            ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
        }
    }
    ASSERT_EQ(world.phase(), Phase::reading);
    ASSERT_TRUE(world.calls.empty()) << "it waits before it looks again";
    EXPECT_FALSE(world.state.members[0].heart.wake) << "there is nothing to hold a lease on";
}

TEST(Lifecycle, ignores_answers_to_calls_that_it_did_not_make) {
    World world{agent()};
    world.feed(Started{});
    const Phase before = world.phase();
    world.feed(Answered{.member = 0, .call = 999, .answer = Accepted{"C9", true}});
    world.feed(Answered{.member = 7, .call = 1, .answer = Accepted{"C9", true}});
    EXPECT_EQ(world.phase(), before);
}

}  // namespace
}  // namespace rota::agent::testing
