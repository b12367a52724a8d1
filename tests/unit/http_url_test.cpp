#include <gtest/gtest.h>

#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::http {
namespace {

TEST(Url, reads_scheme_host_port_path_and_query) {
    const auto url = parse_url("HTTPS://Route53.Amazonaws.com/2013-04-01/hostedzone?maxitems=2");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "route53.amazonaws.com");
    EXPECT_EQ(url->port, 443);
    EXPECT_EQ(url->path, "/2013-04-01/hostedzone");
    EXPECT_EQ(url->query, "maxitems=2");
    EXPECT_EQ(url->authority(), "route53.amazonaws.com");
}

TEST(Url, keeps_a_port_that_is_not_the_default_in_the_authority) {
    EXPECT_EQ(parse_url("http://127.0.0.1:8053")->authority(), "127.0.0.1:8053");
    EXPECT_EQ(parse_url("http://127.0.0.1:80/")->authority(), "127.0.0.1");
    EXPECT_EQ(parse_url("https://127.0.0.1:80/")->authority(), "127.0.0.1:80");
}

TEST(Url, reads_an_ipv6_address_in_brackets) {
    const auto url = parse_url("http://[fd00:ec2::254]:8080?x");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->host, "fd00:ec2::254");
    EXPECT_EQ(url->port, 8080);
    EXPECT_EQ(url->path, "/");
    EXPECT_EQ(url->query, "x");
    EXPECT_EQ(url->authority(), "[fd00:ec2::254]:8080");
}

TEST(Url, refuses_what_it_cannot_send_and_says_why) {
    for (const auto* text :
         {"", "route53.amazonaws.com", "ftp://example.com", "http://", "http:///path",
          "http://host:0/", "http://host:65536/", "http://host:/", "http://host:8a/",
          "http://[::1/", "http://[nonsense]/", "http://[::1]x/", "http://a b/", "http://a/\n",
          "http://host/#top", "http://ho%73t/"}) {
        const auto url = parse_url(text);
        ASSERT_FALSE(url) << text;
        EXPECT_EQ(url.error().kind, ErrorKind::bad_input);
        EXPECT_TRUE(url.error().message.starts_with("URL")) << url.error().message;
    }
}

TEST(Url, never_repeats_a_password_in_its_error) {
    const auto url = parse_url("http://user:hunter2@host/");
    ASSERT_FALSE(url);
    EXPECT_FALSE(url.error().message.contains("hunter2"));
}

TEST(PercentEncode, encodes_all_but_the_unreserved_in_upper_case) {
    EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(percent_encode("a b/*+\xc3\xa9"), "a%20b%2F%2A%2B%C3%A9");
    EXPECT_EQ(percent_encode("a b/c", true), "a%20b/c");
}

TEST(PercentDecode, is_the_inverse_and_leaves_plus_alone) {
    EXPECT_EQ(percent_decode("a%20b%2f%2A+%C3%A9").value(), "a b/*+\xc3\xa9");
    EXPECT_FALSE(percent_decode("%"));
    EXPECT_FALSE(percent_decode("%4"));
    EXPECT_FALSE(percent_decode("%zz"));
}

TEST(ParseQuery, splits_and_decodes_in_order) {
    const auto query = parse_query("name=%5C052.example.com.&flag&&type=A&a=b=c&=v");
    ASSERT_TRUE(query);
    const QueryParameters expected{
        {"name", "\\052.example.com."}, {"flag", ""}, {"type", "A"}, {"a", "b=c"}, {"", "v"}};
    EXPECT_EQ(*query, expected);
    EXPECT_FALSE(parse_query("a=%x"));
    EXPECT_TRUE(parse_query("")->empty());
}

TEST(Headers, are_found_by_name_without_case) {
    const Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
    ASSERT_NE(find(headers, "content-type"), nullptr);
    EXPECT_EQ(*find(headers, "X-a"), "1");
    EXPECT_EQ(find(headers, "host"), nullptr);
}

}  // namespace
}  // namespace rota::http
