#include <gtest/gtest.h>

#include "rota/base/encoding.h"
#include "rota/base/log.h"

namespace rota {
namespace {

TEST(Encoding, base64_gives_the_vectors_of_rfc_4648) {
    for (const auto& [plain, coded] : {std::pair{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(to_base64(as_octets(plain)), coded);
        const auto back = from_base64(coded);
        ASSERT_TRUE(back) << coded;
        EXPECT_EQ(std::string(back->begin(), back->end()), plain);
    }
}

TEST(Encoding, base64_refuses_broken_text) {
    for (const char* text : {"Z", "Zg=", "Zg==Zg==", "Zh==", "Z===", "====", "Zm9v\n", "Zm 9"}) {
        EXPECT_FALSE(from_base64(text)) << text;
    }
}

TEST(Encoding, hex_round_trips_and_refuses_other_letters) {
    EXPECT_EQ(to_hex(as_octets("\x01\xff z")), "01ff207a");
    EXPECT_EQ(from_hex("01FF207a"), (std::vector<std::uint8_t>{1, 255, 32, 122}));
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
}

TEST(Encoding, secrets_compare_by_content_and_length) {
    EXPECT_TRUE(equal_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_constant_time("abc", "abcd"));
}

TEST(Log, quotes_what_would_break_a_line_apart) {
    EXPECT_EQ(log::format_line(log::Format::key_value, log::Level::info, "", "change applied",
                               {{"name", "www.example.com."}, {"n", 3}, {"text", "a \"b\"\n"}}),
              R"(level=info event="change applied" name=www.example.com. n=3 text="a \"b\"\n")");
    EXPECT_EQ(log::format_line(log::Format::json, log::Level::info, "", "x",
                               {{"zones", 0U}, {"signed", true}, {"share", -0.5}, {"text", "7"}}),
              R"({"level":"info","event":"x","zones":0,"signed":true,"share":-0.5,"text":"7"})");
    EXPECT_EQ(log::format_line(log::Format::json, log::Level::error, "t", "x", {{"k", "\x01"}}),
              R"({"time":"t","level":"error","event":"x","k":"\u0001"})");
}

}  // namespace
}  // namespace rota
