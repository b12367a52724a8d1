#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rota/base/near_miss.h"
#include "rota/base/text.h"

namespace rota {
namespace {

TEST(Text, is_trimmed_at_both_ends) {
    EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
    EXPECT_EQ(trimmed(" \n "), "");
    EXPECT_EQ(trimmed(""), "");
    EXPECT_EQ(trimmed(" a\n", " \t"), "a\n");
}

TEST(Text, that_is_shown_is_short_and_printable) {
    EXPECT_EQ(excerpt("plain"), "plain");
    EXPECT_EQ(excerpt("a\x1b[31m\n\xff"), "a?[31m??");
    EXPECT_EQ(excerpt("12345", 5), "12345");
    EXPECT_EQ(excerpt("123456", 5), "12345…");
}

TEST(NearMiss, is_the_nearest_word_two_mistakes_away_at_most) {
    const std::vector<std::string> words{"ttl", "type", "weight", "zone"};
    EXPECT_EQ(near_miss("tll", words), "ttl");
    EXPECT_EQ(near_miss("wieght", words), "weight");
    EXPECT_EQ(near_miss("zones", words), "zone");
    EXPECT_EQ(near_miss("wiegth", words), "weight");
    EXPECT_EQ(near_miss("tape", words), "type");
    EXPECT_EQ(near_miss("tone", std::vector<std::string>{"type"}), std::nullopt);
    EXPECT_EQ(near_miss("margin", words), std::nullopt);
    EXPECT_EQ(near_miss("", words), std::nullopt);
    EXPECT_EQ(near_miss("xx", std::vector<std::string>{"ab"}), std::nullopt);
    EXPECT_EQ(near_miss(std::string(100'000, 'x'), words), std::nullopt);
}

TEST(Number, is_the_whole_text_or_none) {
    EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
    EXPECT_EQ(parse_number<std::uint16_t>("65536"), std::nullopt);
    EXPECT_EQ(parse_number<int>("-7"), -7);
    for (const char* const text : {"", " 1", "1 ", "+1", "-1", "1x", "0x1"}) {
        EXPECT_EQ(parse_number<std::uint32_t>(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_number<std::uint32_t>("ff", 16), 255);
}

}  // namespace
}  // namespace rota
