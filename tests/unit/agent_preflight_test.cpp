#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/agent/preflight.h"
#include "rota/agent/stop_timeout.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/client.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> lines(const Findings& findings) {
    std::vector<std::string> all;
    for (const Finding& finding : findings) {
        all.push_back(to_line(finding));
    }
    return all;
}

Membership membership(std::string_view name = "www.example.com") {
    return {.name = dns::Name::parse(name).value(), .type = dns::Type::a, .weight = 10, .ttl = 60s};
}

const Target kTarget{.zone_id = "Z1", .set_identifier = "i-1", .value = "192.0.2.1"};

model::RecordSet member(std::string identifier, std::string value, std::uint8_t weight = 10,
                        std::uint32_t ttl = 60) {
    return {.name = dns::Name::parse("www.example.com").value(),
            .type = dns::Type::a,
            .set_identifier = std::move(identifier),
            .routing = model::WeightedRouting{weight},
            .ttl = ttl,
            .values = {std::move(value)}};
}

route53::CallError refused(ErrorKind kind, std::string code, std::string message) {
    route53::CallError error;
    error.error = {kind, message, false};
    error.api = route53::ApiError{.status = 400,
                                  .code = std::move(code),
                                  .message = message,
                                  .messages = {message},
                                  .request_id = {}};
    return error;
}

TEST(Preflight, writes_a_line_a_point) {
    EXPECT_EQ(to_line({.subject = "clock", .text = "as the API's"}), "ok    clock: as the API's");
    EXPECT_EQ(to_line({.level = Level::warn, .subject = "a", .text = "b"}), "warn  a: b");
    EXPECT_EQ(to_line({.level = Level::fail, .subject = "a", .text = "b"}), "fail  a: b");
}

TEST(Preflight, ends_as_its_worst_finding_a_wrong_configuration_before_all) {
    const Finding fine{};
    const Finding odd{.level = Level::warn, .kind = ErrorKind::permission};
    const Finding denied{.level = Level::fail, .kind = ErrorKind::permission};
    const Finding away{.level = Level::fail, .kind = ErrorKind::unavailable};
    const Finding wrong{.level = Level::fail, .kind = ErrorKind::config};
    EXPECT_EQ(exit_status({}), 0);
    EXPECT_EQ(exit_status(std::vector{fine, odd}), 0);
    EXPECT_EQ(exit_status(std::vector{fine, denied, away}), 77);
    EXPECT_EQ(exit_status(std::vector{away, denied}), 69);
    EXPECT_EQ(exit_status(std::vector{away, wrong}), 78);
    EXPECT_EQ(worst_of({}), Level::ok);
    EXPECT_EQ(worst_of(std::vector{fine, odd}), Level::warn);
    EXPECT_EQ(worst_of(std::vector{denied, odd}), Level::fail);
}

TEST(Preflight, takes_the_clock_by_the_window_of_signatures) {
    EXPECT_EQ(to_line(judge_clock(0s)), "ok    clock: as the API's");
    EXPECT_EQ(to_line(judge_clock(-60s)), "ok    clock: 60 s behind the API's");
    EXPECT_THAT(to_line(judge_clock(61s)), StartsWith("warn  clock: 61 s ahead of the API's"));
    EXPECT_EQ(judge_clock(-300s).level, Level::warn);
    EXPECT_THAT(to_line(judge_clock(-301s)),
                StartsWith("warn  clock: 301 s behind the API's, so requests"));
}

TEST(Preflight, sees_that_a_name_is_in_its_zone) {
    model::HostedZone zone{.id = "Z1", .name = dns::Name::parse("example.com").value()};
    EXPECT_THAT(lines(judge_zone("www", membership(), kTarget, zone)),
                ElementsAre("ok    www: zone Z1 (example.com., public)"));
    const Findings outside = judge_zone("www", membership("www.example.org"), kTarget, zone);
    EXPECT_THAT(lines(outside), ElementsAre(HasSubstr("the name is not in zone Z1")));
    EXPECT_EQ(exit_status(outside), 78);
    zone.private_zone = true;
    EXPECT_THAT(lines(judge_zone("www", membership(), kTarget, zone)),
                ElementsAre("ok    www: zone Z1 (example.com., private)",
                            HasSubstr("is --address local-ipv4 meant?")));
}

TEST(Preflight, tells_what_the_rota_holds) {
    EXPECT_THAT(lines(judge_group("www", membership(), kTarget, {})),
                ElementsAre("ok    www: the rota has no members yet"));
    EXPECT_THAT(lines(judge_group("www", membership(), kTarget, {member("i-2", "192.0.2.2")})),
                ElementsAre("ok    www: the rota has 1 other members"));
    EXPECT_THAT(lines(judge_group("www", membership(), kTarget,
                                  {member("i-1", "192.0.2.1"), member("i-2", "192.0.2.2")})),
                ElementsAre("ok    www: i-1 is a member already, with 192.0.2.1",
                            "ok    www: the rota has 1 other members"));
    EXPECT_THAT(
        lines(judge_group("www", membership(), kTarget,
                          {member("i-1", "192.0.2.9"), member("i-2", "192.0.2.2", 100, 30)})),
        ElementsAre(HasSubstr("warn  www: i-1 is a member with 192.0.2.9"),
                    "ok    www: the rota has 1 other members",
                    HasSubstr("warn  www: the rota's TTL of 30 s is taken"),
                    HasSubstr("warn  www: weight 10 beside up to 100")));
}

TEST(Preflight, refuses_a_name_that_another_policy_holds_and_a_full_rota) {
    model::RecordSet simple = member("", "192.0.2.9");
    simple.routing = model::SimpleRouting{};
    const Findings held = judge_group("www", membership(), kTarget, {simple});
    EXPECT_THAT(lines(held), ElementsAre(HasSubstr("held by a simple record set (192.0.2.9)")));
    EXPECT_EQ(exit_status(held), 73);
    Group full;
    for (int i = 0; i < 99; ++i) {
        full.push_back(member("m" + std::to_string(i), "192.0.2.2"));
    }
    EXPECT_EQ(worst_of(judge_group("www", membership(), kTarget, full)), Level::warn);
    full.push_back(member("m99", "192.0.2.2"));
    EXPECT_EQ(worst_of(judge_group("www", membership(), kTarget, full)), Level::fail);
    full.back().set_identifier = "i-1";
    EXPECT_EQ(worst_of(judge_group("www", membership(), kTarget, full)), Level::warn);
}

TEST(Preflight, proves_the_right_to_write_by_what_is_refused) {
    const auto judged = [](const std::optional<route53::CallError>& error) {
        return to_line(judge_write("www", error, "rota-check-1"));
    };
    EXPECT_THAT(judged(refused(ErrorKind::bad_input, "InvalidChangeBatch", "it was not found")),
                StartsWith("ok    www: may be written and deleted"));
    EXPECT_THAT(judged(refused(ErrorKind::bad_input, "InvalidChangeBatch",
                               "RRSet with DNS name a. is not permitted in zone b.")),
                StartsWith("fail  www: "));
    EXPECT_EQ(judged(refused(ErrorKind::permission, "AccessDenied", "no")), "fail  www: no");
    EXPECT_THAT(judged(std::nullopt), HasSubstr("look for the record set rota-check-1"));
    const route53::CallError lost{.error = {ErrorKind::timeout, "no answer", true}, .api = {}};
    EXPECT_EQ(judged(lost), "fail  www: no answer");
}

TEST(Preflight, proves_the_right_to_follow_a_change) {
    EXPECT_EQ(judge_following(refused(ErrorKind::not_found, "NoSuchChange", "none")).level,
              Level::ok);
    EXPECT_EQ(judge_following(refused(ErrorKind::permission, "AccessDenied", "no")).level,
              Level::warn);
    for (const auto& untold :
         {refused(ErrorKind::unavailable, "Throttling", "Rate exceeded"),
          refused(ErrorKind::unavailable, "ServiceUnavailable", "Rate exceeded"),
          refused(ErrorKind::bad_input, "InvalidInput", "Rate exceeded"),
          route53::CallError{.error = {ErrorKind::timeout, "Rate exceeded", true}, .api = {}}}) {
        EXPECT_EQ(to_line(judge_following(untold)),
                  "warn  following changes: whether GetChange is allowed could not be told, ask "
                  "again: Rate exceeded");
    }
}

TEST(Preflight, says_which_clock_a_leave_does_not_fit) {
    EXPECT_THAT(lines(judge_plan("www", {.ttl = 30s})),
                ElementsAre(HasSubstr("ok    www: a leave takes up to 105 s")));
    EXPECT_THAT(lines(judge_plan("www", {.ttl = 60s, .notice = 120s, .stop_timeout = 90s})),
                ElementsAre(HasSubstr("use"), HasSubstr("TimeoutStopSec")));
}

TEST(Preflight, tells_what_a_check_saw) {
    const health::Check check = health::parse_check("tcp://127.0.0.1:80").value();
    EXPECT_EQ(to_line(judge_probe("health check", check,
                                  {.outcome = health::Outcome::passed, .detail = "connected"})),
              "ok    health check tcp://127.0.0.1:80: passes: connected");
    EXPECT_THAT(to_line(judge_probe("ready", check,
                                    {.outcome = health::Outcome::failed, .detail = "refused"})),
                StartsWith("warn  ready tcp://127.0.0.1:80: does not pass"));
}

HooksFound hooks(std::vector<Hook> found, std::string group = "web") {
    return {
        .hooks = Hooks{.group = std::move(group), .state = "InService", .hooks = std::move(found)},
        .problem = {}};
}

TEST(Preflight, tells_which_hooks_would_be_ended) {
    EXPECT_THAT(
        lines(judge_hooks(
            {.hooks = std::nullopt, .problem = {ErrorKind::permission, "not allowed", false}}, {})),
        ElementsAre(StartsWith("warn  lifecycle hooks: not allowed")));
    EXPECT_THAT(lines(judge_hooks(hooks({}, ""), {})),
                ElementsAre("ok    lifecycle hooks: this instance is in no Auto Scaling group"));
    EXPECT_THAT(lines(judge_hooks(hooks({}), {})),
                ElementsAre("ok    launch hook: group web has none",
                            StartsWith("warn  termination hook: group web has none")));
    const Hook one{.name = "rota-leave", .transition = Transition::termination};
    const Hook two{.name = "other", .transition = Transition::termination};
    const Hook three{.name = "third", .transition = Transition::termination};
    EXPECT_THAT(lines(judge_hooks(hooks({one, two}), {})),
                ElementsAre("ok    launch hook: group web has none",
                            "ok    termination hook: rota-leave of group web is ended with "
                            "CONTINUE"));
    EXPECT_THAT(lines(judge_hooks(hooks({three, two}), {}))[1],
                HasSubstr("warn  termination hook: group web has several"));
}

TEST(Preflight, proves_the_right_to_end_a_hook) {
    EXPECT_EQ(judge_hook_right("x", {.problem = Error{}, .is_over = true}).level, Level::ok);
    const Finding denied = judge_hook_right(
        "x", {.problem = Error{ErrorKind::permission, "not allowed", false}, .is_over = false});
    EXPECT_EQ(denied.level, Level::fail);
    EXPECT_EQ(denied.kind, ErrorKind::permission);
    for (const ErrorKind kind : {ErrorKind::unavailable, ErrorKind::timeout, ErrorKind::bad_input,
                                 ErrorKind::config, ErrorKind::conflict}) {
        const Finding untold = judge_hook_right(
            "x", {.problem = Error{kind, "Rate exceeded", true}, .is_over = false});
        EXPECT_EQ(to_line(untold),
                  "warn  lifecycle hooks: whether x is allowed could not be told, ask again: Rate "
                  "exceeded");
    }
}

TEST(StopTimeout, of_a_unit_that_is_not_there_is_none) {
    EXPECT_EQ(parse_unit_timeout("TimeoutStopUSec=5min 30s\nLoadState=loaded\n"), 330s);
    EXPECT_EQ(parse_unit_timeout("LoadState=loaded\nTimeoutStopUSec=infinity\n"), std::nullopt);
    EXPECT_EQ(parse_unit_timeout("TimeoutStopUSec=1min 30s\nLoadState=not-found\n"), std::nullopt);
    EXPECT_EQ(parse_unit_timeout(""), std::nullopt);
}

}  // namespace
}  // namespace rota::agent
