#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include "rota/dns/name.h"

namespace rota::dns {
namespace {

Name name(std::string_view text) {
    auto parsed = Name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(Name{});
}

TEST(Name, text_is_lower_case_with_the_trailing_dot) {
    EXPECT_EQ(name("WWW.Example.COM").to_text(), "www.example.com.");
    EXPECT_EQ(name("www.example.com."), name("www.example.com"));
    EXPECT_EQ(name(".").to_text(), ".");
    EXPECT_TRUE(name(".").is_root());
    EXPECT_EQ(Name{}, name("."));
}

TEST(Name, anything_but_letters_digits_hyphen_and_underscore_comes_out_as_octal) {
    EXPECT_EQ(name("*.example.com").to_text(), "\\052.example.com.");
    EXPECT_EQ(name("\\052.example.com"), name("*.example.com"));
    EXPECT_EQ(name("_sip._tcp.a-b.example").to_text(), "_sip._tcp.a-b.example.");
    EXPECT_EQ(name("a\\056b.example").to_text(), "a\\056b.example.");
    EXPECT_EQ(name("a\\056b.example").label_count(), 2U);
    EXPECT_EQ(name("\\000\\377.example").to_text(), "\\000\\377.example.");
    EXPECT_EQ(name("a/b!.example").to_text(), "a\\057b\\041.example.");
}

TEST(Name, escaped_upper_case_is_folded_too) {
    EXPECT_EQ(name("\\101.example").to_text(), "a.example.");
}

TEST(Name, folding_is_ascii_only) {
    EXPECT_NE(name("\\304.example"), name("\\344.example"));
}

TEST(Name, broken_text_is_refused_with_a_reason) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "DomainNameEmpty"},
        {"..", "DomainLabelEmpty"},
        {".a", "DomainLabelEmpty"},
        {"a..b", "DomainLabelEmpty (Domain label is empty) encountered with 'a..b'"},
        {"a b.example", "UnsupportedCharacter"},
        {"a\\.example", "UnsupportedCharacter"},
        {"a\\08.example", "UnsupportedCharacter"},
        {"a\\400.example", "UnsupportedCharacter"},
        {"a\\05", "UnsupportedCharacter"},
        {"a\x7f", "UnsupportedCharacter"},
        {"\xc3\xa4.example", "UnsupportedCharacter"},
        {std::string("a\0b", 3), "UnsupportedCharacter"},
        {std::string(64, 'a') + ".example", "DomainLabelTooLong"},
    };
    for (const auto& [text, reason] : cases) {
        const auto parsed = Name::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind, ErrorKind::bad_input);
        EXPECT_TRUE(parsed.error().message.contains(reason)) << parsed.error().message;
    }
}

TEST(Name, at_most_255_octets_with_the_root) {
    const std::string label(63, 'a');
    const std::string base = label + "." + label + "." + label + ".";
    EXPECT_EQ(name(base + std::string(61, 'b')).wire().size(), 255U);
    EXPECT_FALSE(Name::parse(base + std::string(62, 'b')));
    std::string many;
    for (int i = 0; i < 127; ++i) {
        many += "a.";
    }
    EXPECT_EQ(name(many).label_count(), 127U);
    EXPECT_FALSE(Name::parse(many + "a."));
}

TEST(Name, wire_form_is_that_of_rfc_1035) {
    const std::vector<std::uint8_t> wire{3, 'w', 'W', 'w', 2, 'a', '*', 0};
    const auto parsed = Name::from_wire(wire);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->to_text(), "www.a\\052.");
    EXPECT_EQ(*parsed, name("www.a*"));
}

TEST(Name, broken_wire_is_refused) {
    const std::vector<std::vector<std::uint8_t>> cases{
        {},
        {1},
        {1, 'a'},
        {3, 'a', 0},
        {1, 'a', 0, 0},
        {0, 0},
        {0xc0, 0},
        {64, 'a', 0},
        std::vector<std::uint8_t>(256, 1),
    };
    for (const auto& wire : cases) {
        EXPECT_FALSE(Name::from_wire(wire));
    }
}

TEST(Name, order_is_reversed_labels_as_ascii_with_the_dots) {
    const std::vector<std::string> sorted{
        "com.",
        "example.com.",
        "*.example.com.",
        "-.example.com.",
        "0.example.com.",
        "_.example.com.",
        "a.example.com.",
        "*.a.example.com.",
        "b.a.example.com.",
        "a0.example.com.",
        "b.example.com.",
        "example0.com.",
    };
    // "a-" sorts before "a" because the dot follows the a.
    EXPECT_LT(name("a-x.example.com"), name("a.example.com"));
    EXPECT_LT(name("*x.example.com"), name("0.example.com"));
    EXPECT_LT(name("x.a-b.example.com"), name("a.example.com"));
    EXPECT_LT(name("."), name("com"));
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        for (std::size_t j = 0; j < sorted.size(); ++j) {
            EXPECT_EQ(name(sorted[i]) <=> name(sorted[j]), i <=> j) << sorted[i] << sorted[j];
        }
    }
}

TEST(Name, a_dot_within_a_label_is_not_a_boundary) {
    EXPECT_NE(name("a\\056b.c"), name("a.b.c"));
    EXPECT_NE(name("a\\056b.c") <=> name("a.b.c"), std::strong_ordering::equal);
    EXPECT_FALSE(name("a\\056b.c").is_at_or_below(name("b.c")));
}

TEST(Name, is_at_or_below_counts_whole_labels) {
    EXPECT_TRUE(name("www.example.com").is_at_or_below(name("example.com")));
    EXPECT_TRUE(name("example.com").is_at_or_below(name("example.com")));
    EXPECT_TRUE(name("example.com").is_at_or_below(name(".")));
    EXPECT_FALSE(name("badexample.com").is_at_or_below(name("example.com")));
    EXPECT_FALSE(name("com").is_at_or_below(name("example.com")));
    EXPECT_FALSE(name("www.example.org").is_at_or_below(name("example.com")));
}

TEST(Name, only_a_whole_leftmost_asterisk_is_a_wildcard) {
    EXPECT_TRUE(name("*.example.com").is_wildcard());
    EXPECT_TRUE(name("*").is_wildcard());
    EXPECT_FALSE(name("*a.example.com").is_wildcard());
    EXPECT_FALSE(name("a.*.example.com").is_wildcard());
    EXPECT_FALSE(name(".").is_wildcard());
}

TEST(Name, parents_end_at_the_root) {
    EXPECT_EQ(name("www.example.com").parent(), name("example.com"));
    EXPECT_EQ(name("com").parent(), name("."));
    EXPECT_EQ(name(".").parent(), name("."));
}

TEST(Name, equal_names_hash_alike_and_others_differ) {
    std::unordered_set<Name> names;
    for (int i = 0; i < 1000; ++i) {
        names.insert(name("Host" + std::to_string(i) + ".example.com"));
        names.insert(name("host" + std::to_string(i) + ".example.com."));
    }
    EXPECT_EQ(names.size(), 1000U);
    EXPECT_NE(std::hash<Name>{}(name("a.b")), std::hash<Name>{}(name("b.a")));
}

}  // namespace
}  // namespace rota::dns
