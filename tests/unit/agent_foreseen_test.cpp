#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/agent/foreseen.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/time_format.h"
#include "rota/instance/lifecycle_state.h"
#include "rota/instance/notices.h"
#include "rota/instance/scheduled_events.h"
#include "rota/instance/spot_action.h"
#include "support/agent_world.h"

namespace rota::agent::testing {
namespace {

WallTime at(std::string_view text) {
    return parse_rfc3339(text).value();
}

const WallTime kNow = at("2026-11-22T12:00:00Z");

instance::Notices lifecycle(std::string_view word) {
    instance::Notices notices;
    notices.lifecycle = instance::parse_lifecycle_state(word).value();
    return notices;
}

instance::Notices spot() {
    instance::Notices notices;
    notices.spot =
        instance::parse_spot_action(R"({"action":"terminate","time":"2026-11-22T12:02:00Z"})")
            .value();
    return notices;
}

instance::Notices scheduled(instance::EventCode code, WallTime not_before) {
    instance::Notices notices;
    notices.events.push_back(
        {.code = code, .code_word = "instance-stop", .not_before = not_before});
    return notices;
}

TEST(Foresee, a_spot_notice_is_an_end_at_once) {
    const Foreseen foreseen = foresee(spot(), kNow, 300s);
    ASSERT_TRUE(foreseen.ending);
    EXPECT_EQ(foreseen.ending->text, "spot notice: terminate at 2026-11-22T12:02:00Z");
    EXPECT_EQ(foreseen.ending->guard, Guard::none);
}

TEST(Foresee, an_auto_scaling_state_is_heeded) {
    EXPECT_FALSE(foresee({}, kNow, 300s).ending);
    for (const char* const word : {"InService", "Rebooting"}) {
        EXPECT_FALSE(foresee(lifecycle(word), kNow, 300s).ending) << word;
        EXPECT_FALSE(foresee(lifecycle(word), kNow, 300s).standby) << word;
    }
    for (const char* const word : {"Terminated", "Warmed:Terminated"}) {
        EXPECT_TRUE(foresee(lifecycle(word), kNow, 300s).ending) << word;
        EXPECT_FALSE(foresee(lifecycle(word), kNow, 300s).standby) << word;
    }
    for (const char* const word :
         {"Standby", "Detached", "Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated"}) {
        EXPECT_FALSE(foresee(lifecycle(word), kNow, 300s).ending) << word;
        EXPECT_TRUE(foresee(lifecycle(word), kNow, 300s).standby) << word;
    }
}

TEST(Foresee, a_scheduled_end_counts_when_it_is_near_and_until_it_is_over) {
    using instance::EventCode;
    const auto counts = [](EventCode code, WallTime not_before,
                           std::optional<WallTime> not_after = std::nullopt) {
        instance::Notices notices = scheduled(code, not_before);
        notices.events.front().not_after = not_after;
        return foresee(notices, kNow, 300s).ending.has_value();
    };
    EXPECT_TRUE(counts(EventCode::instance_stop, kNow + 300s));
    EXPECT_FALSE(counts(EventCode::instance_stop, kNow + 301s));
    EXPECT_TRUE(counts(EventCode::instance_retirement, kNow));
    EXPECT_TRUE(counts(EventCode::system_reboot, kNow - 60s));
    EXPECT_FALSE(counts(EventCode::system_reboot, kNow - 60s, kNow - 1s));
    EXPECT_FALSE(counts(EventCode::system_maintenance, kNow));
    instance::Notices canceled = scheduled(EventCode::instance_stop, kNow);
    canceled.events.front().state = instance::EventState::canceled;
    EXPECT_FALSE(foresee(canceled, kNow, 300s).ending);
}

World watching() {
    World world{{.goal = Goal::stay, .watch_notices = true}};
    world.feed(Started{});
    EXPECT_TRUE(world.asks_notices);
    world.feed(Noticed{.notices = instance::Notices{}, .now = kNow});
    EXPECT_TRUE(world.run_until(Phase::in_service));
    return world;
}

TEST(Notices, take_the_member_out_and_bring_it_back) {
    World world = watching();
    world.feed(Noticed{.notices = lifecycle("Standby"), .now = kNow});
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_TRUE(world.said("standby: Auto Scaling says Standby"));
    world.feed(Noticed{.notices = lifecycle("InService"), .now = kNow});
    EXPECT_TRUE(world.run_until(Phase::in_service));
}

TEST(Notices, of_the_end_take_the_last_member_out_too) {
    World world = watching();
    world.feed(Noticed{.notices = spot(), .now = kNow});
    ASSERT_TRUE(world.run_until(Phase::out));
    EXPECT_TRUE(world.zone.empty());
}

TEST(Notices, that_cannot_be_read_are_asked_for_ever_more_rarely_and_told_once) {
    World world = watching();
    std::size_t asked = 0;
    const BootTime start = world.now;
    while (world.now < start + 1h) {
        if (world.asks_notices) {
            world.asks_notices = false;
            ++asked;
            world.feed(Noticed{.notices = std::nullopt, .problem = "no answer", .now = kNow});
        } else {
            ASSERT_TRUE(world.answer_one() || world.advance_to_wake());
        }
    }
    EXPECT_LT(asked, 30U);
    EXPECT_EQ(std::ranges::count_if(world.sayings,
                                    [](const std::string& saying) {
                                        return saying.find("no answer") != std::string::npos;
                                    }),
              1);
    EXPECT_EQ(world.phase(), Phase::in_service);
}

TEST(Plan, that_does_not_fit_is_told_on_joining) {
    Settings settings{.goal = Goal::stay, .notice = 120s, .usual_propagation = 60s};
    World world{settings, {www(10, 60s)}};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    EXPECT_TRUE(world.said("TTL 60 cannot drain within a 120 s spot notice: use 30 or less"));
}

TEST(Plan, counts_with_the_notice_of_a_spot_instance) {
    const auto told = [](Settings settings, std::optional<bool> is_spot, bool is_late) {
        settings.usual_propagation = 60s;
        settings.watch_notices = true;
        World world{settings, {www(10, 60s)}};
        const Noticed noticed{
            .notices = instance::Notices{}, .problem = {}, .now = kNow, .is_spot = is_spot};
        world.feed(Started{});
        if (!is_late) {
            world.feed(noticed);
        }
        EXPECT_TRUE(world.run_until(Phase::in_service));
        if (is_late) {
            world.feed(noticed);
        }
        world.feed(Noticed{.notices = instance::Notices{}, .now = kNow});  // the next poll
        return std::ranges::count_if(world.sayings, [](const std::string& saying) {
            return saying.contains("TTL 60 cannot drain within a 120 s spot notice: use 30");
        });
    };
    for (const bool is_late : {false, true}) {
        EXPECT_EQ(told({}, true, is_late), 1);
        EXPECT_EQ(told({}, false, is_late), 0);
        EXPECT_EQ(told({}, std::nullopt, is_late), 0);
        EXPECT_EQ(told({.notice = 300s}, true, is_late), 0);
        EXPECT_EQ(told({.notice = 120s}, true, is_late), 1);
    }
}

}  // namespace
}  // namespace rota::agent::testing
