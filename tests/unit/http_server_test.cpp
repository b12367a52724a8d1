#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "raw_client.h"
#include "rota/http/server.h"

namespace rota::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

Response echo(const Request& request, const Peer& peer) {
    if (request.target == "/throw") {
        throw std::runtime_error{"on purpose"};
    }
    if (request.target == "/big") {
        return {.status = 200, .headers = {}, .body = std::string(std::size_t{8} << 20U, 'x')};
    }
    return {.status = 200,
            .headers = {{"X-Peer", peer.address}, {"X-Bad", "a\r\nInjected: b"}},
            .body = request.method + " " + request.target + " " + request.body};
}

Response refusal(int status) {
    return {.status = status, .headers = {}, .body = "refused"};
}

class Running {
public:
    explicit Running(ServerLimits limits = {}, Handler handler = echo, unsigned threads = 2)
        : server_{make(port_), limits, std::move(handler), refusal, threads} {
        server_.start();
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }

    Server& server() { return server_; }

private:
    static std::vector<Fd> make(std::uint16_t& port) {
        std::vector<Fd> listeners;
        listeners.push_back(listen_tcp("127.0.0.1:0").value());
        port = local_port(listeners.back());
        return listeners;
    }

    std::uint16_t port_ = 0;
    Server server_;
};

std::string get(std::string_view target = "/") {
    return "GET " + std::string{target} + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

int status_of(const std::string& text) {
    return text.starts_with("HTTP/1.1 ") ? std::stoi(text.substr(9, 3)) : 0;
}

TEST(HttpServer, answers_and_keeps_the_connection) {
    const Running running;
    RawClient client{running.port()};
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(
            client.send("POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"));
        const std::string text = client.receive("POST /a?b=c body");
        EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
        EXPECT_TRUE(text.contains("\r\nX-Peer: 127.0.0.1\r\n"));
        EXPECT_TRUE(text.contains("\r\nContent-Length: 16\r\n"));
        EXPECT_TRUE(text.contains("\r\nConnection: keep-alive\r\n"));
        EXPECT_TRUE(text.contains("\r\nDate: "));
    }
}

TEST(HttpServer, never_lets_a_header_value_begin_another_field) {
    const Running running;
    RawClient client{running.port()};
    client.send(get());
    const std::string text = client.receive("GET / ");
    EXPECT_TRUE(text.contains("X-Bad: aInjected: b\r\n")) << text;
}

TEST(HttpServer, answers_pipelined_requests_in_order) {
    const Running running;
    RawClient client{running.port()};
    std::string requests;
    for (int i = 0; i < 50; ++i) {
        requests += get("/" + std::to_string(i));
    }
    ASSERT_TRUE(client.send(requests));
    const std::string text = client.receive("GET /49 ");
    std::size_t at = 0;
    for (int i = 0; i < 50; ++i) {
        at = text.find("GET /" + std::to_string(i) + " ", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
}

TEST(HttpServer, reads_a_request_that_comes_octet_by_octet) {
    const Running running;
    RawClient client{running.port()};
    for (const char c : std::string{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"}) {
        ASSERT_TRUE(client.send(std::string{c}));
    }
    EXPECT_EQ(status_of(client.receive("POST / ab")), 200);
}

TEST(HttpServer, reads_a_last_chunk_that_comes_octet_by_octet) {
    const Running running;
    RawClient client{running.port()};
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const char c : std::string{"0\r\n\r"}) {
        ASSERT_TRUE(client.send(std::string{c}));
        EXPECT_FALSE(client.readable(milliseconds{5}));
    }
    client.send("\n");
    EXPECT_EQ(status_of(client.receive("POST / ")), 200);
}

TEST(HttpServer, reads_a_chunked_body_and_ignores_its_trailer) {
    const Running running{{}, [](const Request& request, const Peer&) -> Response {
                              return {.status = find(request.headers, "authorization") ? 500 : 200,
                                      .headers = {},
                                      .body = request.body};
                          }};
    RawClient client{running.port()};
    client.send(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n"
        "0\r\nAuthorization: late\r\n\r\n");
    const std::string text = client.receive("abcde");
    EXPECT_EQ(status_of(text), 200) << text;
}

TEST(HttpServer, closes_after_http_1_0_unless_asked_to_keep) {
    const Running running;
    RawClient closing{running.port()};
    closing.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_EQ(status_of(closing.receive()), 200);
    EXPECT_TRUE(closing.closed());
    RawClient keeping{running.port()};
    for (int i = 0; i < 2; ++i) {
        keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_TRUE(keeping.receive("GET / ").contains("Connection: keep-alive"));
    }
}

TEST(HttpServer, closes_when_the_client_asks_for_it) {
    const Running running;
    RawClient client{running.port()};
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.receive().contains("Connection: close"));
    EXPECT_TRUE(client.closed());
}

TEST(HttpServer, answers_a_client_that_has_shut_down_sending) {
    const Running running;
    RawClient client{running.port()};
    client.send(get());
    client.shut_down_sending();
    EXPECT_EQ(status_of(client.receive()), 200);
}

TEST(HttpServer, sends_no_body_to_head) {
    const Running running;
    RawClient client{running.port()};
    client.send("HEAD /abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string text = client.receive();
    EXPECT_TRUE(text.contains("Content-Length: 10\r\n")) << text;
    EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(HttpServer, invites_a_body_that_waits_for_100_continue) {
    const Running running;
    RawClient client{running.port()};
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.receive("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    EXPECT_EQ(status_of(client.receive("POST / ab")), 200);
}

TEST(HttpServer, refuses_a_huge_body_without_reading_it_or_inviting_it) {
    const Running running{{.max_body = 100}};
    for (const auto* expect : {"", "Expect: 100-continue\r\n"}) {
        RawClient client{running.port()};
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n" + std::string{expect} +
                    "\r\n");
        EXPECT_EQ(status_of(client.receive()), 413);
        EXPECT_TRUE(client.closed());
    }
    RawClient fits{running.port()};
    fits.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b'));
    EXPECT_EQ(status_of(fits.receive(std::string(100, 'b'))), 200);
}

TEST(HttpServer, refuses_a_chunked_body_that_grows_too_large) {
    const Running running{{.max_body = 100}};
    RawClient client{running.port()};
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
        client.send("30\r\n" + std::string(48, 'c') + "\r\n");
    }
    EXPECT_EQ(status_of(client.receive()), 413);
}

TEST(HttpServer, refuses_a_huge_header) {
    const Running running{{.max_header = 1000}};
    RawClient client{running.port()};
    client.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2000, 'h') + "\r\n\r\n");
    EXPECT_EQ(status_of(client.receive()), 431);
    EXPECT_TRUE(client.closed());
    RawClient endless{running.port()};
    endless.send("GET /" + std::string(2000, 'u'));
    EXPECT_EQ(status_of(endless.receive()), 431);
}

TEST(HttpServer, refuses_a_chunk_header_without_end) {
    const Running running{{.max_header = 1000}};
    RawClient client{running.port()};
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                std::string(5000, 'e'));
    EXPECT_EQ(status_of(client.receive()), 400);
}

TEST(HttpServer, refuses_what_is_not_http) {
    const Running running;
    for (const auto* text : {
             "\x16\x03\x01\x02\r\n\r\n",
             "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
             "GET / HTTP/1.1\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
             "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
             "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
             "chunked\r\n\r\n0\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         }) {
        RawClient client{running.port()};
        client.send(text);
        EXPECT_EQ(status_of(client.receive()), 400) << text;
        EXPECT_TRUE(client.closed()) << text;
    }
}

TEST(HttpServer, takes_the_path_of_an_absolute_target) {
    const Running running;
    RawClient client{running.port()};
    client.send("GET http://example.com/p?q HTTP/1.1\r\nHost: example.com\r\n\r\n");
    EXPECT_EQ(status_of(client.receive("GET /p?q ")), 200);
}

TEST(HttpServer, gives_up_on_a_slow_header) {
    const Running running{{.header_timeout = milliseconds{100}}};
    RawClient client{running.port()};
    client.send("GET / HTTP/1.1\r\n");
    const auto begin = steady_clock::now();
    EXPECT_EQ(status_of(client.receive()), 408);
    EXPECT_TRUE(client.closed());
    EXPECT_GE(steady_clock::now() - begin, milliseconds{90});
    RawClient silent{running.port()};
    EXPECT_EQ(silent.receive(), "");
    EXPECT_TRUE(silent.closed());
}

TEST(HttpServer, does_not_extend_the_time_for_a_header_that_trickles) {
    const Running running{{.header_timeout = milliseconds{200}}};
    RawClient client{running.port()};
    const auto begin = steady_clock::now();
    client.send("GET / HTTP/1.1\r\n");
    while (steady_clock::now() - begin < seconds{5} && !client.readable(milliseconds{10})) {
        client.send("X: y\r\n");
    }
    EXPECT_EQ(status_of(client.receive("refused")), 408);
    EXPECT_LT(steady_clock::now() - begin, seconds{2});
}

TEST(HttpServer, gives_up_on_a_slow_body) {
    const Running running{{.body_timeout = milliseconds{100}}};
    RawClient client{running.port()};
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab");
    EXPECT_EQ(status_of(client.receive()), 408);
    EXPECT_TRUE(client.closed());
}

TEST(HttpServer, closes_an_idle_connection_and_times_the_next_header) {
    const Running running{{.header_timeout = milliseconds{200}, .idle_timeout = milliseconds{100}}};
    RawClient idle{running.port()};
    idle.send(get());
    idle.receive("GET / ");
    EXPECT_EQ(idle.receive(), "");
    EXPECT_TRUE(idle.closed());
    RawClient slow{running.port()};
    slow.send(get() + "GET ");
    EXPECT_TRUE(slow.receive().contains("408 Request Timeout"));
}

TEST(HttpServer, gives_up_on_a_client_that_does_not_read) {
    const Running running{{.write_timeout = milliseconds{200}}};
    RawClient client{running.port()};
    client.send(get("/big"));
    const auto begin = steady_clock::now();
    // Fills until the server has closed and the kernel says so.
    while (steady_clock::now() - begin < seconds{5} && client.send(std::string(1000, 'x')) &&
           !client.hung_up(milliseconds{5})) {
    }
    EXPECT_LT(steady_clock::now() - begin, seconds{5});
}

TEST(HttpServer, sends_a_large_answer_whole) {
    const Running running;
    RawClient client{running.port()};
    client.send("GET /big HTTP/1.0\r\n\r\n");
    EXPECT_GT(client.receive().size(), std::size_t{8} << 20U);
}

TEST(HttpServer, limits_connections_per_address) {
    const Running running{{.max_connections_per_address = 2}};
    RawClient first{running.port()};
    RawClient second{running.port()};
    first.send(get());
    first.receive("GET / ");
    second.send(get());
    second.receive("GET / ");
    RawClient third{running.port()};
    EXPECT_EQ(status_of(third.receive()), 503);
    EXPECT_TRUE(third.ended());
    RawClient other{running.port(), "127.0.0.2"};
    other.send(get());
    EXPECT_EQ(status_of(other.receive("GET / ")), 200);
}

TEST(HttpServer, lets_the_next_in_when_one_has_gone) {
    const Running running{{.max_connections = 1}};
    const auto deadline = steady_clock::now() + seconds{5};
    for (int served = 0; served < 3 && steady_clock::now() < deadline;) {
        RawClient client{running.port()};
        client.send(get());
        const int status = status_of(client.receive("GET / "));
        EXPECT_TRUE(status == 200 || status == 503 || status == 0);
        served += status == 200 ? 1 : 0;
    }
    EXPECT_LT(steady_clock::now(), deadline);
}

TEST(HttpServer, answers_500_when_the_handler_throws_and_goes_on) {
    const Running running;
    RawClient client{running.port()};
    client.send(get("/throw"));
    EXPECT_EQ(status_of(client.receive("refused")), 500);
    client.send(get("/after"));
    EXPECT_EQ(status_of(client.receive("GET /after ")), 200);
}

TEST(HttpServer, serves_others_while_a_handler_blocks) {
    std::promise<void> release;
    auto released = release.get_future().share();
    const Running running{{}, [released](const Request& request, const Peer&) -> Response {
                              if (request.target == "/block") {
                                  released.wait();
                              }
                              return {.status = 200, .headers = {}, .body = request.target};
                          }};
    RawClient blocked{running.port()};
    blocked.send(get("/block"));
    RawClient free{running.port()};
    free.send(get("/free"));
    EXPECT_EQ(status_of(free.receive("/free")), 200);
    release.set_value();
    EXPECT_EQ(status_of(blocked.receive("/block")), 200);
}

TEST(HttpServer, finishes_the_request_in_work_when_it_stops) {
    std::promise<void> entered;
    std::promise<void> release;
    auto released = release.get_future().share();
    Running running{{}, [&entered, released](const Request&, const Peer&) -> Response {
                        entered.set_value();
                        released.wait();
                        return {.status = 200, .headers = {}, .body = "done"};
                    }};
    RawClient client{running.port()};
    RawClient idle{running.port()};
    client.send(get());
    entered.get_future().wait();
    std::jthread stopper{[&running] { running.server().stop(); }};
    EXPECT_EQ(idle.receive(), "");
    EXPECT_TRUE(idle.closed());
    release.set_value();
    const std::string text = client.receive();
    EXPECT_TRUE(text.ends_with("done")) << text;
    EXPECT_TRUE(text.contains("Connection: close"));
    stopper.join();
    EXPECT_FALSE(RawClient{running.port()}.connected());
}

TEST(HttpServer, stops_within_its_bound_when_a_client_hangs) {
    Running running{{.stop_timeout = milliseconds{100}}};
    RawClient client{running.port()};
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na");
    const auto begin = steady_clock::now();
    running.server().stop();
    EXPECT_LT(steady_clock::now() - begin, seconds{3});
}

TEST(HttpServer, survives_clients_that_vanish) {
    const Running running;
    for (int i = 0; i < 12; ++i) {
        RawClient client{running.port()};
        client.send(i % 2 == 0 ? get("/big") : "GET / HT");
    }
    RawClient client{running.port()};
    client.send(get());
    EXPECT_EQ(status_of(client.receive("GET / ")), 200);
}

TEST(Listen, names_the_address_in_its_errors) {
    const Fd taken = listen_tcp("127.0.0.1:0").value();
    const std::string address = "127.0.0.1:" + std::to_string(local_port(taken));
    const auto again = listen_tcp(address);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::conflict);
    EXPECT_TRUE(again.error().message.contains(address)) << again.error().message;
    const auto elsewhere = listen_tcp("192.0.2.1:0");
    ASSERT_FALSE(elsewhere);
    EXPECT_EQ(elsewhere.error().kind, ErrorKind::config);
    for (const auto* bad : {"", "127.0.0.1", ":80", "localhost:80", "127.0.0.1:", "127.0.0.1:65536",
                            "::1:80", "[::1]", "[127.0.0.1]:80", "127.0.0.1:8x"}) {
        const auto result = listen_tcp(bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_EQ(result.error().kind, ErrorKind::config);
    }
}

TEST(Listen, takes_ipv6) {
    const auto socket = listen_tcp("[::1]:0");
    if (!socket) {
        GTEST_SKIP() << "no IPv6 here: " << socket.error().message;
    }
    EXPECT_NE(local_port(*socket), 0);
}

}  // namespace
}  // namespace rota::http
