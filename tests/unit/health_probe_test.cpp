#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_http_service.h"
#include "rota/base/fd.h"
#include "rota/health/probe.h"
#include "rota/health/probes.h"
#include "rota/http/server.h"
#include "support/child.h"

namespace rota::health {
namespace {

using namespace std::chrono_literals;

Observation ask(const std::string& text, std::chrono::milliseconds timeout = 5s) {
    return probe(parse_check(text).value(), timeout);
}

/// Sends a text to whoever connects, and keeps the connection open when told so.
class Speaker {
public:
    explicit Speaker(std::string text, bool stays = false)
        : text_{std::move(text)}, stays_{stays}, thread_{[this] { run(); }} {}

    ~Speaker() { ::shutdown(listener_.get(), SHUT_RDWR); }

    Speaker(const Speaker&) = delete;
    Speaker& operator=(const Speaker&) = delete;

    [[nodiscard]] std::string address() const {
        return "127.0.0.1:" + std::to_string(http::local_port(listener_));
    }

private:
    void run() {
        ::fcntl(listener_.get(), F_SETFL, 0);  // accept() waits
        while (true) {
            Fd client{::accept(listener_.get(), nullptr, nullptr)};
            if (!client) {
                return;
            }
            ::send(client.get(), text_.data(), text_.size(), MSG_NOSIGNAL);
            if (stays_) {
                kept_ = std::move(client);
            }
        }
    }

    std::string text_;
    bool stays_;
    Fd listener_ = http::listen_tcp("127.0.0.1:0").value();
    Fd kept_;
    std::jthread thread_;
};

std::string closed_address() {
    const auto listener = http::listen_tcp("127.0.0.1:0");
    return "127.0.0.1:" + std::to_string(http::local_port(listener.value()));
}

TEST(ExecProbe, passes_when_the_command_ends_with_0) {
    EXPECT_TRUE(ask("exec:true").passed());
    EXPECT_TRUE(ask("exec:test -d / && exit 0").passed());
    EXPECT_EQ(ask("exec:exit 3").detail, "'exit 3' ended with 3");
    EXPECT_FALSE(ask("exec:/no/such/command").passed());
    EXPECT_EQ(ask("exec:kill -9 $$").detail, "'kill -9 $$' was killed by signal 9");
}

TEST(ExecProbe, keeps_the_last_lines_of_both_outputs) {
    const auto seen = ask("exec:echo one; echo two >&2; exit 1");
    EXPECT_EQ(seen.output, "one\ntwo\n");
    EXPECT_TRUE(seen.detail.ends_with("ended with 1: two")) << seen.detail;
}

TEST(ExecProbe, keeps_whole_lines_and_no_more_than_a_kilobyte) {
    const auto seen = ask("exec:seq 100000");
    EXPECT_TRUE(seen.passed());
    EXPECT_LE(seen.output.size(), 1024U);
    EXPECT_GT(seen.output.size(), 1000U);
    EXPECT_TRUE(seen.output.ends_with("\n99999\n100000\n"));
    EXPECT_TRUE(seen.output.starts_with("99"));
}

TEST(ExecProbe, kills_a_command_that_hangs_with_its_children) {
    const auto begin = std::chrono::steady_clock::now();
    const auto seen = ask("exec:echo begun; sleep 60 & sleep 60; wait", 200ms);
    EXPECT_FALSE(seen.passed());
    EXPECT_TRUE(seen.detail.contains("took longer than 200 ms")) << seen.detail;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(ExecProbe, stops_a_command_that_writes_for_ever) {
    const auto seen = ask("exec:yes", 200ms);
    EXPECT_TRUE(seen.detail.contains("took longer")) << seen.detail;
    EXPECT_LE(seen.output.size(), 1024U);
}

TEST(ExecProbe, leaves_no_child_behind_and_does_not_wait_for_it) {
    const auto begin = std::chrono::steady_clock::now();
    const auto seen = ask("exec:sleep 60 & echo $!");
    EXPECT_TRUE(seen.passed());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
    const auto child = static_cast<pid_t>(std::atol(seen.output.c_str()));
    ASSERT_GT(child, 1);
    // Killed; it may still be waiting for whoever adopted it to bury it.
    const auto is_gone = [child] {
        std::ifstream file{"/proc/" + std::to_string(child) + "/stat"};
        std::string text;
        std::getline(file, text);
        return text.empty() || text.contains(") Z ");
    };
    while (!is_gone() && std::chrono::steady_clock::now() - begin < 30s) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(is_gone());
}

TEST(ExecProbe, gives_the_command_default_signals) {
    std::signal(SIGPIPE, SIG_IGN);
    const auto seen = ask("exec:grep -E '^Sig(Ign|Blk)' /proc/self/status");
    EXPECT_TRUE(seen.output.contains("SigBlk:\t0000000000000000")) << seen.output;
    const auto ignored = seen.output.find("SigIgn:\t");
    ASSERT_NE(ignored, std::string::npos);
    // glibc's own two, 32 and 33, may be among them.
    EXPECT_EQ(std::strtoull(seen.output.c_str() + ignored + 8, nullptr, 16) & 0x7FFFFFFFU, 0U)
        << seen.output;
}

TEST(ExecProbe, does_not_pass_when_the_exit_status_is_lost) {
    // The kernel buries the children of a process that ignores SIGCHLD, as some parents leave it.
    EXPECT_EQ(test::in_child([] {
                  std::signal(SIGCHLD, SIG_IGN);
                  const auto seen = ask("exec:true");
                  return !seen.passed() && seen.detail.contains("SIGCHLD") ? 0 : 1;
              }),
              0);
}

TEST(TcpProbe, connects) {
    const auto listener = http::listen_tcp("127.0.0.1:0");
    ASSERT_TRUE(listener);
    const std::string address = "127.0.0.1:" + std::to_string(http::local_port(*listener));
    EXPECT_EQ(ask("tcp://" + address).detail, address + " accepts connections");
    EXPECT_TRUE(ask("tcp://" + address).passed());
}

TEST(TcpProbe, fails_when_the_connection_is_refused) {
    const auto seen = ask("tcp://" + closed_address());
    EXPECT_FALSE(seen.passed());
    EXPECT_TRUE(seen.detail.contains("refused")) << seen.detail;
}

TEST(HttpProbe, judges_the_status) {
    int status = 200;
    const FakeHttpService service{
        [&status](const http::Request&) { return http::Response{.status = status}; }};
    for (const auto& [code, good] : {std::pair{200, true},
                                     {204, true},
                                     {302, true},
                                     {400, false},
                                     {404, false},
                                     {500, false},
                                     {503, false}}) {
        status = code;
        EXPECT_EQ(ask(service.url() + "/health").passed(), good) << code;
    }
    EXPECT_EQ(ask(service.url() + "/x?token=secret").detail,
              service.url() + "/x answers 503, not 200-399");
    auto check = parse_check(service.url() + "/").value();
    check.accepted = StatusSet::parse("503").value();
    EXPECT_TRUE(probe(check, 5s).passed());
}

TEST(HttpProbe, asks_as_a_health_check_does) {
    const FakeHttpService service{[](const http::Request&) { return http::Response{}; }};
    EXPECT_TRUE(ask(service.url() + "/health?deep=1").passed());
    ASSERT_EQ(service.lines(), std::vector<std::string>{"GET /health?deep=1"});
    const auto request = service.requests().front();
    ASSERT_NE(http::find(request.headers, "user-agent"), nullptr);
    EXPECT_TRUE(http::find(request.headers, "user-agent")->contains("health check"));
}

TEST(HttpProbe, looks_for_the_text_in_the_first_5120_octets) {
    std::string body;
    const FakeHttpService service{
        [&body](const http::Request&) { return http::Response{.body = body}; }};
    auto check = parse_check(service.url() + "/").value();
    check.body = "all good";
    const auto passes = [&](std::string text) {
        body = std::move(text);
        return probe(check, 5s).passed();
    };
    EXPECT_TRUE(passes("it is all good here"));
    EXPECT_FALSE(passes("it is all bad here"));
    EXPECT_FALSE(passes("ALL GOOD"));
    EXPECT_TRUE(passes(std::string(5120 - 8, 'x') + "all good" + std::string(100'000, 'x')));
    EXPECT_FALSE(passes(std::string(5120 - 7, 'x') + "all good"));
    EXPECT_TRUE(probe(check, 5s).detail.contains("without 'all good'"));
}

TEST(HttpProbe, does_not_read_a_body_without_end) {
    const Speaker speaker{"HTTP/1.1 200 OK\r\n\r\n" + std::string(6000, 'x'), true};
    const auto seen = ask("http://" + speaker.address() + "/");
    EXPECT_TRUE(seen.passed()) << seen.detail;
}

TEST(HttpProbe, ends_at_the_deadline) {
    const Speaker speaker{"HTTP/1.1 200 OK\r\n", true};
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(ask("http://" + speaker.address() + "/", 100ms).passed());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(AgentProbe, takes_the_words_up_to_the_line_end) {
    const Speaker speaker{"up ready 75%\nmaint\n", true};
    const auto seen = ask("agent-check://" + speaker.address());
    EXPECT_TRUE(seen.passed());
    ASSERT_TRUE(seen.report);
    EXPECT_EQ(seen.report->weight, (AgentWeight{75, true}));
    EXPECT_EQ(seen.report->mode, AgentMode::ready);
    EXPECT_TRUE(admits(seen));
}

TEST(AgentProbe, takes_the_end_of_the_stream_for_the_line_end) {
    const Speaker speaker{"down #disk full"};
    const auto seen = ask("agent-check://" + speaker.address());
    EXPECT_EQ(seen.outcome, Outcome::failed);
    EXPECT_EQ(seen.report->reason, "disk full");
}

TEST(AgentProbe, has_no_news_without_a_word_about_health) {
    for (const auto& [text, admitted] :
         {std::pair{"75%\n", true}, {"drain\n", false}, {"maint\n", false}, {"hello\n", true}}) {
        const Speaker speaker{text};
        const auto seen = ask("agent-check://" + speaker.address());
        EXPECT_EQ(seen.outcome, Outcome::neutral) << text;
        EXPECT_TRUE(seen.report) << text;
        EXPECT_EQ(admits(seen), admitted) << text;
    }
}

TEST(AgentProbe, has_no_news_from_an_agent_that_is_away_silent_or_endless) {
    const Speaker silent{""};
    const Speaker hanging{"up", true};
    const Speaker endless{std::string(2000, 'x'), true};
    for (const std::string& address :
         {closed_address(), silent.address(), hanging.address(), endless.address()}) {
        const auto seen = ask("agent-check://" + address, 200ms);
        EXPECT_EQ(seen.outcome, Outcome::neutral) << seen.detail;
        EXPECT_FALSE(seen.report) << seen.detail;
        EXPECT_FALSE(admits(seen)) << seen.detail;
    }
}

TEST(GrpcProbe, fails_against_something_else_and_against_silence) {
    const Speaker http{"HTTP/1.1 400 Bad Request\r\n\r\n"};
    EXPECT_TRUE(ask("grpc://" + http.address()).detail.contains("HTTP/2"));
    const Speaker hanging{"", true};
    EXPECT_TRUE(ask("grpc://" + hanging.address(), 100ms).detail.contains("timed out"));
    EXPECT_FALSE(ask("grpc://" + closed_address()).passed());
    EXPECT_FALSE(ask("grpcs://" + http.address()).passed());
}

TEST(SystemdProbe, passes_active_and_reloading_units) {
    const auto passes = [](std::string_view active) {
        return judge_unit("app",
                          "LoadState=loaded\nActiveState=" + std::string{active} + "\nSubState=x\n")
            .passed();
    };
    EXPECT_TRUE(passes("active"));
    EXPECT_TRUE(passes("reloading"));
    for (const std::string_view state :
         {"inactive", "failed", "activating", "deactivating", "maintenance", "activeX", ""}) {
        EXPECT_FALSE(passes(state)) << state;
    }
    EXPECT_EQ(
        judge_unit("app", "LoadState=not-found\nActiveState=inactive\nSubState=dead\n").detail,
        "unit app is inactive (dead): there is no such unit");
    EXPECT_FALSE(judge_unit("app", "").passed());
}

TEST(SystemdProbe, asks_systemctl) {
    std::string directory = std::filesystem::temp_directory_path() / "rota-systemctl-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const auto fake = std::filesystem::path{directory} / "systemctl";
    std::ofstream{fake}
        << "#!/bin/sh\n"
           "[ \"$4\" = missing ] && { echo 'no bus' >&2; exit 1; }\n"
           "printf 'LoadState=loaded\\nActiveState=active\\nSubState=%s\\n' \"$*\"\n";
    std::filesystem::permissions(fake, std::filesystem::perms::owner_all);
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", (directory + ":" + path).c_str(), 1);
    const auto seen = ask("systemd:app@1.service");
    const auto broken = ask("systemd:missing");
    ::setenv("PATH", path.c_str(), 1);
    std::filesystem::remove_all(directory);
    EXPECT_TRUE(seen.passed());
    EXPECT_EQ(seen.detail,
              "unit app@1.service is active (show --property=LoadState,ActiveState,SubState "
              "-- app@1.service)");
    EXPECT_EQ(broken.outcome, Outcome::failed);
}

}  // namespace
}  // namespace rota::health
