#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/metrics.h"
#include "rota/agent/published.h"
#include "rota/agent/show.h"
#include "rota/agent/standing.h"
#include "rota/base/error.h"
#include "rota/dns/types.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/http/message.h"
#include "rota/model/record_set.h"
#include "support/agent_world.h"

namespace rota::agent::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Settings agent(std::string_view check = {}) {
    Settings settings;
    if (!check.empty()) {
        settings.checks.push_back(health::parse_check(check).value());
        settings.watch_members = true;
    }
    return settings;
}

WentAbsent maintenance() {
    return {{.reason = Reason::maintenance,
             .guard = Guard::last_member,
             .text = "kernel by uid 0",
             .ends = std::nullopt}};
}

std::string words(const World& world, std::uint8_t configured = 10) {
    Snapshot snapshot{.state = world.state, .figures = {}, .weights = {}};
    snapshot.weights.assign(world.state.members.size(), configured);
    return health::format_agent_check(agent_check_of(snapshot, world.now));
}

bool is_in(const World& world) {
    return standing_of(world.state, world.now).is_in;
}

http::Response get(const World& world, const std::string& target, std::string method = "GET") {
    const Published published{world.state};
    return show({.method = std::move(method), .target = target, .headers = {}, .body = {}},
                *published.latest());
}

TEST(Standing, is_out_until_joined_and_in_from_then_on) {
    World world{agent()};
    EXPECT_FALSE(is_in(world));
    world.feed(Started{});
    EXPECT_FALSE(is_in(world));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(is_in(world));
    EXPECT_EQ(standing_of(world.state, world.now).text, "in service");
}

TEST(Standing, is_out_as_soon_as_the_leave_begins_and_says_why) {
    World world{agent()};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(LeaveRequested{"SIGTERM"});
    EXPECT_FALSE(is_in(world));
    EXPECT_THAT(standing_of(world.state, world.now).text, HasSubstr("leaving on SIGTERM"));
    EXPECT_EQ(words(world), "drain #leaving on SIGTERM\n");
}

TEST(Standing, of_several_rotas_needs_all_of_them) {
    Membership six = www();
    six.type = dns::Type::aaaa;
    World world{agent(), {www(), six}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service, 0));
    world.state.members[1].phase = Phase::blocked;
    EXPECT_FALSE(is_in(world));
}

TEST(Standing, of_a_sick_last_member_is_in_because_it_stays) {
    World world{agent("tcp://127.0.0.1:80")};
    world.feed(Started{});
    ASSERT_TRUE(world.answer_probe(health::Outcome::passed));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    for (int i = 0; i < 100 && world.state.absences.empty(); ++i) {
        world.answer_probe(health::Outcome::failed, "refused");
        world.answer_all();
        if (world.state.absences.empty()) {
            world.advance_to_wake();
        }
    }
    ASSERT_FALSE(world.state.absences.empty());
    for (int i = 0; i < 20 && world.state.members[0].held.empty(); ++i) {
        EXPECT_TRUE(is_in(world)) << "it looks whether it is the last";
        EXPECT_THAT(words(world), Not(HasSubstr("down")));
        world.answer_one();
        world.advance_to_wake();
    }
    ASSERT_FALSE(world.state.members[0].held.empty());
    world.answer_all();
    EXPECT_TRUE(is_in(world));
    EXPECT_EQ(words(world), "ready 100% up\n");
    EXPECT_THAT(standing_of(world.state, world.now).text, HasSubstr("although unhealthy"));
}

TEST(AgentCheckLine, is_down_before_readiness_and_up_after_it_whatever_the_api_does) {
    Settings settings = agent();
    settings.check_readiness = true;
    World world{settings};
    world.feed(Started{});
    world.feed(ReadinessChecked{.passed = false, .detail = "503"});
    EXPECT_EQ(words(world), "ready down #waiting for readiness: 503\n");
    world.fault = Failure{.error = {ErrorKind::unavailable, "the API is away", true}};
    ASSERT_TRUE(world.advance_to_wake());
    world.feed(ReadinessChecked{.passed = true, .detail = {}});
    world.answer_one();
    EXPECT_FALSE(is_in(world));
    EXPECT_EQ(words(world), "ready 100% up\n");
}

TEST(AgentCheckLine, drains_for_an_operator_and_is_ready_again_after_it) {
    World world{agent()};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(maintenance());
    ASSERT_TRUE(world.run_until(Phase::draining));
    EXPECT_EQ(words(world), "drain #maintenance: kernel by uid 0\n");
    EXPECT_FALSE(is_in(world));
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_EQ(words(world), "drain #maintenance: kernel by uid 0\n");
    world.feed(CameBack{Reason::maintenance});
    EXPECT_EQ(words(world), "ready 100% up\n");
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(is_in(world));
}

TEST(AgentCheckLine, says_down_of_a_sick_instance_when_others_are_left) {
    World world{agent("tcp://127.0.0.1:80")};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    ASSERT_TRUE(world.answer_probe(health::Outcome::passed));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    for (int i = 0; i < 200 && world.phase() != Phase::out; ++i) {
        world.answer_probe(health::Outcome::failed, "refused");
        if (!world.answer_one()) {
            world.advance_to_wake();
        }
    }
    ASSERT_EQ(world.phase(), Phase::out);
    EXPECT_THAT(words(world), HasSubstr("ready down #unhealthy: "));
    EXPECT_THAT(words(world), HasSubstr("refused"));
}

TEST(AgentCheckLine, says_down_when_nobody_can_tell_whether_it_is_the_last) {
    World world{agent("tcp://127.0.0.1:80")};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    ASSERT_TRUE(world.answer_probe(health::Outcome::passed));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.fault = Failure{.error = {ErrorKind::unavailable, "the API is away", true}};
    for (int i = 0; i < 200 && words(world) == "ready 100% up\n"; ++i) {
        world.answer_probe(health::Outcome::failed, "refused");
        if (!world.answer_one()) {
            world.advance_to_wake();
        }
    }
    EXPECT_THAT(words(world), HasSubstr("ready down #unhealthy: "));
}

TEST(AgentCheckLine, tells_the_part_of_the_weight_that_is_in_force) {
    World world{agent(), {www(100)}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(words(world, 100), "ready 100% up\n");
    world.state.members[0].stored->routing = model::WeightedRouting{75};
    EXPECT_EQ(words(world, 100), "ready 75% up\n");
    world.state.members[0].stored->routing = model::WeightedRouting{0};
    EXPECT_EQ(words(world, 100), "ready 0% up\n");
}

TEST(AgentCheckLine, passes_the_application_s_own_maint_on) {
    World world{agent("agent-check://127.0.0.1:80")};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    ASSERT_TRUE(world.answer_probe(health::Outcome::passed));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.state.examinations[0].words.mode = health::AgentMode::maint;
    world.feed(WentAbsent{{.reason = Reason::application, .guard = Guard::none, .text = "maint"}});
    EXPECT_EQ(words(world), "maint #application: maint\n");
}

TEST(AgentMetrics, show_the_membership_the_checks_and_the_calls) {
    World world{agent("tcp://127.0.0.1:80")};
    Published published{world.state};
    world.feed(Started{});
    ASSERT_TRUE(world.answer_probe(health::Outcome::passed));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    published.count(Call{.member = 0, .id = 1, .request = ReadOwn{}});
    published.count(Call{.member = 0, .id = 2, .request = GetChange{}});
    published.count(world.state, Beaten{.member = 0}, world.now - 2s);
    published.count(world.state, Beaten{.member = 0, .problem = "refused"}, world.now);
    published.publish(world.state);
    EXPECT_THAT(metrics_text(*published.latest(), world.now), Not(HasSubstr("utilisation")));
    world.state.load.last.load.utilisation = 0.75;
    published.publish(world.state);
    const std::string text = metrics_text(*published.latest(), world.now);
    const std::string_view rota = R"({name="www.example.com.",type="A")";
    for (const std::string& line :
         {fmt::format("rota_agent_in_service{}}} 1\n", rota),
          fmt::format("rota_agent_phase{},phase=\"in_service\"}} 1\n", rota),
          fmt::format("rota_agent_weight{}}} 10\n", rota),
          fmt::format("rota_agent_ttl_seconds{}}} 60\n", rota),
          fmt::format("rota_agent_lease_age_seconds{}}} 2\n", rota),
          std::string{"rota_agent_healthy 1\n"},
          std::string{"rota_agent_check_healthy{check=\"tcp://127.0.0.1:80\"} 1\n"},
          std::string{"rota_agent_absent{reason=\"maintenance\"} 0\n"},
          std::string{"rota_agent_leaving 0\n"}, std::string{"rota_agent_utilisation_ratio 0.75\n"},
          std::string{"rota_agent_calls_total{call=\"read_own\"} 1\n"},
          std::string{"rota_agent_calls_total{call=\"get_change\"} 1\n"},
          std::string{"rota_agent_calls_total{call=\"heartbeat\"} 2\n"},
          std::string{"rota_agent_call_failures_total{call=\"heartbeat\",kind=\"other\"} 1\n"}}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(AgentMetrics, count_a_failure_for_the_call_that_is_outstanding_alone) {
    World world{agent()};
    Published published{world.state};
    world.feed(Started{});
    ASSERT_FALSE(world.calls.empty());
    const Call call = world.calls.front();
    const auto failed = [&](CallId id) {
        return Answered{.member = 0,
                        .call = id,
                        .answer = Failure{.error = {ErrorKind::unavailable, "away", true}}};
    };
    published.count(world.state, failed(call.id), world.now);
    published.count(world.state, failed(call.id + 1), world.now);
    published.publish(world.state);
    EXPECT_THAT(
        metrics_text(*published.latest(), world.now),
        HasSubstr(fmt::format("rota_agent_call_failures_total{{call=\"resolve\",kind=\"{}\"}} 1\n",
                              to_string(ErrorKind::unavailable))));
}

TEST(AgentMetrics, count_a_drain_down) {
    World world{agent()};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(LeaveRequested{"SIGTERM"});
    ASSERT_TRUE(world.run_until(Phase::draining));
    world.advance(30s);
    const Published published{world.state};
    const std::string text = metrics_text(*published.latest(), world.now);
    EXPECT_THAT(text, HasSubstr("rota_agent_leaving 1\n"));
    EXPECT_THAT(
        text,
        HasSubstr("rota_agent_drain_seconds_left{name=\"www.example.com.\",type=\"A\"} 45\n"));
}

TEST(AgentPages, answer_what_they_know_and_nothing_else) {
    World world{agent()};
    EXPECT_EQ(get(world, "/healthz").status, 503);
    EXPECT_EQ(get(world, "/healthz?from=probe").body, "waiting for readiness\n");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(get(world, "/healthz").status, 200);
    EXPECT_EQ(get(world, "/healthz").body, "in service\n");
    EXPECT_THAT(get(world, "/status").body, HasSubstr("\"phase\":\"in_service\""));
    EXPECT_THAT(get(world, "/metrics").body, HasSubstr("\nrota_agent_leaving 0\n"));
    EXPECT_EQ(get(world, "/").status, 404);
    EXPECT_EQ(get(world, "/statusx").status, 404);
    EXPECT_EQ(get(world, "/metrics", "HEAD").status, 200);
    EXPECT_EQ(get(world, "/metrics", "POST").status, 405);
}

TEST(AgentPages, are_on_loopback_where_only_a_port_is_given) {
    EXPECT_EQ(on_loopback("9464"), "127.0.0.1:9464");
    EXPECT_EQ(on_loopback("0.0.0.0:9464"), "0.0.0.0:9464");
    EXPECT_EQ(on_loopback("[::]:9464"), "[::]:9464");
    EXPECT_EQ(on_loopback(""), "");
}

}  // namespace
}  // namespace rota::agent::testing
