#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/health/agent_check.h"

namespace rota::health {
namespace {

TEST(AgentCheck, reads_the_words_of_the_manual) {
    EXPECT_EQ(parse_agent_check("75%\n").weight, (AgentWeight{75, true}));
    EXPECT_EQ(parse_agent_check("up\n").health, AgentHealth::up);
    EXPECT_EQ(parse_agent_check("down\n").health, AgentHealth::down);
    EXPECT_EQ(parse_agent_check("fail\n").health, AgentHealth::fail);
    EXPECT_EQ(parse_agent_check("stopped\n").health, AgentHealth::stopped);
    EXPECT_EQ(parse_agent_check("ready\n").mode, AgentMode::ready);
    EXPECT_EQ(parse_agent_check("drain\n").mode, AgentMode::drain);
    EXPECT_EQ(parse_agent_check("maint\n").mode, AgentMode::maint);
    EXPECT_EQ(parse_agent_check("maxconn:30\n"), AgentCheckReport{});
}

TEST(AgentCheck, reads_words_in_any_order_case_and_separation) {
    const AgentCheckReport wanted{
        .health = AgentHealth::up, .mode = AgentMode::ready, .weight = AgentWeight{50, true}};
    for (const std::string_view text :
         {"up ready 50%", "50%,ready,up", "\tREADY  Up , 50%\r\n", "ready up 50% maxconn:5",
          "up 50% ready\nmaint", "weight:50% up ready"}) {
        EXPECT_EQ(parse_agent_check(text), wanted) << text;
    }
}

TEST(AgentCheck, takes_the_reason_from_behind_the_sharp) {
    const auto report = parse_agent_check("down #disk full, 99%\r\n");
    EXPECT_EQ(report.health, AgentHealth::down);
    EXPECT_EQ(report.reason, "disk full, 99%");
    EXPECT_FALSE(report.weight);
    EXPECT_EQ(parse_agent_check("fail\t#sessions\x01\n").reason, "sessions?");
    EXPECT_EQ(parse_agent_check("up,#").reason, "");
    EXPECT_EQ(parse_agent_check("up # " + std::string(199, 'x') + " y").reason.size(), 199U);
    EXPECT_EQ(parse_agent_check("# nothing else\n").reason, "nothing else");
}

TEST(AgentCheck, reads_absolute_weights_from_0_to_256) {
    EXPECT_EQ(parse_agent_check("weight:0").weight, (AgentWeight{0, false}));
    EXPECT_EQ(parse_agent_check("weight:256").weight, (AgentWeight{256, false}));
    EXPECT_EQ(parse_agent_check("weight:257").unknown, "weight:257");
    EXPECT_EQ(parse_agent_check("99999999999%").weight, (AgentWeight{25600, true}));
}

TEST(AgentCheck, keeps_the_first_word_that_means_nothing_and_reads_on) {
    const auto report = parse_agent_check("starting 75 -5% up\n");
    EXPECT_EQ(report.unknown, "starting");
    EXPECT_EQ(report.health, AgentHealth::up);
    EXPECT_FALSE(report.weight);
    for (const std::string_view text : {"75", "%", "7.5%", "weight:", "weight:%", "maxconn:x"}) {
        EXPECT_EQ(parse_agent_check(text).unknown, text);
    }
}

TEST(AgentCheck, knows_no_word_with_a_sharp_inside_as_haproxy_does) {
    const auto report = parse_agent_check("fail#x, up\n");
    EXPECT_EQ(report.unknown, "fail#x");
    EXPECT_EQ(report.health, AgentHealth::up);
    EXPECT_EQ(report.reason, "");
}

TEST(AgentCheck, changes_nothing_by_an_empty_line) {
    for (const std::string_view text : {"", "\n", " ,\t\r\n", "\nup"}) {
        EXPECT_EQ(parse_agent_check(text), AgentCheckReport{}) << text;
    }
}

TEST(AgentCheck, writes_what_every_haproxy_reads) {
    EXPECT_EQ(format_agent_check({}), "\n");
    EXPECT_EQ(
        format_agent_check(
            {.health = AgentHealth::up, .mode = AgentMode::ready, .weight = AgentWeight{75, true}}),
        "ready 75% up\n");
    EXPECT_EQ(format_agent_check({.health = AgentHealth::down, .reason = "disk\nfull"}),
              "down #disk?full\n");
    EXPECT_EQ(format_agent_check({.mode = AgentMode::maint, .weight = AgentWeight{0, false}}),
              "maint weight:0\n");
}

TEST(AgentCheck, leaves_what_a_report_does_not_name_as_it_was) {
    AgentCheckState state;
    state = after(state, parse_agent_check("drain"));
    EXPECT_EQ(state.mode, AgentMode::drain);
    state = after(state, parse_agent_check("50%"));
    state = after(state, parse_agent_check("up"));
    EXPECT_EQ(state, (AgentCheckState{.mode = AgentMode::drain, .weight = AgentWeight{50, true}}));
    state = after(state, parse_agent_check("ready 100%"));
    EXPECT_EQ(state, (AgentCheckState{.mode = AgentMode::ready, .weight = AgentWeight{100, true}}));
}

}  // namespace
}  // namespace rota::health
