#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/health/check.h"

namespace rota::health {
namespace {

using namespace std::chrono_literals;

TEST(Check, reads_its_forms) {
    struct Case {
        std::string_view text;
        CheckKind kind;
        std::string_view target;
    };

    for (const auto& [text, kind, target] : {
             Case{"http://127.0.0.1:8080/health", CheckKind::http, "http://127.0.0.1:8080/health"},
             Case{"https://localhost/", CheckKind::http, "https://localhost/"},
             Case{"tcp://127.0.0.1:80", CheckKind::tcp, "127.0.0.1:80"},
             Case{"tcp://[::1]:80", CheckKind::tcp, "[::1]:80"},
             Case{"grpc://app.internal:50051", CheckKind::grpc, "app.internal:50051"},
             Case{"grpcs://[::1]:443/shop.v1.Cart", CheckKind::grpc, "[::1]:443"},
             Case{"exec:test -d /", CheckKind::exec, "test -d /"},
             Case{"systemd:nginx", CheckKind::systemd, "nginx"},
             Case{"systemd:app@1.service", CheckKind::systemd, "app@1.service"},
             Case{"agent-check://127.0.0.1:9999", CheckKind::agent_check, "127.0.0.1:9999"},
         }) {
        const auto check = parse_check(text);
        ASSERT_TRUE(check) << text;
        EXPECT_EQ(check->kind, kind) << text;
        EXPECT_EQ(check->text, text);
        EXPECT_EQ(check->target, target);
        EXPECT_TRUE(validate(*check)) << text;
    }
}

TEST(Check, takes_host_port_and_service_apart) {
    const auto check = parse_check("grpcs://[2001:db8::1]:443/shop.v1.Cart");
    ASSERT_TRUE(check);
    EXPECT_EQ(check->host, "2001:db8::1");
    EXPECT_EQ(check->port, 443);
    EXPECT_EQ(check->service, "shop.v1.Cart");
    EXPECT_TRUE(check->tls);
    EXPECT_FALSE(parse_check("grpc://127.0.0.1:50051/")->tls);
    EXPECT_EQ(parse_check("grpc://127.0.0.1:50051/")->service, "");
}

TEST(Check, refuses_everything_else_with_the_text_and_what_is_allowed) {
    for (const std::string_view text : {"",
                                        "127.0.0.1:80",
                                        "tcp://127.0.0.1",
                                        "tcp://:80",
                                        "tcp://h:",
                                        "tcp://h:x",
                                        "tcp://h:0",
                                        "tcp://h:65536",
                                        "tcp://h:80/x",
                                        "tcp://::1:80",
                                        "tcp://[]:80",
                                        "tcp://a b:80",
                                        "exec:",
                                        "exec:  ",
                                        "udp://127.0.0.1:80",
                                        "HTTP://127.0.0.1/",
                                        "grpc://h",
                                        "grpc:///s",
                                        "grpc://h:1/a b",
                                        "systemd:",
                                        "systemd:a b",
                                        "systemd:../x/y",
                                        "agent-check://h",
                                        "agent-check:h:1"}) {
        const auto check = parse_check(text);
        ASSERT_FALSE(check) << text;
        EXPECT_EQ(check.error().kind, ErrorKind::config);
        EXPECT_TRUE(check.error().message.contains("'" + std::string{text} + "'")) << text;
        EXPECT_TRUE(check.error().message.contains("agent-check://HOST:PORT")) << text;
    }
    for (const std::string_view text : {"http://", "http://h:x/", "https://user:secret@h/"}) {
        EXPECT_FALSE(parse_check(text)) << text;
    }
}

TEST(Check, has_the_defaults_of_a_load_balancer) {
    const auto check = parse_check("http://127.0.0.1/");
    ASSERT_TRUE(check);
    EXPECT_EQ(check->interval, 10s);
    EXPECT_EQ(check->timeout, 5s);
    EXPECT_EQ(check->rise, 2U);
    EXPECT_EQ(check->fall, 3U);
    EXPECT_EQ(check->initial_rise, 1U);
    EXPECT_EQ(check->accepted.text(), "200-399");
}

TEST(Check, counts_the_words_of_an_agent_at_once) {
    const auto check = parse_check("agent-check://127.0.0.1:9999");
    ASSERT_TRUE(check);
    EXPECT_EQ(check->rise, 1U);
    EXPECT_EQ(check->fall, 1U);
}

TEST(Check, knows_the_range_of_each_setting) {
    const Check good = parse_check("http://127.0.0.1/").value();
    const auto refused = [&good](auto change, std::string_view word) {
        Check check = good;
        change(check);
        const auto status = validate(check);
        return !status && status.error().message.contains(word) &&
               status.error().message.contains("http://127.0.0.1/");
    };
    EXPECT_TRUE(refused([](Check& check) { check.interval = 999ms; }, "interval"));
    EXPECT_TRUE(refused([](Check& check) { check.interval = 301s; }, "interval"));
    EXPECT_TRUE(refused([](Check& check) { check.timeout = 99ms; }, "timeout"));
    EXPECT_TRUE(refused([](Check& check) { check.timeout = 11s; }, "longer than the interval"));
    EXPECT_TRUE(refused([](Check& check) { check.rise = 0; }, "rise"));
    EXPECT_TRUE(refused([](Check& check) { check.fall = 11; }, "fall"));
    EXPECT_TRUE(refused([](Check& check) { check.initial_rise = 0; }, "initial-rise"));
    EXPECT_TRUE(refused([](Check& check) { check.body = std::string(256, 'x'); }, "255"));
    Check tcp = parse_check("tcp://127.0.0.1:80").value();
    tcp.body = "ok";
    EXPECT_FALSE(validate(tcp));
}

TEST(StatusSet, reads_numbers_and_ranges) {
    const auto set = StatusSet::parse("200-399,401,418-418");
    ASSERT_TRUE(set);
    for (const int status : {200, 204, 302, 399, 401, 418}) {
        EXPECT_TRUE(set->contains(status)) << status;
    }
    for (const int status : {100, 199, 400, 402, 417, 500}) {
        EXPECT_FALSE(set->contains(status)) << status;
    }
    EXPECT_EQ(set->text(), "200-399,401,418");
    EXPECT_EQ(StatusSet::parse("200-399"), StatusSet{});
}

TEST(StatusSet, refuses_everything_else) {
    for (const std::string_view text :
         {"", ",", "200,", "99", "600", "300-200", "200-", "-200", "2xx", "200 - 299", "+200",
          "200-299-399", "99999999999999999999"}) {
        EXPECT_FALSE(StatusSet::parse(text)) << text;
    }
}

}  // namespace
}  // namespace rota::health
