#include <chrono>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "rota/cli/durations.h"
#include "rota/cli/members.h"
#include "rota/cli/rotas.h"
#include "rota/cli/shares.h"
#include "rota/config/file.h"
#include "rota/dns/types.h"

namespace rota::cli {
namespace {

using namespace std::chrono_literals;

TEST(Duration, is_read_in_its_four_units) {
    EXPECT_EQ(parse_duration("ttl", "15"), 15s);
    EXPECT_EQ(parse_duration("ttl", "15s"), 15s);
    EXPECT_EQ(parse_duration("ttl", "5m"), 300s);
    EXPECT_EQ(parse_duration("ttl", "2h"), 7200s);
    EXPECT_EQ(parse_duration("ttl", "1d"), 86400s);
    for (const std::string_view text : {"", "s", "-1", "1.5", "5x", "5 s", "99999999999d"}) {
        EXPECT_FALSE(parse_duration("ttl", text)) << text;
    }
}

TEST(Duration, is_within_its_range_both_ends_included) {
    constexpr DurationRange kRange{.least = 1s, .most = 5min};
    EXPECT_EQ(read_duration("1", kRange), 1s);
    EXPECT_EQ(read_duration("5m", kRange), 300s);
    EXPECT_EQ(read_duration("0", kRange).error().message, "'0' is less than the least, 1 s");
    EXPECT_EQ(read_duration("6m", kRange).error().message, "'6m' is more than the most, 300 s");
    EXPECT_EQ(read_duration("2147483647"), 2147483647s);
    EXPECT_FALSE(read_duration("2147483648"));
}

TEST(Shares, are_the_parts_of_the_sum_and_equal_when_all_are_zero) {
    EXPECT_EQ(shares(std::vector<std::uint8_t>{10, 30}), (std::vector{0.25, 0.75}));
    EXPECT_EQ(shares(std::vector<std::uint8_t>{0, 10}), (std::vector{0.0, 1.0}));
    EXPECT_EQ(shares(std::vector<std::uint8_t>{0, 0}), (std::vector{0.5, 0.5}));
    EXPECT_TRUE(shares({}).empty());
}

std::string complaint(const MemberOptions& options) {
    const auto rotas = rotas_of(options, {});
    return rotas ? "" : rotas.error().message;
}

TEST(MemberOptions, make_one_rota_of_the_plain_options) {
    MemberOptions options;
    options.zone = "example.com";
    options.name = "www.example.com";
    const auto rotas = rotas_of(options, {});
    ASSERT_TRUE(rotas);
    ASSERT_EQ(rotas->size(), 1U);
    EXPECT_EQ(rotas->front().type, dns::Type::a);
    EXPECT_EQ(rotas->front().weight, 10);
    EXPECT_EQ(rotas->front().ttl, 60s);
}

TEST(MemberOptions, make_several_with_the_plain_ones_as_defaults) {
    MemberOptions options;
    options.zone = "example.com";
    options.weight = 7;
    options.rotas = {"name=a.example.com", "name=b.example.com,address=ipv6,weight=9,ttl=5m",
                     "name=c.example.com,zone=Z123,set-identifier=blue"};
    const auto rotas = rotas_of(options, {});
    ASSERT_TRUE(rotas) << rotas.error().message;
    ASSERT_EQ(rotas->size(), 3U);
    EXPECT_EQ((*rotas)[0].weight, 7);
    EXPECT_EQ((*rotas)[1].type, dns::Type::aaaa);
    EXPECT_EQ((*rotas)[1].ttl, 300s);
    EXPECT_EQ((*rotas)[2].zone, "Z123");
    EXPECT_EQ((*rotas)[2].set_identifier, "blue");
}

TEST(MemberOptions, are_read_from_tables_that_are_complained_of_by_line) {
    const auto file = config::parse(
        "[[rota]]\nname = \"a.example.com\"\nzone = \"Z1\"\nweight = 3\n"
        "[[rota]]\nname = \"b.example.com\"\nzone = \"Z1\"\nttl = \"1m\"\n",
        "agent.toml");
    ASSERT_TRUE(file);
    const auto rotas = rotas_of(MemberOptions{}, file->tables("rota"));
    ASSERT_TRUE(rotas) << rotas.error().message;
    EXPECT_EQ((*rotas)[0].weight, 3);
    EXPECT_EQ((*rotas)[1].ttl, 60s);

    const auto wrong =
        config::parse("[[rota]]\nname = \"a.example.com\"\nwait = 3\n", "agent.toml");
    ASSERT_TRUE(wrong);
    const auto refused = rotas_of(MemberOptions{}, wrong->tables("rota"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().message.starts_with("agent.toml:3:")) << refused.error().message;
}

TEST(MemberOptions, name_what_is_wrong) {
    MemberOptions options;
    options.name = "www.example.com";
    EXPECT_NE(complaint(options).find("--zone"), std::string::npos);
    options.zone = "example.com";
    options.address = "nowhere";
    EXPECT_NE(complaint(options).find("nowhere"), std::string::npos);
    options.address = "ipv6";
    options.type = "A";
    EXPECT_NE(complaint(options).find("AAAA"), std::string::npos);
    options.type.clear();
    options.rotas = {"colour=blue"};
    EXPECT_NE(complaint(options).find("colour=blue"), std::string::npos);
    options.rotas = {"weight=256"};
    EXPECT_NE(complaint(options).find("256"), std::string::npos);
    options.rotas = {"ttl=60", "ttl=61"};
    EXPECT_NE(complaint(options).find("named twice"), std::string::npos);
}

TEST(MemberOptions, in_a_file_are_accepted_by_every_subcommand_that_reads_it) {
    const std::string path =
        testing::TempDir() + "rota-members-" + std::to_string(::getpid()) + ".toml";
    CLI::App agent;
    MemberOptions agents;
    add_member_options(agent, agents, MemberCommand::agent);
    std::ofstream{path} << "log-format = \"json\"\nready = \"tcp://127.0.0.1:1\"\n"
                           "ready-interval = 1\nwatch-interval = 2\nmargin = 3\ndeadline = 4\n";
    for (const MemberCommand command :
         {MemberCommand::agent, MemberCommand::join, MemberCommand::leave, MemberCommand::status}) {
        CLI::App app;
        MemberOptions options;
        add_member_options(app, options, command);
        for (const CLI::Option* const option : agent.get_options({})) {
            const std::string name = "--" + option->get_lnames().front();
            EXPECT_NE(app.get_option_no_throw(name), nullptr) << name;
        }
        app.parse("--config " + path);
        const auto config = read_member_options(app, options, RotaNeed::unused);
        EXPECT_TRUE(config) << config.error().message;
        EXPECT_EQ(options.log_format, "json");
    }
    ::unlink(path.c_str());
}

}  // namespace
}  // namespace rota::cli
