#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rota/config/file.h"

namespace rota::config {
namespace {

constexpr std::string_view kSample = R"(# a comment
data = "/var/lib/rota"
dns = ["0.0.0.0:53", "[::]:53"]
workers = 4
allow-aws3 = true

[limits]
connections = 512

[[rota]]
name = "www.example.com"

[[rota]]
name = "www.example.org"
type = "AAAA"
)";

Table sample() {
    return parse(kSample, "serve.toml").value();
}

TEST(ConfigFile, gives_values_by_dotted_key) {
    const Table table = sample();
    EXPECT_EQ(table.text("data").value(), "/var/lib/rota");
    EXPECT_EQ(table.integer("workers", 1, 64).value(), 4);
    EXPECT_EQ(table.boolean("allow-aws3").value(), true);
    EXPECT_EQ(table.integer("limits.connections", 1, 1000).value(), 512);
    EXPECT_EQ(table.texts("dns").value(), (std::vector<std::string>{"0.0.0.0:53", "[::]:53"}));
    EXPECT_EQ(table.texts("data").value(), std::vector<std::string>{"/var/lib/rota"});
    EXPECT_EQ(table.text("absent").value(), std::nullopt);
}

TEST(ConfigFile, keeps_the_order_of_arrays_of_tables) {
    const Table table = sample();
    ASSERT_EQ(table.tables("rota").size(), 2U);
    EXPECT_EQ(table.tables("rota")[0].text("name").value(), "www.example.com");
    EXPECT_EQ(table.tables("rota")[1].text("type").value(), "AAAA");
    EXPECT_TRUE(table.tables("other").empty());
}

TEST(ConfigFile, names_file_line_and_key_of_an_unknown_key) {
    const Table table = parse("data = \"x\"\n\ndnss = [\"a\"]\n", "/etc/rota/serve.toml").value();
    const std::vector<std::string> keys{"dns", "data"};
    EXPECT_EQ(
        table.allow_only(keys).error().message,
        "/etc/rota/serve.toml:3: unknown key 'dnss' (did you mean 'dns'?); known keys: data, dns");
}

TEST(ConfigFile, that_has_no_key_where_one_should_be_is_an_error_like_others) {
    for (const char* const text : {"a = 1\n[#b]\n", "a = 1\n[\x1b]\n", "a = 1\n[",
                                   "a = 1\nb = {#}\n", "a = 1\nb.#c = 1\n"}) {
        const auto parsed = parse(text, "serve.toml");
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind, ErrorKind::config);
        EXPECT_TRUE(parsed.error().message.starts_with("serve.toml:")) << parsed.error().message;
    }
}

TEST(ConfigFile, names_an_unknown_array_of_tables) {
    const std::vector<std::string> keys{"data", "dns", "workers", "allow-aws3",
                                        "limits.connections"};
    EXPECT_EQ(sample().allow_only(keys).error().message,
              "serve.toml:10: unknown key 'rota'; known keys: allow-aws3, data, dns, "
              "limits.connections, workers");
    const std::vector<std::string> tables{"rota"};
    EXPECT_TRUE(sample().allow_only(keys, tables).has_value());
}

TEST(ConfigFile, names_file_line_and_key_of_a_wrong_type) {
    const Table table = parse("a = 1\nb = \"x\"\nc = [\"y\"]\n", "f.toml").value();
    EXPECT_EQ(table.text("a").error().message, "f.toml:1: a: expected a string, found an integer");
    EXPECT_EQ(table.boolean("b").error().message,
              "f.toml:2: b: expected true or false, found a string");
    EXPECT_EQ(table.integer("c", 0, 1).error().message,
              "f.toml:3: c: expected an integer, found a list of strings");
    EXPECT_EQ(table.integer("a", 5, 9).error().message, "f.toml:1: a: 1 is not between 5 and 9");
}

TEST(ConfigFile, refuses_lists_of_other_things_than_strings) {
    EXPECT_EQ(parse("dns = [\n  \"a\",\n  5,\n]\n", "f.toml").error().message,
              "f.toml:3: dns: expected a list of strings");
}

TEST(ConfigFile, refuses_an_empty_string_wherever_it_is) {
    constexpr std::string_view kSaid = "the string is empty; leave the key out for the default";
    for (const std::string_view text : {"\ndata = \"\"\n", "\ndata = [\n\"\"]\n"}) {
        const auto table = parse(text, "f.toml");
        ASSERT_FALSE(table) << text;
        EXPECT_EQ(table.error().kind, ErrorKind::config);
        EXPECT_TRUE(table.error().message.ends_with(fmt::format(": data: {}", kSaid)))
            << table.error().message;
    }
    EXPECT_EQ(parse("\ndata = ''\n", "f.toml").error().message,
              fmt::format("f.toml:2: data: {}", kSaid));
    EXPECT_EQ(parse("[[rota]]\nzone = ''\n", "f.toml").error().message,
              fmt::format("f.toml:2: zone: {}", kSaid));
}

TEST(ConfigFile, refuses_dates) {
    EXPECT_EQ(parse("when = 2026-11-22\n", "f.toml").error().message,
              "f.toml:1: when: expected a string, a number, true, false or a list of strings");
}

TEST(ConfigFile, says_where_the_syntax_is_broken) {
    const auto table = parse("data = \"x\"\ndns = [\n", "f.toml");
    ASSERT_FALSE(table);
    EXPECT_EQ(table.error().kind, ErrorKind::config);
    EXPECT_TRUE(table.error().message.starts_with("f.toml:2: ")) << table.error().message;
}

TEST(ConfigFile, says_that_a_file_does_not_exist) {
    const auto table = read("/nonexistent/serve.toml");
    ASSERT_FALSE(table);
    EXPECT_EQ(table.error().kind, ErrorKind::not_found);
    EXPECT_EQ(table.error().message, "/nonexistent/serve.toml: no such file");
}

}  // namespace
}  // namespace rota::config
