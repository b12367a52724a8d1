#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rota/agent/lifecycle.h"
#include "rota/agent/status.h"
#include "rota/agent/status_socket.h"
#include "rota/base/error.h"
#include "support/agent_world.h"

namespace rota::agent::testing {
namespace {

Settings towards(Goal goal) {
    Settings settings;
    settings.goal = goal;
    return settings;
}

TEST(StatusLine, comes_back_as_it_was_shown) {
    World world{towards(Goal::stay)};
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::in_service));
    const auto view = parse_status(status_json(world.state, world.now));
    ASSERT_TRUE(view);
    EXPECT_FALSE(view->is_leaving);
    EXPECT_FALSE(view->exit_status);
    ASSERT_EQ(view->rotas.size(), 1U);
    EXPECT_EQ(view->rotas[0].label, "www.example.com. A i-1");
    EXPECT_EQ(view->rotas[0].phase, "in_service");
    EXPECT_EQ(view->rotas[0].record, "192.0.2.1 weight 10 TTL 60 s");
    EXPECT_EQ(summary(*view), "in service");
}

TEST(StatusLine, counts_the_drain_down) {
    World world{towards(Goal::leave)};
    world.zone["i-1"] = weighted("i-1", "192.0.2.1");
    world.feed(Started{});
    ASSERT_TRUE(world.run_until(Phase::draining));
    world.advance(30s);
    EXPECT_EQ(summary(world.state, world.now), "draining, safe in 45 s");
    EXPECT_NE(status_json(world.state, world.now).find("\"drain_seconds_left\":45"),
              std::string::npos);
}

TEST(StatusLine, is_one_line_whatever_an_error_says) {
    World world{towards(Goal::stay)};
    world.feed(Started{});
    world.fault = Failure{.error = {ErrorKind::bad_input, "two\nlines \xff", true}};
    world.answer_one();
    EXPECT_EQ(status_json(world.state, world.now).find('\n'), std::string::npos);
}

TEST(StatusLine, says_what_is_configured_before_anybody_has_answered) {
    Membership membership = www();
    membership.zone = "example.com";
    membership.set_identifier = "blue";
    World world{towards(Goal::stay), {membership, www()}};
    const auto view = parse_status(status_json(world.state, world.now));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->rotas[0].label, "www.example.com. A blue");
    EXPECT_EQ(view->rotas[0].zone, "example.com");
    EXPECT_EQ(view->rotas[1].label, "www.example.com. A");
}

TEST(StatusLine, is_refused_when_it_is_something_else) {
    for (const std::string_view text : {"", "{}", "[]", "nonsense", R"({"leaving":1})"}) {
        EXPECT_FALSE(parse_status(text)) << text;
    }
}

class Socket : public ::testing::Test {
protected:
    std::string path_ =
        ::testing::TempDir() + "rota-agent-" + std::to_string(::getpid()) + "/agent.sock";
};

TEST_F(Socket, answers_line_by_line_and_is_for_its_user_alone) {
    auto socket = StatusSocket::open(path_, [](std::string_view line, uid_t user) {
        EXPECT_EQ(user, ::getuid());
        return "heard " + std::string{line};
    });
    ASSERT_TRUE(socket) << socket.error().message;
    struct stat info{};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);

    using Lines = std::pair<Result<std::string>, Result<std::string>>;
    std::future<Lines> heard = std::async(std::launch::async, [&] {
        auto connection = AgentConnection::open(path_).value();
        EXPECT_TRUE(connection.send_line("one\ntwo"));
        auto first = connection.read_line(10s);
        return Lines{std::move(first), connection.read_line(10s)};
    });
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (heard.wait_for(0s) != std::future_status::ready &&
           std::chrono::steady_clock::now() < deadline) {
        std::vector<pollfd> watched;
        (*socket)->add_to(watched);
        ::poll(watched.data(), watched.size(), 50);
        (*socket)->serve(watched);
    }
    const Lines lines = heard.get();
    EXPECT_EQ(lines.first, "heard one");
    EXPECT_EQ(lines.second, "heard two");
}

TEST_F(Socket, is_not_taken_from_an_agent_that_runs) {
    const auto respond = [](std::string_view, uid_t) { return std::string{}; };
    auto first = StatusSocket::open(path_, respond);
    ASSERT_TRUE(first);
    const auto second = StatusSocket::open(path_, respond);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
    first->reset();
    EXPECT_TRUE(StatusSocket::open(path_, respond));
}

TEST_F(Socket, of_nobody_is_told_apart_from_other_errors) {
    const auto line = ask_status(path_);
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().kind, ErrorKind::not_found);
    EXPECT_EQ(ask_status(std::string(200, 'x')).error().kind, ErrorKind::config);
}

TEST(SocketRequest, is_read_back_as_it_was_written) {
    const SocketRequest drain{.kind = SocketRequest::Kind::drain,
                              .drain_for = 600s,
                              .reason = "kernel \"upgrade\"",
                              .takes_last = true};
    const auto read = parse_request(request_json(drain)).value();
    EXPECT_EQ(read.kind, drain.kind);
    EXPECT_EQ(read.drain_for, drain.drain_for);
    EXPECT_EQ(read.reason, drain.reason);
    EXPECT_TRUE(read.takes_last);
    EXPECT_EQ(parse_request(R"({"command":"leave"})")->kind, SocketRequest::Kind::leave);
    EXPECT_EQ(request_json({}), R"({"command":"status"})");
}

TEST(SocketRequest, that_is_broken_is_refused) {
    for (const char* const line :
         {"", "leave", "[]", "{}", R"({"command":7})", R"({"command":"reboot"})",
          R"({"command":"drain","seconds":0})", R"({"command":"drain","seconds":-5})",
          R"({"command":"drain","seconds":"soon"})", R"({"command":"drain","reason":7})"}) {
        EXPECT_FALSE(parse_request(line)) << line;
    }
    EXPECT_EQ(parse_status(error_json({.kind = ErrorKind::io, .message = "no"}))->error, "no");
}

}  // namespace
}  // namespace rota::agent::testing
