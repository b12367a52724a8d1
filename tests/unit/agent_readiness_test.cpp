#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/agent/config.h"
#include "rota/agent/readiness.h"
#include "rota/base/fd.h"
#include "rota/http/server.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;

bool is_ready(std::string_view text, std::chrono::milliseconds timeout = 5s) {
    const auto config = parse_readiness(text);
    return config && check_readiness(*config, timeout).passed;
}

TEST(Readiness, reads_its_three_forms_and_nothing_else) {
    for (const std::string_view text : {"http://127.0.0.1:8080/health", "https://localhost/",
                                        "tcp://127.0.0.1:80", "tcp://[::1]:80", "exec:true"}) {
        EXPECT_TRUE(parse_readiness(text)) << text;
    }
    for (const std::string_view text :
         {"", "127.0.0.1:80", "tcp://127.0.0.1", "tcp://:80", "tcp://h:", "tcp://h:x",
          "exec:", "udp://127.0.0.1:80", "http://"}) {
        EXPECT_FALSE(parse_readiness(text)) << text;
    }
}

TEST(Readiness, runs_a_command) {
    EXPECT_TRUE(is_ready("exec:true"));
    EXPECT_TRUE(is_ready("exec:test -d / && exit 0"));
    EXPECT_FALSE(is_ready("exec:exit 3"));
    EXPECT_FALSE(is_ready("exec:/no/such/command"));
    EXPECT_FALSE(is_ready("exec:kill -9 $$"));
}

TEST(Readiness, kills_a_command_that_hangs_with_its_children) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(is_ready("exec:sleep 60 & sleep 60; wait", 100ms));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(Readiness, connects_over_tcp) {
    const auto listener = http::listen_tcp("127.0.0.1:0");
    ASSERT_TRUE(listener);
    const std::string target = "tcp://127.0.0.1:" + std::to_string(http::local_port(*listener));
    EXPECT_TRUE(is_ready(target));
}

TEST(Readiness, is_not_there_when_the_connection_is_refused) {
    std::string target;
    {
        const auto listener = http::listen_tcp("127.0.0.1:0");
        ASSERT_TRUE(listener);
        target = "tcp://127.0.0.1:" + std::to_string(http::local_port(*listener));
    }
    EXPECT_FALSE(is_ready(target));
}

}  // namespace
}  // namespace rota::agent
