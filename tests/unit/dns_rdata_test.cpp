#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rota/base/encoding.h"
#include "rota/dns/rdata.h"

namespace rota::dns {
namespace {

std::string hex_of(Type type, std::string_view value) {
    const auto rdata = rdata_from_text(type, value);
    return rdata ? to_hex(*rdata) : rdata.error().message;
}

std::string canonical(Type type, std::string_view value) {
    const auto rdata = rdata_from_text(type, value);
    if (!rdata) {
        return rdata.error().message;
    }
    return rdata_to_text(type, *rdata).value_or("does not come back");
}

std::string refusal(Type type, std::string_view value) {
    const auto rdata = rdata_from_text(type, value);
    return rdata ? "accepted" : rdata.error().message;
}

TEST(Rdata, addresses_are_their_octets) {
    EXPECT_EQ(hex_of(Type::a, "192.0.2.1"), "c0000201");
    EXPECT_EQ(hex_of(Type::aaaa, "2001:0db8:85a3:0:0:8a2e:0370:7334"),
              "20010db885a3000000008a2e03707334");
    EXPECT_EQ(canonical(Type::aaaa, "2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
}

TEST(Rdata, wrong_addresses_are_refused_in_route_53_words) {
    EXPECT_EQ(refusal(Type::a, "1.2.3"),
              "FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) "
              "encountered with '1.2.3'");
    EXPECT_EQ(refusal(Type::a, "192.0.2.1, 192.0.2.2"),
              "FATAL problem: ARRDATANotSingleField (Value contains spaces) encountered with "
              "'192.0.2.1, 192.0.2.2'");
    EXPECT_EQ(refusal(Type::aaaa, "::g"),
              "FATAL problem: AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address) "
              "encountered with '::g'");
    for (const std::string_view value : std::initializer_list<std::string_view>{
             "", " ", "192.0.2.1 ", " 192.0.2.1", "192.0.2.01", "192.0.2.256", "0xc0.0.2.1",
             "192.0.2.1/32", "1.2.3.4.5", "::1", "\"192.0.2.1\"", "192.0.2.1\t",
             std::string_view{"192.0.2.1\0x", 11}}) {
        EXPECT_NE(refusal(Type::a, value), "accepted") << value;
    }
    for (const std::string_view value : std::initializer_list<std::string_view>{
             "", "192.0.2.1", ":::1", "fe80::1%eth0", "1:2:3:4:5:6:7:8:9", "::1 "}) {
        EXPECT_NE(refusal(Type::aaaa, value), "accepted") << value;
    }
}

TEST(Rdata, names_are_folded_and_dotted) {
    EXPECT_EQ(hex_of(Type::cname, "WWW.Example.com"), "03777777076578616d706c6503636f6d00");
    EXPECT_EQ(hex_of(Type::ns, "ns-1.example.com."), hex_of(Type::ns, "NS-1.EXAMPLE.COM"));
    EXPECT_EQ(canonical(Type::ptr, "Host.Example.com"), "host.example.com.");
    EXPECT_EQ(canonical(Type::mx, "10 mail.example.com"), "10 mail.example.com.");
    EXPECT_EQ(canonical(Type::mx, "0 ."), "0 .");
    EXPECT_EQ(canonical(Type::srv, "10 5 80 \\052.example.com"), "10 5 80 \\052.example.com.");
    EXPECT_EQ(canonical(Type::soa,
                        "ns-2048.awsdns-64.net hostmaster.awsdns.com 1 7200 900 1209600 86400"),
              "ns-2048.awsdns-64.net. hostmaster.awsdns.com. 1 7200 900 1209600 86400");
}

TEST(Rdata, a_wrong_number_of_fields_is_refused_in_route_53_words) {
    EXPECT_EQ(
        refusal(Type::srv, "1 1 32769 ip-10-0-6-110.test. internal."),
        "FATAL problem: SRVRRDATANotFourFields (SRV record doesn't have 4 fields) encountered "
        "with '1 1 32769 ip-10-0-6-110.test. internal.'");
    EXPECT_EQ(refusal(Type::mx, "mail.example.com"),
              "FATAL problem: MXRRDATANotTwoFields (MX record doesn't have 2 fields) encountered "
              "with 'mail.example.com'");
    EXPECT_TRUE(refusal(Type::cname, "a b").contains("CNAMERRDATANotSingleField"));
    EXPECT_TRUE(refusal(Type::soa, "a b 1 2 3 4").contains("SOARRDATANotSevenFields"));
    EXPECT_TRUE(refusal(Type::caa, "0 issue").contains("CAARRDATANotThreeFields"));
    EXPECT_TRUE(refusal(Type::mx, "10 mail.example.com ").contains("MXRRDATANotTwoFields"));
    EXPECT_EQ(canonical(Type::mx, "10  mail.example.com"), "10 mail.example.com.");
}

TEST(Rdata, wrong_names_are_refused_in_route_53_words) {
    EXPECT_EQ(refusal(Type::cname, "a..b"),
              "FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with 'a..b'");
    EXPECT_EQ(refusal(Type::cname, "a\tb"),
              "FATAL problem: UnsupportedCharacter (Value contains unsupported characters) "
              "encountered with '\t'");
    EXPECT_NE(refusal(Type::cname, ""), "accepted");
    EXPECT_TRUE(
        refusal(Type::ns, fmt::format("{:a>64}.example", "")).contains("DomainLabelTooLong"));
}

TEST(Rdata, numbers_are_digits_in_range) {
    EXPECT_EQ(canonical(Type::mx, "65535 a"), "65535 a.");
    for (const std::string_view value : std::initializer_list<std::string_view>{
             "65536 a", "-1 a", "+1 a", "1.0 a", "0x1 a", "\"1\" a", "a a", "99999999999 a"}) {
        EXPECT_TRUE(refusal(Type::mx, value).contains("MXRRDATAIllegalNumber")) << value;
    }
    EXPECT_EQ(canonical(Type::soa, "a b 4294967295 0 0 0 0"), "a. b. 4294967295 0 0 0 0");
    EXPECT_NE(refusal(Type::soa, "a b 4294967296 0 0 0 0"), "accepted");
}

TEST(Rdata, text_is_quoted_strings_of_at_most_255_octets) {
    EXPECT_EQ(hex_of(Type::txt, "\"ab\""), "026162");
    EXPECT_EQ(hex_of(Type::txt, "\"a\" \"b\""), "01610162");
    EXPECT_EQ(hex_of(Type::txt, "\"a\"\"b\""), "01610162");  // how long DKIM keys are often split
    EXPECT_EQ(hex_of(Type::txt, "\"\""), "00");
    EXPECT_EQ(hex_of(Type::spf, "\"v=spf1 -all\""), "0b763d73706631202d616c6c");
    const std::string full(255, 'x');
    const std::string longest = fmt::format("\"{}\"", full);
    const std::string too_long = fmt::format("\"{}x\"", full);
    EXPECT_EQ(canonical(Type::txt, longest), longest);
    EXPECT_EQ(refusal(Type::txt, too_long),
              fmt::format("FATAL problem: CharacterStringTooLong (Value is too long) encountered "
                          "with '{}'",
                          too_long));
}

TEST(Rdata, text_keeps_case_and_reads_octal_escapes_and_escaped_quotes) {
    EXPECT_EQ(hex_of(Type::txt, R"("Ab")"), "024162");
    EXPECT_EQ(hex_of(Type::txt, R"("ex\344mple")"), "076578e46d706c65");
    EXPECT_EQ(hex_of(Type::txt, R"("\"\\\000\052")"), "04225c002a");
    EXPECT_EQ(canonical(Type::txt, R"("includes \042marks\042 \134 \303\251")"),
              R"("includes \"marks\" \\ \303\251")");
}

TEST(Rdata, text_without_quotation_marks_is_refused_in_route_53_words) {
    EXPECT_EQ(refusal(Type::txt, "v=spf1 -all"),
              "FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) "
              "encountered with 'v=spf1 -all'");
    EXPECT_EQ(refusal(Type::txt, "\"\"v=text0002\"\""),
              "FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) "
              "encountered with '\"\"v=text0002\"\"'");
    for (const std::string_view value : std::initializer_list<std::string_view>{
             "", " ", "\"", "\"a", "\"a\" b", "a\"b\"", "\"a\" ", " \"a\"", "\"a\\\"", "\"\\\""}) {
        EXPECT_TRUE(refusal(Type::txt, value).contains("InvalidCharacterString")) << value;
    }
    for (const std::string_view value : std::initializer_list<std::string_view>{
             "\"\\9\"", "\"\\400\"", "\"\\08x\"", "\"a\tb\"", "\"\xc3\xa9\"", "\"\\x\""}) {
        EXPECT_TRUE(refusal(Type::txt, value).contains("UnsupportedCharacter")) << value;
    }
}

TEST(Rdata, values_are_at_most_4000_characters) {
    std::string value;
    for (int i = 0; i < 40; ++i) {
        value += "\"" + std::string(98, 'x') + "\"";
    }
    ASSERT_EQ(value.size(), 4000U);
    EXPECT_EQ(rdata_from_text(Type::txt, value).value().size(), 40U * 99U);
    EXPECT_TRUE(refusal(Type::txt, value + "\"\"").contains("ValueTooLong"));
}

TEST(Rdata, caa_has_a_flag_a_tag_and_a_quoted_value) {
    EXPECT_EQ(hex_of(Type::caa, "0 issue \"ca.example.net; account=123456\""),
              "0005697373756563612e6578616d706c652e6e65743b206163636f756e743d313233343536");
    EXPECT_EQ(canonical(Type::caa, "128 IssueWild \";\""), "128 issuewild \";\"");
    EXPECT_EQ(canonical(Type::caa, "0 iodef \"mailto:a@example.com\""),
              "0 iodef \"mailto:a@example.com\"");
    EXPECT_TRUE(refusal(Type::caa, "0 issue letsencrypt.org").contains("InvalidCharacterString"));
    EXPECT_TRUE(refusal(Type::caa, "0 a-tag \"x\"").contains("CAARRDATAIllegalTag"));
    EXPECT_TRUE(refusal(Type::caa, "256 issue \"x\"").contains("CAARRDATAIllegalNumber"));
    EXPECT_NE(refusal(Type::caa, "0 issue \"x\"y"), "accepted");
}

TEST(Rdata, digests_have_the_length_of_their_type) {
    const std::string sha1(40, 'A');
    const std::string sha256(64, 'b');
    const std::string sha512(128, '0');
    EXPECT_EQ(canonical(Type::ds, "12345 13 1 " + sha1), "12345 13 1 " + to_lower(sha1));
    EXPECT_EQ(canonical(Type::ds, "12345 13 2 " + sha256), "12345 13 2 " + sha256);
    EXPECT_EQ(canonical(Type::ds, "12345 13 99 ab"), "12345 13 99 ab");
    EXPECT_EQ(canonical(Type::sshfp, "4 2 " + sha256), "4 2 " + sha256);
    EXPECT_EQ(canonical(Type::tlsa, "3 1 1 " + sha256), "3 1 1 " + sha256);
    EXPECT_EQ(canonical(Type::tlsa, "3 1 2 " + sha512), "3 1 2 " + sha512);
    EXPECT_EQ(canonical(Type::tlsa, "3 1 0 abcd"), "3 1 0 abcd");
    EXPECT_TRUE(refusal(Type::ds, "12345 13 2 " + sha1).contains("DSRRDATAIllegalDigest"));
    EXPECT_TRUE(refusal(Type::ds, "12345 13 2 abc").contains("DSRRDATAIllegalHex"));
    EXPECT_TRUE(refusal(Type::sshfp, "4 1 " + sha256).contains("SSHFPRRDATAIllegalDigest"));
    EXPECT_TRUE(refusal(Type::tlsa, "4 1 1 " + sha256).contains("TLSARRDATAIllegalNumber"));
    EXPECT_TRUE(refusal(Type::tlsa, "3 2 1 " + sha256).contains("TLSARRDATAIllegalNumber"));
    EXPECT_TRUE(refusal(Type::tlsa, "3 1 3 " + sha256).contains("TLSARRDATAIllegalNumber"));
    EXPECT_TRUE(refusal(Type::tlsa, "3 1 1 abcd").contains("TLSARRDATAIllegalDigest"));
}

TEST(Rdata, naptr_has_three_strings_and_a_name) {
    EXPECT_EQ(canonical(Type::naptr,
                        R"(100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .)"),
              R"(100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .)");
    EXPECT_EQ(hex_of(Type::naptr, R"(1 2 "" "" "" A.b)"),
              "0001000200000001610162"
              "00");
    EXPECT_TRUE(
        refusal(Type::naptr, R"(100 50 u "E2U+sip" "" .)").contains("InvalidCharacterString"));
    EXPECT_NE(refusal(Type::naptr, R"(100 50 "u" "" .)"), "accepted");
}

TEST(Rdata, service_bindings_are_sorted_by_key) {
    // RFC 9460 appendix D.2: port=53, and unordered parameters come out in ascending order.
    EXPECT_EQ(hex_of(Type::svcb, "16 foo.example.com. port=53"),
              "0010"
              "03666f6f076578616d706c6503636f6d00"
              "000300020035");
    EXPECT_EQ(
        hex_of(Type::svcb,
               "16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1"),
        "0010"
        "03666f6f076578616d706c65036f726700"
        "0000000400010004"
        "0001000902683205"
        "68332d3139"
        "00040004c0000201");
    EXPECT_EQ(hex_of(Type::svcb, "1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\""),
              "0001"
              "03666f6f076578616d706c6503636f6d00"
              "00060020"
              "20010db8000000000000000000000001"
              "20010db8000000000000000000530001");
    EXPECT_EQ(hex_of(Type::svcb, "1 foo.example.com. key667=hello"),
              "0001"
              "03666f6f076578616d706c6503636f6d00"
              "029b000568656c6c6f");
    EXPECT_EQ(hex_of(Type::https, "0 foo.example.com."),
              "0000"
              "03666f6f076578616d706c6503636f6d00");
    EXPECT_EQ(hex_of(Type::https, "1 ."), "000100");
    // Appendix D.2 figure 8 with octal escapes: alpn="f\\\\oo\\,bar,h2" is the ids f\oo,bar and h2.
    EXPECT_EQ(hex_of(Type::svcb, R"(16 foo.example.org. alpn="f\\\\oo\\,bar,h2")"),
              "0010"
              "03666f6f076578616d706c65036f726700"
              "0001000c"
              "08665c6f6f2c626172"
              "026832");
    EXPECT_EQ(hex_of(Type::svcb, R"(16 foo.example.org. alpn=f\\\134oo\\\054bar,h2)"),
              "0010"
              "03666f6f076578616d706c65036f726700"
              "0001000c"
              "08665c6f6f2c626172"
              "026832");
    EXPECT_EQ(canonical(Type::https, "1 . ech=YWJj port=443 no-default-alpn alpn=h2"),
              "1 . alpn=\"h2\" no-default-alpn port=443 ech=\"YWJj\"");
}

TEST(Rdata, broken_service_bindings_are_refused) {
    for (const std::string_view params :
         std::initializer_list<std::string_view>{"key123=abc key123=def",
                                                 "mandatory",
                                                 "alpn",
                                                 "port",
                                                 "ipv4hint",
                                                 "ipv6hint",
                                                 "ech",
                                                 "no-default-alpn=abc",
                                                 "mandatory=key123",
                                                 "mandatory=mandatory",
                                                 "mandatory=alpn,alpn alpn=h2",
                                                 "no-default-alpn",
                                                 "port=65536",
                                                 "port=1,2",
                                                 "ipv4hint=192.0.2.1,",
                                                 "ipv4hint=::1",
                                                 "ipv6hint=192.0.2.1",
                                                 "alpn=",
                                                 "alpn=,",
                                                 "alpn=\"h2",
                                                 "ech=a",
                                                 "key1=h2",
                                                 "key007=x",
                                                 "key65535=x",
                                                 "key65536=x",
                                                 "key=x",
                                                 "nonsense=1",
                                                 "=1",
                                                 "alpn=\"h2\"x",
                                                 "alpn=h\\\\2"}) {
        EXPECT_NE(refusal(Type::svcb, "1 foo.example.com. " + std::string{params}), "accepted")
            << params;
    }
    EXPECT_TRUE(refusal(Type::https, "0 foo.example.com. port=1").contains("InvalidSvcParams"));
    EXPECT_TRUE(refusal(Type::https, "1").contains("HTTPSRRDATANotTwoFields"));
}

TEST(Rdata, octets_of_another_shape_have_no_text) {
    const auto refused = [](Type type, std::vector<std::uint8_t> rdata) {
        return !rdata_to_text(type, rdata);
    };
    EXPECT_TRUE(refused(Type::a, {1, 2, 3}));
    EXPECT_TRUE(refused(Type::a, {1, 2, 3, 4, 5}));
    EXPECT_TRUE(refused(Type::cname, {3, 'w', 'w'}));
    EXPECT_TRUE(refused(Type::cname, {0, 0}));
    EXPECT_TRUE(refused(Type::mx, {0, 10, 0xc0, 0}));
    EXPECT_TRUE(refused(Type::txt, {}));
    EXPECT_TRUE(refused(Type::txt, {5, 'a'}));
    EXPECT_TRUE(refused(Type::caa, {0, 0}));
    EXPECT_TRUE(refused(Type::ds, {0, 1, 8, 2}));
    EXPECT_TRUE(refused(Type::svcb, {0, 1, 0, 0, 3, 0, 1, 0}));             // a port of one octet
    EXPECT_TRUE(refused(Type::svcb, {0, 1, 0, 1, 0, 0, 0, 0, 200, 0, 0}));  // cut short
    EXPECT_TRUE(refused(Type::opt, {}));
    EXPECT_FALSE(refused(Type::cname, {1, 'A', 0}));
}

}  // namespace
}  // namespace rota::dns
