#include <cstdint>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "rota/base/encoding.h"
#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"

namespace rota::dns {
namespace {

Name name(std::string_view text) {
    return Name::parse(text).value();
}

Result<Message> parse_hex(std::string_view hex) {
    return parse_message(from_hex(hex).value());
}

TEST(Message, a_query_asks_one_question_and_offers_1232_octets) {
    EXPECT_EQ(to_hex(encode_message(make_query(name("www.example.com"), Type::a, 0x1234))),
              "123400000001000000000001"
              "03777777076578616d706c6503636f6d0000010001"
              "00002904d0000000000000");
    EXPECT_EQ(to_hex(encode_message(make_query(name("."), Type::ns, 1, std::nullopt))),
              "000100000001000000000000"
              "0000020001");
}

TEST(Message, a_compressed_response_is_read_whole) {
    // Header; www.EXAMPLE.com MX; www.example.com 60 MX 10 mail.example.com; example.com NS
    // ns.www…; mail.example.com A; OPT with DO and BADVERS.
    const auto message = parse_hex(
        "abcd8580000100010001000203777777074558414d504c4503636f6d00000f0001"
        "c00c000f00010000003c0009000a046d61696cc010"
        "c0100002000100000e100005026e73c00c"
        "c02f0001000100000005"
        "0004c0000201"
        "0000290200010080000000");
    ASSERT_TRUE(message);
    EXPECT_EQ(message->id, 0xabcd);
    EXPECT_TRUE(message->is_response);
    EXPECT_TRUE(message->authoritative);
    EXPECT_TRUE(message->recursion_desired);
    EXPECT_TRUE(message->recursion_available);
    EXPECT_FALSE(message->truncated);
    EXPECT_EQ(message->rcode, Rcode::badvers);
    ASSERT_EQ(message->questions.size(), 1U);
    EXPECT_EQ(message->questions[0], (Question{name("www.example.com"), Type::mx, Class::in}));
    ASSERT_EQ(message->answers.size(), 1U);
    EXPECT_EQ(to_text(message->answers[0]), "www.example.com. 60 IN MX 10 mail.example.com.");
    ASSERT_EQ(message->authorities.size(), 1U);
    EXPECT_EQ(to_text(message->authorities[0]), "example.com. 3600 IN NS ns.www.example.com.");
    ASSERT_EQ(message->additionals.size(), 1U);
    EXPECT_EQ(to_text(message->additionals[0]), "mail.example.com. 5 IN A 192.0.2.1");
    EXPECT_EQ(message->edns,
              (Edns{.udp_size = 512, .version = 0, .dnssec_ok = true, .options = {}}));
    EXPECT_EQ(parse_message(encode_message(*message)).value(), *message);
}

TEST(Message, unknown_types_are_written_as_rfc_3597_says) {
    EXPECT_EQ(to_text(Record{name("a."), static_cast<Type>(65280), Class::in, 1, {1, 2, 255}}),
              "a. 1 IN TYPE65280 \\# 3 0102ff");
    EXPECT_EQ(to_text(Record{name("a."), Type::a, static_cast<Class>(3), 1, {1}}),
              "a. 1 CLASS3 A \\# 1 01");
    EXPECT_EQ(to_text(Rcode::nxdomain), "NXDOMAIN");
    EXPECT_EQ(to_text(static_cast<Rcode>(23)), "RCODE23");
}

TEST(Message, every_shorter_message_and_every_longer_one_is_refused) {
    const auto whole = from_hex(
                           "abcd8580000100010000000103777777076578616d706c6503636f6d00000f0001"
                           "c00c000f00010000003c0009000a046d61696cc010"
                           "0000290200010080000000")
                           .value();
    ASSERT_TRUE(parse_message(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_message(std::span{whole}.first(size))) << size;
    }
    auto longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(parse_message(longer));
}

TEST(Message, lies_about_sizes_and_counts_are_refused) {
    const std::string_view header = "000080000000000100000000";
    const auto answer = [&](std::string_view record) {
        return parse_hex(std::string{header} + std::string{record});
    };
    EXPECT_TRUE(
        answer("00"
               "0001"
               "0001"
               "00000000"
               "0004"
               "c0000201"));
    EXPECT_FALSE(
        answer("00"
               "0001"
               "0001"
               "00000000"
               "0005"
               "c0000201"));  // RDLENGTH too large
    EXPECT_FALSE(
        answer("00"
               "0005"
               "0001"
               "00000000"
               "0002"
               "0161"));  // a name past its RDATA
    EXPECT_FALSE(
        answer("00"
               "000f"
               "0001"
               "00000000"
               "0001"
               "00"));  // MX of one octet
    EXPECT_FALSE(
        answer("00"
               "0005"
               "0001"
               "00000000"
               "0002"
               "c017"));  // points at itself
    EXPECT_TRUE(
        answer("00"
               "0005"
               "0001"
               "00000000"
               "0002"
               "c00c"));
    EXPECT_FALSE(parse_hex("00008000ffff0000ffff0000"));
    EXPECT_FALSE(
        parse_hex("000080000000000000000002"
                  "0000290200000000000000"
                  "0000290200000000000000"));
    EXPECT_FALSE(
        parse_hex("000080000000000000000001"
                  "01610000290200000000000000"));  // OPT not at the root
}

}  // namespace
}  // namespace rota::dns
