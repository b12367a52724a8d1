#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/base/error.h"
#include "rota/cli/route53_arguments.h"
#include "rota/route53/messages.h"

namespace rota::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Route53Command> parse(const std::vector<const char*>& arguments) {
    return parse_route53_arguments(arguments);
}

std::string refusal(const std::vector<const char*>& arguments) {
    const auto command = parse(arguments);
    if (command) {
        return "accepted";
    }
    EXPECT_EQ(exit_status(command.error()), 64);
    return command.error().message;
}

TEST(Route53Tool, the_old_script_s_line_is_understood) {
    const auto command = parse({"add_record", "Z1PA6795UKMFR9", "www.example.com", "A",
                                "192.0.2.10", "60", "i-0abc", "10"});
    ASSERT_TRUE(command) << command.error().message;
    EXPECT_EQ(command->verb, Route53Verb::add_record);
    EXPECT_EQ(command->zone_id, "Z1PA6795UKMFR9");
    EXPECT_EQ(command->record_set.name, "www.example.com");
    EXPECT_EQ(command->record_set.type, "A");
    EXPECT_THAT(command->record_set.values, ElementsAre("192.0.2.10"));
    EXPECT_EQ(command->record_set.ttl, "60");
    EXPECT_EQ(command->record_set.set_identifier, "i-0abc");
    EXPECT_EQ(command->record_set.weight, "10");
    EXPECT_EQ(command->comment, "");
}

TEST(Route53Tool, defaults_are_those_of_the_old_tool) {
    const auto command =
        parse({"del_record", "/hostedzone/Z1", "a.example.com", "a", "192.0.2.1,192.0.2.2"});
    ASSERT_TRUE(command) << command.error().message;
    EXPECT_EQ(command->zone_id, "Z1");
    EXPECT_EQ(command->record_set.type, "A");
    EXPECT_THAT(command->record_set.values, ElementsAre("192.0.2.1", "192.0.2.2"));
    EXPECT_EQ(command->record_set.ttl, "600");
    EXPECT_FALSE(command->record_set.set_identifier);
    EXPECT_FALSE(command->record_set.weight);
}

TEST(Route53Tool, commas_within_quotes_do_not_separate_values) {
    const auto command =
        parse({"add_record", "Z1", "a.example.com", "TXT", R"("a,b","c\",d")", "60"});
    ASSERT_TRUE(command) << command.error().message;
    EXPECT_THAT(command->record_set.values, ElementsAre(R"("a,b")", R"("c\",d")"));
}

TEST(Route53Tool, a_failed_metadata_request_never_becomes_a_record) {
    EXPECT_EQ(refusal({"add_record", "Z1", "www.example.com", "A", "", "60", "i-0abc", "10"}),
              "add_record: VALUES is empty (did the request that was to give it fail?); usage: "
              "add_record HOSTED_ZONE_ID NAME TYPE VALUES [TTL] [IDENTIFIER] [WEIGHT] [COMMENT]");
    EXPECT_THAT(refusal({"add_record", "Z1", "www.example.com", "A", "60", "i-0abc", "10"}),
                HasSubstr("'60' is no value of type A"));
    EXPECT_THAT(refusal({"del_record", "Z1", "www.example.com", "A", "60", "i-0abc", "10"}),
                HasSubstr("'60' is no value of type A"));
    EXPECT_THAT(refusal({"add_record", "Z1", "www.example.com", "A", "192.0.2.10", "60", "10"}),
                HasSubstr("IDENTIFIER '10' is given without WEIGHT"));
    EXPECT_THAT(refusal({"add_record", "Z1", "www.example.com", "A", "192.0.2.10", "60", "", "10"}),
                HasSubstr("IDENTIFIER is empty"));
    EXPECT_THAT(refusal({"add_record", "Z1", "www.example.com", "A", "192.0.2.10", "60", "", ""}),
                HasSubstr("IDENTIFIER is empty"));
    EXPECT_THAT(refusal({"add_record", "www.example.com", "A", "192.0.2.10", "60", "i", "10"}),
                HasSubstr("'www.example.com' is not a hosted zone id"));
    EXPECT_THAT(refusal({"add_record", "", "www.example.com", "A", "192.0.2.10"}),
                HasSubstr("HOSTED_ZONE_ID is empty"));
    EXPECT_THAT(refusal({"add_record", "Z1", "A", "192.0.2.10", "60", "i-0abc", "10"}),
                HasSubstr("'192.0.2.10' is not a record type"));
    EXPECT_THAT(refusal({"add_record", "Z1", "www.example.com", "A", "192.0.2.10,", "60"}),
                HasSubstr("VALUES has an empty value"));
    EXPECT_THAT(refusal({"add_record", "Z1", "www.example.com", "A", "<?xml version=\"1.0\"?>"}),
                HasSubstr("is no value of type A"));
}

TEST(Route53Tool, numbers_are_held_to_their_ranges) {
    const auto with = [](const char* ttl, const char* weight) {
        return refusal(
            {"add_record", "Z1", "a.example.com", "A", "192.0.2.1", ttl, "i-0abc", weight});
    };
    EXPECT_EQ(with("0", "0"), "accepted");
    EXPECT_EQ(with("2147483647", "255"), "accepted");
    EXPECT_THAT(with("2147483648", "1"), HasSubstr("TTL '2147483648'"));
    EXPECT_THAT(with("i-0abc", "1"), HasSubstr("TTL 'i-0abc'"));
    EXPECT_THAT(with("", "1"), HasSubstr("TTL ''"));
    EXPECT_THAT(with("60", "256"), HasSubstr("WEIGHT '256'"));
    EXPECT_THAT(with("60", "-1"), HasSubstr("WEIGHT '-1'"));
}

TEST(Route53Tool, other_commands_take_their_arguments_in_the_old_order) {
    const auto alias = parse({"change_alias", "Z1", "alias.example.com", "A", "Z3DZXE0Q79N41H",
                              "lb.example.net.", "one", "10", "why"});
    ASSERT_TRUE(alias) << alias.error().message;
    EXPECT_EQ(alias->record_set.alias->hosted_zone_id, "Z3DZXE0Q79N41H");
    EXPECT_EQ(alias->record_set.alias->dns_name, "lb.example.net.");
    EXPECT_FALSE(alias->record_set.alias->evaluate_target_health);
    EXPECT_FALSE(alias->record_set.ttl);
    EXPECT_EQ(alias->record_set.weight, "10");
    EXPECT_EQ(alias->comment, "why");
    const auto create = parse({"create", "example.com", "ref", "a comment"});
    ASSERT_TRUE(create);
    EXPECT_EQ(create->zone_name, "example.com");
    EXPECT_EQ(create->caller_reference, "ref");
    EXPECT_EQ(create->comment, "a comment");
    const auto get = parse({"get", "Z1", "A", "www.example.com", "5"});
    ASSERT_TRUE(get);
    EXPECT_EQ(get->type, "A");
    EXPECT_EQ(get->name, "www.example.com");
    EXPECT_EQ(get->max_items, 5U);
    EXPECT_TRUE(parse({"ls"}));
    EXPECT_TRUE(parse({"delete_zone", "Z1"}));
}

TEST(Route53Tool, options_stand_before_the_command) {
    const auto command = parse({"--endpoint-url", "http://127.0.0.1:8053", "--timeout=5", "--wait",
                                "del_record", "Z1", "a.example.com", "A", "192.0.2.1"});
    ASSERT_TRUE(command) << command.error().message;
    EXPECT_EQ(command->endpoint_url, "http://127.0.0.1:8053");
    EXPECT_EQ(command->timeout.count(), 5);
    EXPECT_TRUE(command->wait);
    EXPECT_THAT(refusal({"--endpoint-url"}), HasSubstr("--endpoint-url"));
    EXPECT_THAT(refusal({"--timeout", "soon", "ls"}), HasSubstr("'soon'"));
    EXPECT_THAT(refusal({"--colour", "ls"}), HasSubstr("--colour"));
}

TEST(Route53Tool, too_few_and_too_many_arguments_show_the_usage) {
    EXPECT_THAT(refusal({}), HasSubstr("no command is given"));
    EXPECT_THAT(refusal({"frobnicate"}), HasSubstr("'frobnicate' is not a command"));
    EXPECT_THAT(refusal({"get"}), HasSubstr("HOSTED_ZONE_ID is missing"));
    EXPECT_THAT(refusal({"ls", "x"}), HasSubstr("1 arguments are more than the 0 it takes"));
    EXPECT_THAT(refusal({"add_record", "Z1", "a\x01", "A", "192.0.2.1"}),
                HasSubstr("NAME has characters that cannot be sent"));
}

TEST(Route53Tool, help_tells_every_command) {
    const std::string all = route53_help("");
    for (const char* name : {"ls", "create", "delete_zone", "get", "add_record", "del_record",
                             "change_record", "add_alias", "del_alias", "change_alias"}) {
        EXPECT_THAT(all, HasSubstr(name));
        EXPECT_THAT(route53_help(name), HasSubstr("Usage: route53 "));
    }
    EXPECT_EQ(route53_help("frobnicate"), "");
    EXPECT_EQ(parse({"--help"})->verb, Route53Verb::help);
}

}  // namespace
}  // namespace rota::cli
