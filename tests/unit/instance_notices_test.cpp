#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/instance/notices.h"
#include "rota/instance/rebalance.h"

namespace rota::instance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The samples are those of the EC2 User Guide, "Spot Instance interruption notices", "EC2 instance
// rebalance recommendations" and "View scheduled events for your instances", and of the Amazon EC2
// Auto Scaling User Guide, "Retrieve the target lifecycle state through instance metadata".
constexpr std::string_view kStop = R"({"action": "stop", "time": "2017-09-18T08:22:00Z"})";
constexpr std::string_view kTerminate =
    R"({"action": "terminate", "time": "2017-09-18T08:22:00Z"})";
constexpr std::string_view kRebalance = R"({"noticeTime": "2020-10-27T08:22:00Z"})";
constexpr std::string_view kReboot = R"([
  {
    "NotBefore" : "21 Jan 2019 09:00:43 GMT",
    "Code" : "system-reboot",
    "Description" : "scheduled reboot",
    "EventId" : "instance-event-0d59937288b749b32",
    "NotAfter" : "21 Jan 2019 09:17:23 GMT",
    "State" : "active"
  }
])";
// The history's form, "View event history about completed or canceled events".
constexpr std::string_view kHistory = R"([
  {
    "NotBefore" : "21 Jan 2019 09:00:43 GMT",
    "Code" : "system-reboot",
    "Description" : "[Canceled] scheduled reboot",
    "EventId" : "instance-event-0d59937288b749b32",
    "NotAfter" : "21 Jan 2019 09:17:23 GMT",
    "State" : "canceled"
  },
  {
    "NotBefore" : "29 Jan 2019 09:00:43 GMT",
    "Code" : "system-reboot",
    "Description" : "[Completed] scheduled reboot",
    "EventId" : "instance-event-0d59937288b749b32",
    "NotAfter" : "29 Jan 2019 09:17:23 GMT",
    "State" : "completed"
  }
])";

WallTime at(std::string_view text) {
    return parse_rfc3339(text).value();
}

TEST(SpotAction, reads_the_guides_samples) {
    EXPECT_EQ(parse_spot_action(kStop).value(), (SpotAction{.kind = SpotActionKind::stop,
                                                            .word = "stop",
                                                            .time = at("2017-09-18T08:22:00Z")}));
    EXPECT_EQ(parse_spot_action(kTerminate)->kind, SpotActionKind::terminate);
    EXPECT_EQ(parse_spot_action(R"({"action":"hibernate","time":"2017-09-18T08:22:00Z"})")->kind,
              SpotActionKind::hibernate);
}

TEST(SpotAction, takes_an_unknown_action_for_an_end) {
    const auto action = parse_spot_action(R"({"action":"melt","time":"2017-09-18T08:22:00Z"})");
    EXPECT_EQ(action->kind, SpotActionKind::other);
    EXPECT_EQ(action->word, "melt");
}

TEST(SpotAction, refuses_what_is_no_notice) {
    for (const char* text :
         {"", "none", "null", "[]", "{}", R"({"action":"stop"})",
          R"({"time":"2017-09-18T08:22:00Z"})", R"({"action":"stop","time":"soon"})",
          R"({"action":1,"time":"2017-09-18T08:22:00Z"})",
          R"({"action":"","time":"2017-09-18T08:22:00Z"})", "<html>moved</html>"}) {
        const auto action = parse_spot_action(text);
        ASSERT_FALSE(action) << text;
        EXPECT_EQ(action.error().kind, ErrorKind::bad_input) << text;
        EXPECT_THAT(action.error().message, HasSubstr("spot/instance-action")) << text;
    }
    EXPECT_THAT(parse_spot_action(std::string(70'000, '[')).error().message,
                HasSubstr("more than the 65536"));
}

TEST(SpotInstance, is_one_where_the_service_says_so) {
    const auto says = [](Result<std::optional<std::string>> answer) {
        return is_spot_instance([&answer](std::string_view path) {
            EXPECT_EQ(path, "meta-data/instance-life-cycle");
            return answer;
        });
    };
    EXPECT_TRUE(says("spot"));
    EXPECT_FALSE(says("on-demand"));
    EXPECT_FALSE(says(std::nullopt));
    EXPECT_FALSE(says(fail(ErrorKind::timeout, "no answer", true)));
}

TEST(Rebalance, reads_the_guides_sample) {
    EXPECT_EQ(parse_rebalance(kRebalance).value(), at("2020-10-27T08:22:00Z"));
    EXPECT_FALSE(parse_rebalance(R"({"noticeTime": 5})"));
    EXPECT_FALSE(parse_rebalance("2020-10-27T08:22:00Z"));
}

TEST(ScheduledEvents, reads_the_guides_sample) {
    EXPECT_THAT(parse_scheduled_events(kReboot).value(),
                ElementsAre(ScheduledEvent{.code = EventCode::system_reboot,
                                           .code_word = "system-reboot",
                                           .state = EventState::active,
                                           .id = "instance-event-0d59937288b749b32",
                                           .description = "scheduled reboot",
                                           .not_before = at("2019-01-21T09:00:43Z"),
                                           .not_after = at("2019-01-21T09:17:23Z")}));
    const auto history = parse_scheduled_events(kHistory).value();
    EXPECT_EQ(history.at(0).state, EventState::canceled);
    EXPECT_EQ(history.at(1).state, EventState::completed);
    EXPECT_FALSE(is_active(history.at(0)) || is_active(history.at(1)));
}

TEST(ScheduledEvents, knows_every_code) {
    const auto code_of = [](const std::string& word) {
        return parse_scheduled_events(R"([{"NotBefore":"1 Jan 2019 09:00:43 GMT","Code":")" + word +
                                      R"("}])")
            .value()
            .front()
            .code;
    };
    EXPECT_EQ(code_of("instance-stop"), EventCode::instance_stop);
    EXPECT_EQ(code_of("instance-retirement"), EventCode::instance_retirement);
    EXPECT_EQ(code_of("instance-reboot"), EventCode::instance_reboot);
    EXPECT_EQ(code_of("system-reboot"), EventCode::system_reboot);
    EXPECT_EQ(code_of("system-maintenance"), EventCode::system_maintenance);
    EXPECT_EQ(code_of("instance-upgrade"), EventCode::other);
}

TEST(ScheduledEvents, needs_no_end_no_id_and_no_state) {
    const auto events = parse_scheduled_events(
        R"([{"NotBefore":"2 Jan 2019 09:00:43 GMT","NotAfter":"","Code":"instance-stop"}])");
    EXPECT_THAT(events.value(), ElementsAre(ScheduledEvent{.code = EventCode::instance_stop,
                                                           .code_word = "instance-stop",
                                                           .id = "",
                                                           .description = "",
                                                           .not_before = at("2019-01-02T09:00:43Z"),
                                                           .not_after = {}}));
}

TEST(ScheduledEvents, an_empty_list_is_none) {
    EXPECT_THAT(parse_scheduled_events("[]").value(), IsEmpty());
    EXPECT_THAT(parse_scheduled_events(" \n").value(), IsEmpty());
}

TEST(ScheduledEvents, one_that_is_not_understood_fails_the_list) {
    const auto broken = parse_scheduled_events(
        R"([{"NotBefore":"21 Jan 2019 09:00:43 GMT","Code":"instance-stop"},{"Code":"instance-stop"}])");
    EXPECT_THAT(broken.error().message,
                HasSubstr("event 2 (instance-stop) begins at no time: NotBefore is ''"));
    EXPECT_THAT(parse_scheduled_events("[1]").error().message, HasSubstr("event 1 has no Code"));
    EXPECT_FALSE(parse_scheduled_events("{}"));
}

TEST(ScheduledEvents, keeps_control_characters_out_of_the_log) {
    const auto events = parse_scheduled_events(
        R"([{"NotBefore":"21 Jan 2019 09:00:43 GMT","Code":"x","Description":"a\nb\u001b[31m"}])");
    EXPECT_EQ(events->front().description, "a?b?[31m");
}

TEST(EventTime, reads_both_forms) {
    EXPECT_EQ(parse_event_time("21 Jan 2019 09:00:43 GMT"), at("2019-01-21T09:00:43Z"));
    EXPECT_EQ(parse_event_time("1 Feb 2019 09:00:43 GMT"), at("2019-02-01T09:00:43Z"));
    EXPECT_EQ(parse_event_time("2019-02-01T09:00:43Z"), at("2019-02-01T09:00:43Z"));
    EXPECT_EQ(parse_event_time("30 Feb 2019 09:00:43 GMT"), std::nullopt);
    EXPECT_EQ(parse_event_time("21 Jan 2019"), std::nullopt);
    EXPECT_EQ(parse_event_time(""), std::nullopt);
}

TEST(LifecycleState, reads_every_state_of_the_guide) {
    const auto wish = [](std::string_view text) {
        return wish_of(parse_lifecycle_state(text).value().state);
    };
    EXPECT_EQ(wish("InService"), Wish::join);
    for (const char* word : {"Terminated", "Detached", "Standby"}) {
        EXPECT_EQ(wish(word), Wish::leave) << word;
    }
    for (const char* word :
         {"Warmed:Hibernated", "Warmed:Running", "Warmed:Stopped", "Warmed:Terminated"}) {
        EXPECT_EQ(wish(word), Wish::stay_out) << word;
    }
    EXPECT_EQ(parse_lifecycle_state("InService\n")->word, "InService");
    EXPECT_TRUE(is_end(TargetState::terminated) && is_end(TargetState::warmed_terminated));
    EXPECT_FALSE(is_end(TargetState::standby) || is_end(TargetState::unknown));
}

TEST(LifecycleState, keeps_an_unknown_word_and_does_nothing_about_it) {
    const auto state = parse_lifecycle_state("ReplacingRootVolume").value();
    EXPECT_EQ(state,
              (LifecycleState{.state = TargetState::unknown, .word = "ReplacingRootVolume"}));
    EXPECT_EQ(wish_of(state.state), Wish::none);
}

TEST(LifecycleState, refuses_what_is_no_word) {
    EXPECT_FALSE(parse_lifecycle_state(""));
    EXPECT_FALSE(parse_lifecycle_state("In Service"));
    EXPECT_FALSE(parse_lifecycle_state("<html>"));
    EXPECT_FALSE(parse_lifecycle_state(std::string(65, 'a')));
}

/// A metadata service of a few items that stops answering after some.
struct Service {
    std::map<std::string, std::string, std::less<>> items;
    std::vector<std::string> asked;
    std::size_t answers = 100;

    [[nodiscard]] Metadata metadata() {
        return [this](std::string_view path) -> Result<std::optional<std::string>> {
            asked.emplace_back(path);
            if (asked.size() > answers) {
                return fail(ErrorKind::timeout, "no answer", true);
            }
            const auto found = items.find(path);
            return found == items.end() ? std::nullopt : std::optional{found->second};
        };
    }
};

TEST(Notices, absent_items_are_nothing) {
    Service service;
    EXPECT_EQ(read_notices(service.metadata()).value(), Notices{});
    EXPECT_THAT(service.asked, ElementsAre("meta-data/spot/instance-action",
                                           "meta-data/autoscaling/target-lifecycle-state",
                                           "meta-data/events/maintenance/scheduled",
                                           "meta-data/events/recommendations/rebalance"));
}

TEST(Notices, tell_of_all_that_is_there) {
    Service service{.items = {{std::string{kSpotActionPath}, std::string{kTerminate}},
                              {std::string{kRebalancePath}, std::string{kRebalance}},
                              {std::string{kScheduledEventsPath}, std::string{kReboot}},
                              {std::string{kLifecycleStatePath}, "Terminated"}},
                    .asked = {}};
    const auto notices = read_notices(service.metadata()).value();
    EXPECT_EQ(notices.spot->kind, SpotActionKind::terminate);
    EXPECT_EQ(notices.rebalance, at("2020-10-27T08:22:00Z"));
    EXPECT_EQ(notices.events.size(), 1);
    EXPECT_EQ(notices.lifecycle->state, TargetState::terminated);
    EXPECT_THAT(notices.problems, IsEmpty());
    service.items.clear();
    EXPECT_EQ(read_notices(service.metadata(), notices).value(), Notices{});
}

TEST(Notices, what_cannot_be_understood_stays_as_it_was) {
    Service service{.items = {{std::string{kScheduledEventsPath}, std::string{kReboot}}},
                    .asked = {}};
    const auto before = read_notices(service.metadata()).value();
    service.items[std::string{kScheduledEventsPath}] = "<html>";
    service.items[std::string{kLifecycleStatePath}] = "InService";
    const auto notices = read_notices(service.metadata(), before).value();
    EXPECT_EQ(notices.events, before.events);
    EXPECT_EQ(notices.lifecycle->state, TargetState::in_service);
    EXPECT_THAT(notices.problems, ElementsAre(HasSubstr("answered '<html>' for meta-data/events")));
}

TEST(Notices, silence_does_not_call_an_end_off) {
    Service service{.items = {{std::string{kSpotActionPath}, std::string{kTerminate}},
                              {std::string{kLifecycleStatePath}, "InService"}},
                    .asked = {}};
    const auto before = read_notices(service.metadata()).value();
    service.asked.clear();
    service.items.clear();
    service.answers = 1;
    const auto notices = read_notices(service.metadata(), before).value();
    EXPECT_EQ(notices.spot, std::nullopt);
    EXPECT_EQ(notices.lifecycle, before.lifecycle);
    EXPECT_THAT(notices.problems, ElementsAre("no answer"));
    EXPECT_EQ(service.asked.size(), 2);
}

TEST(Notices, a_service_that_does_not_answer_is_an_error_after_one_question) {
    Service service{.items = {}, .asked = {}, .answers = 0};
    const auto notices = read_notices(service.metadata());
    EXPECT_EQ(notices.error().kind, ErrorKind::timeout);
    EXPECT_EQ(service.asked.size(), 1);
}

}  // namespace
}  // namespace rota::instance
