#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "rota/base/guarded.h"
#include "rota/http/client.h"
#include "rota/http/proxy.h"
#include "rota/http/resolve.h"
#include "rota/http/server.h"

namespace rota::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// Plays a script to each client in turn: reads until the text ends with what the step waits for,
/// then sends. An empty answer closes the connection.
class Script {
public:
    struct Step {
        std::string until;
        std::string answer;
    };

    explicit Script(std::vector<std::vector<Step>> connections)
        : listener_{listen_tcp("127.0.0.1:0").value()},
          thread_{[this, plan = std::move(connections)] { run(plan); }} {}

    ~Script() {
        stopping_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);
    }

    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;

    [[nodiscard]] Url url() const {
        return parse_url("http://127.0.0.1:" + std::to_string(local_port(listener_))).value();
    }

    /// All that came in; read it after the last answer.
    [[nodiscard]] std::string received() const {
        return received_.with([](const std::string& text) { return text; });
    }

    [[nodiscard]] int accepted() const { return accepted_; }

private:
    void run(const std::vector<std::vector<Step>>& plan) {
        for (const auto& steps : plan) {
            const Fd client = accept_one();
            if (!client) {
                return;
            }
            ++accepted_;
            for (const auto& step : steps) {
                if (!read_until(client, step.until)) {
                    break;
                }
                if (step.answer.empty()) {
                    break;
                }
                ::send(client.get(), step.answer.data(), step.answer.size(), MSG_NOSIGNAL);
            }
        }
        while (!stopping_) {
            const Fd extra = accept_one();
        }
    }

    Fd accept_one() const {
        pollfd entry{.fd = listener_.get(), .events = POLLIN, .revents = 0};
        ::poll(&entry, 1, -1);
        Fd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return client;
    }

    bool read_until(const Fd& client, const std::string& until) {
        std::string text;
        std::array<char, 4096> buffer{};
        while (!text.ends_with(until)) {
            const auto got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) {
                return false;
            }
            text.append(buffer.data(), static_cast<std::size_t>(got));
            received_.with([&](std::string& all) {
                all.append(buffer.data(), static_cast<std::size_t>(got));
            });
        }
        return true;
    }

    Fd listener_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> accepted_{0};
    Guarded<std::string> received_;
    std::jthread thread_;
};

const std::string kEnd = "\r\n\r\n";

std::string ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + kEnd + body;
}

ClientOptions quick() {
    ClientOptions options;
    options.connect_timeout = milliseconds{2000};
    options.total_timeout = milliseconds{2000};
    return options;
}

TEST(HttpClient, sends_a_request_and_reads_the_answer) {
    const Script script{{{{kEnd + "body",
                           "HTTP/1.1 201 Created\r\nLocation: /x\r\n"
                           "Content-Length: 3\r\n\r\nabc"}}}};
    Client client{quick()};
    const auto answer = client.send(script.url(), {.method = "POST",
                                                   .target = "/p?q=1",
                                                   .headers = {{"X-A", "1\r\nX-B: 2"}},
                                                   .body = "body"});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 201);
    EXPECT_EQ(*find(answer->headers, "location"), "/x");
    EXPECT_EQ(answer->body, "abc");
    EXPECT_EQ(script.received(), "POST /p?q=1 HTTP/1.1\r\nHost: " + script.url().authority() +
                                     "\r\nX-A: 1X-B: 2\r\nUser-Agent: rota/" ROTA_VERSION
                                     "\r\nContent-Length: 4\r\n\r\nbody");
}

TEST(HttpClient, reads_every_framing_of_a_body) {
    const Script script{{{{kEnd,
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"},
                          {kEnd, "HTTP/1.1 204 No Content\r\n\r\n"},
                          {kEnd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"},
                          {kEnd,
                           "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
                           "until the end"},
                          {"never", ""}}}};
    Client client{quick()};
    EXPECT_EQ(client.send(script.url(), {})->body, "abcde");
    EXPECT_EQ(client.send(script.url(), {})->status, 204);
    EXPECT_EQ(client.send(script.url(), {.method = "HEAD"})->body, "");
    EXPECT_EQ(script.accepted(), 1);
    const auto open_ended = client.send(script.url(), {}, milliseconds{100});
    ASSERT_FALSE(open_ended) << "the script holds the connection open";
    EXPECT_EQ(open_ended.error().kind, ErrorKind::timeout);
}

TEST(HttpClient, reads_a_body_that_ends_with_the_connection) {
    const Script script{{{{kEnd, "HTTP/1.0 200 OK\r\n\r\nuntil the end"}}}};
    Client client{quick()};
    const auto answer = client.send(script.url(), {});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "until the end");
}

TEST(HttpClient, takes_a_new_connection_when_the_kept_one_was_closed) {
    const Script script{{{{kEnd, ok("1")}}, {{kEnd, ok("2")}}}};
    Client client{quick()};
    EXPECT_EQ(client.send(script.url(), {})->body, "1");
    const auto second = client.send(script.url(), {});
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->body, "2");
    EXPECT_EQ(script.accepted(), 2);
}

TEST(HttpClient, repeats_only_what_is_safe_when_a_kept_connection_dies) {
    // The second request is read, and answered by closing.
    const Script get{{{{kEnd, ok("1")}, {kEnd, ""}}, {{kEnd, ok("2")}}}};
    Client getter{quick()};
    EXPECT_EQ(getter.send(get.url(), {})->body, "1");
    EXPECT_EQ(getter.send(get.url(), {})->body, "2");
    const Script post{{{{kEnd + "1", ok("1")}, {kEnd + "2", ""}}, {{kEnd + "2", ok("2")}}}};
    Client poster{quick()};
    EXPECT_EQ(poster.send(post.url(), {.method = "POST", .body = "1"})->body, "1");
    const auto second = poster.send(post.url(), {.method = "POST", .body = "2"});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(second.error().retryable);
    EXPECT_TRUE(second.error().message.contains("without an answer")) << second.error().message;
}

TEST(HttpClient, says_when_an_answer_is_cut_short) {
    const Script script{{{{kEnd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}}}};
    Client client{quick()};
    const auto answer = client.send(script.url(), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(answer.error().message.contains("in the middle of its answer"));
}

TEST(HttpClient, refuses_an_answer_that_is_too_large_or_not_http) {
    ClientOptions options = quick();
    options.max_body = 10;
    for (const std::string& text :
         {std::string{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"},
          std::string{"HTTP/1.1 200 OK\r\n\r\nmore than ten octets"},
          std::string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "8\r\n12345678\r\n8\r\n12345678\r\n"},
          std::string{"SSH-2.0-OpenSSH_9.2\r\n"},
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(200000, 'e'),
          "HTTP/1.1 200 OK\r\nX: " + std::string(70000, 'h')}) {
        const Script script{{{{kEnd, text}}}};
        Client client{options};
        const auto answer = client.send(script.url(), {});
        ASSERT_FALSE(answer) << text.substr(0, 60);
        EXPECT_EQ(answer.error().kind, ErrorKind::bad_input) << answer.error().message;
        EXPECT_FALSE(answer.error().retryable);
    }
}

TEST(HttpClient, cuts_a_larger_answer_where_that_is_wanted) {
    const Script script{
        {{{kEnd, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nabcdef"}, {"never", ""}},
         {{kEnd,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nabc\r\n3\r\ndef\r\n"},
          {"never", ""}},
         {{kEnd, "HTTP/1.1 200 OK\r\n\r\nabcdef"}, {"never", ""}},
         {{kEnd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef"}}}};
    ClientOptions options = quick();
    options.max_body = 4;
    options.cut_body = true;
    Client client{options};
    for (int i = 0; i < 4; ++i) {
        const auto answer = client.send(script.url(), {});
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(answer->status, 200);
        EXPECT_EQ(answer->body, "abcd");
    }
    EXPECT_EQ(script.accepted(), 4) << "what was cut cannot be used again";
}

TEST(HttpClient, gives_up_at_its_deadline) {
    const Script silent{{{{"never", ""}}}};
    Client client{quick()};
    const auto begin = steady_clock::now();
    const auto answer = client.send(silent.url(), {}, milliseconds{100});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
    EXPECT_TRUE(answer.error().retryable);
    EXPECT_TRUE(answer.error().message.contains(silent.url().authority()));
    EXPECT_LT(steady_clock::now() - begin, seconds{1});
}

TEST(HttpClient, gives_up_on_an_answer_that_trickles) {
    const Script script{{{{kEnd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na"}, {"x", ""}}}};
    Client client{quick()};
    EXPECT_EQ(client.send(script.url(), {}, milliseconds{100}).error().kind, ErrorKind::timeout);
}

TEST(HttpClient, says_who_refused_the_connection) {
    std::uint16_t port = 0;
    {
        const Fd gone = listen_tcp("127.0.0.1:0").value();
        port = local_port(gone);
    }
    Client client{quick()};
    const auto answer =
        client.send(parse_url("http://127.0.0.1:" + std::to_string(port)).value(), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(answer.error().retryable);
    EXPECT_TRUE(answer.error().message.contains("127.0.0.1:" + std::to_string(port)));
    EXPECT_TRUE(answer.error().message.contains("refused")) << answer.error().message;
}

TEST(HttpClient, tries_the_next_address_when_one_refuses) {
    // localhost is 127.0.0.1 and ::1; only the second is served.
    auto listener = listen_tcp("[::1]:0");
    if (!listener) {
        GTEST_SKIP() << "no IPv6 here";
    }
    const std::uint16_t port = local_port(*listener);
    std::vector<Fd> listeners;
    listeners.push_back(*std::move(listener));
    Server server{
        std::move(listeners),
        {},
        [](const Request&, const Peer& peer) -> Response {
            return {.status = 200, .headers = {}, .body = peer.address};
        },
        [](int status) -> Response { return {.status = status, .headers = {}, .body = {}}; },
        1};
    server.start();
    Client client{quick()};
    const auto answer =
        client.send(parse_url("http://localhost:" + std::to_string(port)).value(), {});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "::1");
}

TEST(HttpClient, says_that_a_host_does_not_exist) {
    Client client{quick()};
    const auto answer = client.send(parse_url("http://no-such-host.invalid/").value(), {});
    ASSERT_FALSE(answer);
    EXPECT_TRUE(answer.error().kind == ErrorKind::unavailable ||
                answer.error().kind == ErrorKind::timeout);
    EXPECT_TRUE(answer.error().retryable);
    EXPECT_TRUE(answer.error().message.contains("no-such-host.invalid"));
}

TEST(HttpClient, asks_a_proxy_with_the_whole_url) {
    const Script proxy{{{{kEnd, ok("via")}}}};
    ClientOptions options = quick();
    options.http_proxy = "http://user:p%40ss@" + proxy.url().authority() + "/";
    Client client{options};
    const auto answer =
        client.send(parse_url("http://example.com:8080").value(), {.target = "/p?q"});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(proxy.received().starts_with("GET http://example.com:8080/p?q HTTP/1.1\r\n"));
    EXPECT_TRUE(proxy.received().contains("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
    EXPECT_TRUE(proxy.received().contains("Host: example.com:8080\r\n"));
}

TEST(HttpClient, opens_a_tunnel_for_https_and_says_when_the_proxy_refuses) {
    const Script proxy{{{{kEnd, "HTTP/1.1 407 Authenticate\r\nContent-Length: 5\r\n\r\nerror"}}}};
    ClientOptions options = quick();
    options.https_proxy = proxy.url().authority();
    Client client{options};
    const auto answer = client.send(parse_url("https://route53.amazonaws.com").value(), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::permission);
    EXPECT_TRUE(answer.error().message.contains("CONNECT route53.amazonaws.com:443: 407"))
        << answer.error().message;
    EXPECT_EQ(proxy.received(),
              "CONNECT route53.amazonaws.com:443 HTTP/1.1\r\nHost: "
              "route53.amazonaws.com:443\r\n\r\n");
}

TEST(HttpClient, never_repeats_a_proxys_password) {
    ClientOptions options = quick();
    options.https_proxy = "socks5://user:hunter2@proxy";
    Client client{options};
    const auto answer = client.send(parse_url("https://example.com").value(), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::config);
    EXPECT_FALSE(answer.error().message.contains("hunter2"));
}

TEST(NoProxy, follows_the_rules_of_curl_and_botocore) {
    EXPECT_TRUE(is_exempt("*", "anything", 80));
    EXPECT_TRUE(is_exempt("other,example.com", "example.com", 80));
    EXPECT_TRUE(is_exempt("Example.com", "WWW.example.COM", 80));
    EXPECT_TRUE(is_exempt(".example.com", "www.example.com", 80));
    EXPECT_TRUE(is_exempt(" , .example.com ", "example.com", 80));
    EXPECT_FALSE(is_exempt("example.com", "badexample.com", 80));
    EXPECT_FALSE(is_exempt("", "example.com", 80));
    EXPECT_TRUE(is_exempt("example.com:8080", "example.com", 8080));
    EXPECT_FALSE(is_exempt("example.com:8080", "example.com", 80));
    EXPECT_TRUE(is_exempt("169.254.169.254", "169.254.169.254", 80));
    EXPECT_FALSE(is_exempt("9.254.169.254", "169.254.169.254", 80));
    EXPECT_FALSE(is_exempt("254", "169.254.169.254", 80));
    EXPECT_TRUE(is_exempt("10.0.0.0/8,192.168.0.0/20", "192.168.15.1", 80));
    EXPECT_FALSE(is_exempt("10.0.0.0/8,192.168.0.0/20", "192.168.16.1", 80));
    EXPECT_TRUE(is_exempt("fd00::/8", "fd00:ec2::254", 80));
    EXPECT_TRUE(is_exempt("0.0.0.0/0", "192.0.2.1", 80));
    EXPECT_FALSE(is_exempt("10.0.0.0/33,10.0.0.0/x,/8", "10.0.0.1", 80));
    EXPECT_TRUE(is_exempt("::1", "::1", 80));
    EXPECT_TRUE(is_exempt("[::1]", "0:0:0:0:0:0:0:1", 80));
    EXPECT_TRUE(is_exempt("[::1]:80", "::1", 80));
    EXPECT_FALSE(is_exempt("[::1]:81", "::1", 80));
}

TEST(Resolve, reads_literal_addresses_without_asking) {
    const auto deadline = boot_now();  // already over
    EXPECT_EQ(resolve("192.0.2.1", 80, deadline)->at(0).text(), "192.0.2.1");
    EXPECT_EQ(resolve("2001:db8::1", 80, deadline)->at(0).text(), "2001:db8::1");
    EXPECT_EQ(resolve("localhost", 80, deadline)->size(), 2U);
}

}  // namespace
}  // namespace rota::http
