#include "rota/agent/agent_check_server.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raw_client.h"
#include "rota/base/clock.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/health/probe.h"

namespace rota::agent {
namespace {

using http::RawClient;

auto serve(std::string line) {
    return AgentCheckServer::open("0", [line] { return line; }).value();
}

TEST(AgentCheckServer, answers_each_client_with_a_line_and_ends) {
    std::atomic<int> asked = 0;
    const auto server = AgentCheckServer::open("0", [&asked] {
                            return fmt::format("ready {}% up\n", ++asked);
                        }).value();
    for (const std::string_view line : {"ready 1% up\n", "ready 2% up\n"}) {
        RawClient client{server->port()};
        EXPECT_EQ(client.receive(), line);
        EXPECT_TRUE(client.closed());
    }
}

TEST(AgentCheckServer, is_understood_by_our_own_check) {
    const auto server = serve("ready 75% up\n");
    auto check = health::parse_check(fmt::format("agent-check://127.0.0.1:{}", server->port()));
    ASSERT_TRUE(check);
    const health::Observation seen = health::probe(*check, std::chrono::seconds{30});
    EXPECT_EQ(seen.outcome, health::Outcome::passed) << seen.detail;
}

TEST(AgentCheckServer, does_not_lose_the_line_over_what_a_client_sends) {
    const auto server = serve("drain\n");
    for (int i = 0; i < 20; ++i) {
        RawClient client{server->port()};
        ASSERT_TRUE(client.send("agent-send web1\n"));
        EXPECT_EQ(client.receive(), "drain\n");
        EXPECT_TRUE(client.closed());
    }
}

TEST(AgentCheckServer, lets_a_client_go_that_never_stops_talking) {
    const auto server = serve("drain\n");
    RawClient client{server->port()};
    const std::string much(std::size_t{64} * 1024, 'x');
    bool is_gone = false;
    for (int i = 0; i < 10'000 && !is_gone; ++i) {
        is_gone = !client.send(much);
    }
    EXPECT_TRUE(is_gone);
    RawClient next{server->port()};
    EXPECT_EQ(next.receive(), "drain\n");
}

TEST(AgentCheckServer, answers_newcomers_however_many_stay) {
    const auto server = serve("drain\n");
    std::vector<std::unique_ptr<RawClient>> silent;
    for (int i = 0; i < 200; ++i) {
        silent.push_back(std::make_unique<RawClient>(server->port()));
        ASSERT_TRUE(silent.back()->connected());
    }
    RawClient client{server->port()};
    EXPECT_EQ(client.receive(), "drain\n");
}

TEST(AgentCheckServer, knows_whether_those_who_ask_have_heard_the_latest) {
    const auto server = serve("drain\n");
    EXPECT_TRUE(server->is_heard_by_all(boot_now())) << "nobody asks";
    EXPECT_EQ(RawClient{server->port()}.receive(), "drain\n");
    const BootTime news = boot_now();
    EXPECT_FALSE(server->is_heard_by_all(news));
    EXPECT_TRUE(server->is_heard_by_all(news + AgentCheckServer::kMemory * 2)) << "long ago";
    RawClient other{server->port(), "127.0.0.2"};
    EXPECT_EQ(other.receive(), "drain\n");
    EXPECT_FALSE(server->is_heard_by_all(news)) << "that was another one";
    auto again = std::make_unique<RawClient>(server->port());
    EXPECT_EQ(again->receive(), "drain\n");
    EXPECT_FALSE(server->is_heard_by_all(news)) << "it may not have read it yet";
}

TEST(AgentCheckServer, counts_a_client_that_has_closed_its_end_as_one_that_has_heard) {
    const auto server = serve("drain\n");
    const BootTime before = boot_now();
    EXPECT_EQ(RawClient{server->port()}.receive(), "drain\n");
    const BootTime deadline = boot_now() + std::chrono::seconds{30};
    while (!server->is_heard_by_all(before) && boot_now() < deadline) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(server->is_heard_by_all(before));
}

TEST(AgentCheckServer, ends_with_clients_connected) {
    auto server = serve("drain\n");
    const std::uint16_t port = server->port();
    RawClient client{port};
    EXPECT_EQ(client.receive(), "drain\n");
    server.reset();
    EXPECT_FALSE(RawClient{port}.connected());
}

TEST(AgentCheckServer, names_an_address_that_it_cannot_have) {
    const auto server = serve("drain\n");
    const auto again =
        AgentCheckServer::open(fmt::format("{}", server->port()), [] { return std::string{}; });
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find("another process listens there"), std::string::npos);
}

}  // namespace
}  // namespace rota::agent
