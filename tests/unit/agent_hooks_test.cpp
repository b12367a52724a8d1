#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/instance/lifecycle_state.h"
#include "rota/instance/notices.h"
#include "support/agent_world.h"

namespace rota::agent::testing {
namespace {

const Hook kLaunch{.name = "rota-launch",
                   .transition = Transition::launch,
                   .heartbeat_timeout = 300s,
                   .global_timeout = 30000s};
const Hook kTermination{.name = "rota-terminate",
                        .transition = Transition::termination,
                        .heartbeat_timeout = 60s,
                        .global_timeout = 6000s};

Settings hooked() {
    Settings settings;
    settings.watch_notices = true;
    settings.follow_hooks = true;
    return settings;
}

Noticed state_is(const std::string& word) {
    instance::Notices notices;
    notices.lifecycle = instance::parse_lifecycle_state(word).value();
    return {.notices = std::move(notices), .problem = {}, .now = {}};
}

HooksFound group_says(const std::string& state, std::vector<Hook> hooks = {kLaunch, kTermination}) {
    return {.hooks = Hooks{.group = "web", .state = state, .hooks = std::move(hooks)},
            .problem = {}};
}

World started(const Settings& settings = hooked()) {
    World world{settings};
    world.zone["i-2"] = weighted("i-2", "192.0.2.2");
    world.feed(Started{});
    return world;
}

/// The last thing asked of Auto Scaling, once.
std::string asked(World& world) {
    std::string text;
    if (world.finds_hooks) {
        text = "find";
    } else if (world.hook_call) {
        text = world.hook_call->kind == CallHook::Kind::complete ? "complete " : "heartbeat ";
        text += world.hook_call->group + "/" + world.hook_call->hook;
    }
    world.finds_hooks = false;
    world.hook_call.reset();
    return text;
}

TEST(LaunchHook, is_completed_once_in_the_rota) {
    World world = started();
    world.feed(state_is("InService"));
    EXPECT_EQ(asked(world), "find");
    world.feed(group_says("Pending:Wait"));
    EXPECT_EQ(asked(world), "heartbeat web/rota-launch");
    world.feed(HookCalled{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(asked(world), "complete web/rota-launch");
    world.feed(HookCalled{});
    EXPECT_TRUE(world.said("lifecycle hook rota-launch: launch hook completed with CONTINUE"));
    world.advance(1h);
    EXPECT_EQ(asked(world), "");
}

TEST(LaunchHook, goes_on_without_a_record_set_when_dns_fails) {
    World world = started();
    world.fault = Failure{.error = {ErrorKind::unavailable, "no answer", true}};
    world.feed(state_is("InService"));
    world.feed(group_says("Pending:Wait"));
    const BootTime start = world.now;
    std::string last;
    while (last != "complete web/rota-launch" && world.now < start + 1h) {
        if (!world.answer_one() && !world.advance_to_wake()) {
            break;
        }
        if (const std::string text = asked(world); !text.empty()) {
            last = text;
            world.feed(HookCalled{});
        }
    }
    EXPECT_EQ(last, "complete web/rota-launch");
    EXPECT_GE(world.now, start + 300s);
    EXPECT_LE(world.now, start + 301s);
    EXPECT_TRUE(world.said("not in the rota after 300 s, but the launch goes on"));
}

TEST(LaunchHook, of_an_application_that_is_not_ready_is_left_to_its_timeout) {
    Settings settings = hooked();
    settings.check_readiness = true;
    World world = started(settings);
    asked(world);
    world.feed(state_is("InService"));
    EXPECT_EQ(asked(world), "find");
    world.feed(group_says("Pending:Wait"));
    world.advance(2h);
    EXPECT_EQ(asked(world), "");
}

TEST(LaunchHook, of_an_instance_that_runs_already_is_not_asked_for) {
    World world = started();
    world.feed(state_is("InService"));
    asked(world);
    world.feed(group_says("InService"));
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_EQ(asked(world), "");
    world.feed(state_is("InService"));
    EXPECT_EQ(asked(world), "");
}

TEST(TerminationHook, is_kept_going_through_the_drain_and_completed_after_it) {
    World world = started();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(state_is("Terminated"));
    EXPECT_EQ(asked(world), "find");
    world.feed(group_says("Terminating:Wait"));
    int heartbeats = 0;
    std::string last;
    while (world.phase() != Phase::out || last != "complete web/rota-terminate") {
        if (const std::string text = asked(world); !text.empty()) {
            last = text;
            heartbeats += text == "heartbeat web/rota-terminate" ? 1 : 0;
            EXPECT_EQ(text.starts_with("complete"), world.phase() == Phase::out);
            world.feed(HookCalled{});
        } else if (!world.answer_one()) {
            ASSERT_TRUE(world.advance_to_wake());
        }
    }
    EXPECT_GE(heartbeats, 3);  // 75 s, a third of 60 s apart
    const BootTime out = world.now;
    world.feed(LeaveRequested{"SIGTERM"});
    world.run_to_the_end();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, out);
}

TEST(TerminationHook, that_has_not_begun_is_looked_for_again) {
    World world = started();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(state_is("Terminated"));
    asked(world);
    world.feed(group_says("InService"));
    EXPECT_EQ(asked(world), "");
    world.advance(5s);
    EXPECT_EQ(asked(world), "find");
}

TEST(TerminationHook, is_completed_at_the_deadline_whatever_the_rota) {
    World world = started();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.fault = Failure{.error = {ErrorKind::unavailable, "no answer", true}};
    world.feed(state_is("Terminated"));
    asked(world);
    world.feed(group_says("Terminating:Wait"));
    asked(world);
    world.feed(HookCalled{});
    world.advance(300s);
    EXPECT_EQ(asked(world), "complete web/rota-terminate");
    EXPECT_TRUE(world.said("not out of the rota after 300 s"));
}

TEST(TerminationHook, gets_a_last_word_of_seconds_before_the_end) {
    World world = started();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(state_is("Terminated"));
    world.feed(group_says("Terminating:Wait"));
    world.feed(LeaveRequested{"SIGTERM"});
    world.feed(HookCalled{});
    asked(world);
    for (int i = 0; i < 1000 && world.phase() != Phase::gone; ++i) {
        if (!world.answer_one()) {
            ASSERT_TRUE(world.advance_to_wake());
        }
        if (world.hook_call && world.hook_call->kind == CallHook::Kind::heartbeat) {
            world.hook_call.reset();
            world.feed(HookCalled{});
        }
    }
    EXPECT_EQ(asked(world), "complete web/rota-terminate");
    EXPECT_FALSE(world.finished);
    const BootTime gone = world.now;
    world.advance_to_wake();
    EXPECT_EQ(world.finished, 0);
    EXPECT_EQ(world.now, gone + 10s);
}

TEST(TerminationHook, of_an_instance_that_was_never_ready_is_completed_at_once) {
    Settings settings = hooked();
    settings.check_readiness = true;
    World world = started(settings);
    world.feed(state_is("Terminated"));
    EXPECT_EQ(asked(world), "find");
    world.answer_all();
    EXPECT_EQ(world.phase(), Phase::out);
    world.feed(group_says("Terminating:Wait"));
    EXPECT_EQ(asked(world), "complete web/rota-terminate");
}

TEST(TerminationHook, of_an_instance_that_was_never_ready_waits_for_an_earlier_life) {
    Settings settings = hooked();
    settings.check_readiness = true;
    World world = started(settings);
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(state_is("Terminated"));
    asked(world);
    world.feed(group_says("Terminating:Wait"));
    EXPECT_EQ(asked(world), "heartbeat web/rota-terminate");
    world.feed(HookCalled{});
    world.feed(CameBack{Reason::ending});  // called off: it goes on out, since it is not ready
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_FALSE(world.zone.contains("i-1"));
    world.feed(ReadinessChecked{.passed = true, .detail = {}});
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(TerminationHook, of_an_instance_that_was_never_ready_does_not_make_it_join) {
    Settings settings = hooked();
    settings.check_readiness = true;
    World world = started(settings);
    world.zone.erase("i-2");
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(state_is("Terminated"));
    world.feed(CameBack{Reason::ending});
    world.feed(WentAbsent{{.reason = Reason::unhealthy, .guard = Guard::quorum, .text = "503"}});
    while (world.answer_one()) {
    }
    EXPECT_TRUE(world.said("it is the last member"));
    EXPECT_EQ(world.phase(), Phase::waiting);
    EXPECT_TRUE(world.zone.contains("i-1"));
    world.feed(CameBack{Reason::unhealthy});
    world.feed(ReadinessChecked{.passed = true, .detail = {}});
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(Hooks, that_may_not_be_asked_for_are_said_once) {
    World world = started();
    world.feed(state_is("InService"));
    asked(world);
    world.feed(HooksFound{.hooks = {}, .problem = {ErrorKind::permission, "AccessDenied", false}});
    EXPECT_TRUE(world.said("lifecycle hooks: AccessDenied"));
    world.advance(1h);
    EXPECT_EQ(asked(world), "");
}

TEST(Hooks, are_tried_again_when_the_api_does_not_answer) {
    World world = started();
    world.feed(state_is("InService"));
    asked(world);
    world.feed(HooksFound{.hooks = {}, .problem = {ErrorKind::timeout, "no answer", true}});
    EXPECT_EQ(asked(world), "");
    world.advance(60s);
    EXPECT_EQ(asked(world), "find");
}

TEST(Hooks, are_asked_for_one_call_at_a_time_whatever_the_state_does) {
    World world = started();
    world.feed(state_is("InService"));
    EXPECT_EQ(asked(world), "find");
    world.feed(state_is("Standby"));
    world.feed(state_is("Terminated"));
    EXPECT_EQ(asked(world), "");  // the first one is still out
    world.feed(HooksFound{.hooks = {}, .problem = {ErrorKind::timeout, "no answer", true}});
    world.advance(60s);
    EXPECT_EQ(asked(world), "find");
}

TEST(Hooks, of_others_are_not_touched) {
    Hook log = kTermination;
    log.name = "ship-logs";
    Hook other = kTermination;
    other.name = "other";
    EXPECT_EQ(choose_hook({log}, Transition::termination, {})->name, "ship-logs");
    EXPECT_FALSE(choose_hook({log}, Transition::launch, {}));
    EXPECT_FALSE(choose_hook({log, other}, Transition::termination, {}));
    EXPECT_FALSE(choose_hook({log}, Transition::termination, {"mine"}));
    EXPECT_EQ(choose_hook({log, other}, Transition::termination, {"other"})->name, "other");
    EXPECT_EQ(choose_hook({log, kTermination}, Transition::termination, {})->name,
              "rota-terminate");
    World world = started();
    world.feed(state_is("Terminated"));
    asked(world);
    world.feed(group_says("Terminating:Wait", {log, other}));
    EXPECT_EQ(asked(world), "");
    EXPECT_TRUE(world.said("none of the group's 2 termination hooks is known to be ours"));
}

TEST(Hooks, that_are_too_short_for_the_drain_are_said_at_the_start) {
    World world = started();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(state_is("InService"));
    Hook hook = kTermination;
    hook.heartbeat_timeout = 5s;
    hook.global_timeout = 30s;
    world.feed(group_says("InService", {hook}));
    EXPECT_TRUE(world.said("heartbeat timeout of 5 s is over before it can be renewed"));
    EXPECT_TRUE(world.said("the hook lets an instance wait 30 s at most"));
}

TEST(StopTimeout, that_is_too_short_is_said_at_the_start) {
    World world = started();
    ASSERT_TRUE(world.run_until(Phase::in_service));
    world.feed(StopTimeoutRead{.timeout = 30s});
    EXPECT_TRUE(world.said("TimeoutStopSec 30 s ends the drain"));
}

}  // namespace
}  // namespace rota::agent::testing
