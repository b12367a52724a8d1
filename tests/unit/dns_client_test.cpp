#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "rota/base/clock.h"
#include "rota/base/fd.h"
#include "rota/dns/client.h"
#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "support/dns_frames.h"

namespace rota::dns {
namespace {

using namespace std::chrono_literals;
using test::framed;
using Octets = std::vector<std::uint8_t>;

/// What a server says to the nth query: any number of datagrams, or octets on a TCP connection.
using Script = std::function<std::vector<Octets>(const Message& query, int nth, bool is_tcp)>;

/// A server on loopback, UDP and TCP on one port, in a thread of its own.
class ScriptedServer {
public:
    explicit ScriptedServer(Script script) : script_{std::move(script)} {
        do {
            udp_ = bound(SOCK_DGRAM, 0);
            tcp_ = bound(SOCK_STREAM, port());
        } while (!tcp_);
        listen(tcp_.get(), 4);
        thread_ = std::jthread{[this](const std::stop_token& stop) { serve(stop); }};
    }

    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ScriptedServer(ScriptedServer&&) = delete;
    ScriptedServer& operator=(ScriptedServer&&) = delete;

    ~ScriptedServer() {
        thread_.request_stop();
        eventfd_write(wake_.get(), 1);
    }

    std::string address() const { return fmt::format("127.0.0.1:{}", port()); }

    int queries() const { return queries_; }

private:
    static Fd bound(int type, std::uint16_t port) {
        Fd socket{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
            return Fd{};
        }
        return socket;
    }

    std::uint16_t port() const {
        sockaddr_in address{};
        socklen_t size = sizeof(address);
        getsockname(udp_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin_port);
    }

    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::array<pollfd, 3> entries{
                {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
            poll(entries.data(), entries.size(), -1);
            if ((entries[0].revents & POLLIN) != 0) {
                serve_datagram();
            }
            if ((entries[1].revents & POLLIN) != 0) {
                serve_connection();
            }
        }
    }

    void serve_datagram() {
        Octets buffer(65535);
        sockaddr_in peer{};
        socklen_t size = sizeof(peer);
        const ssize_t got = recvfrom(udp_.get(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&peer), &size);
        const auto query = parse_message(std::span{buffer}.first(static_cast<std::size_t>(got)));
        for (const auto& reply : script_(query.value(), ++queries_, false)) {
            sendto(udp_.get(), reply.data(), reply.size(), 0,
                   reinterpret_cast<const sockaddr*>(&peer), size);
        }
    }

    void serve_connection() {
        const Fd connection{accept(tcp_.get(), nullptr, nullptr)};
        Octets buffer(65535);
        const ssize_t got = recv(connection.get(), buffer.data(), buffer.size(), 0);
        const auto query =
            parse_message(std::span{buffer}.subspan(2, static_cast<std::size_t>(got) - 2));
        for (const auto& reply : script_(query.value(), ++queries_, true)) {
            send(connection.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
        }
    }

    Script script_;
    Fd udp_;
    Fd tcp_;
    Fd wake_{eventfd(0, EFD_CLOEXEC)};
    std::atomic<int> queries_ = 0;
    std::jthread thread_;  // last: joined before the rest goes
};

const Name kName = Name::parse("www.example.com").value();

Message answer_to(const Message& query) {
    Message answer = query;
    answer.is_response = true;
    answer.answers.push_back(
        {kName, Type::a, Class::in, 60, rdata_from_text(Type::a, "192.0.2.1").value()});
    return answer;
}

Result<Message> ask(const std::string& server, std::chrono::milliseconds patience = 10s,
                    std::chrono::milliseconds try_timeout = 5s) {
    return query(server, kName, Type::a, boot_now() + patience,
                 {.edns = Edns{}, .try_timeout = try_timeout});
}

TEST(Client, gives_the_answer_over_udp) {
    const ScriptedServer server{[](const Message& query, int, bool) -> std::vector<Octets> {
        return {encode_message(answer_to(query))};
    }};
    const auto answer = ask(server.address());
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->answers.size(), 1U);
    EXPECT_EQ(to_text(answer->answers[0]), "www.example.com. 60 IN A 192.0.2.1");
    EXPECT_EQ(server.queries(), 1);
}

TEST(Client, asks_again_when_a_datagram_is_lost) {
    const ScriptedServer server{[](const Message& query, int nth, bool) -> std::vector<Octets> {
        return nth < 3 ? std::vector<Octets>{}
                       : std::vector<Octets>{encode_message(answer_to(query))};
    }};
    EXPECT_TRUE(ask(server.address(), 10s, 20ms));
    EXPECT_GE(server.queries(), 3);
}

TEST(Client, passes_over_what_is_no_answer_to_its_question) {
    const ScriptedServer server{[](const Message& query, int, bool) -> std::vector<Octets> {
        auto other_id = answer_to(query);
        other_id.id = static_cast<std::uint16_t>(query.id + 1);
        auto other_question = answer_to(query);
        other_question.questions[0].type = Type::aaaa;
        auto cut = encode_message(answer_to(query));
        cut.pop_back();
        auto right = answer_to(query);
        right.answers[0].ttl = 7;
        return {{},
                {1, 2, 3},
                cut,
                encode_message(query),
                encode_message(other_id),
                encode_message(other_question),
                encode_message(right)};
    }};
    const auto answer = ask(server.address());
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->answers[0].ttl, 7U);
}

TEST(Client, turns_to_tcp_when_the_answer_is_truncated) {
    const ScriptedServer server{[](const Message& query, int, bool is_tcp) -> std::vector<Octets> {
        auto answer = answer_to(query);
        if (!is_tcp) {
            answer.answers.clear();
            answer.truncated = true;
            return {encode_message(answer)};
        }
        const auto octets = framed(encode_message(answer));
        return {{octets.begin(), octets.begin() + 1}, {octets.begin() + 1, octets.end()}};
    }};
    const auto answer = ask(server.address());
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_FALSE(answer->truncated);
    EXPECT_EQ(answer->answers.size(), 1U);
    EXPECT_EQ(server.queries(), 2);
}

TEST(Client, a_server_that_hangs_up_or_lies_over_tcp_is_an_error) {
    for (const bool hangs_up : {true, false}) {
        const ScriptedServer server{
            [hangs_up](const Message& query, int, bool is_tcp) -> std::vector<Octets> {
                auto answer = answer_to(query);
                answer.truncated = true;
                if (!is_tcp) {
                    return {encode_message(answer)};
                }
                return hangs_up ? std::vector<Octets>{{0}} : std::vector<Octets>{{0, 3, 1, 2, 3}};
            }};
        EXPECT_EQ(ask(server.address()).error().kind,
                  hangs_up ? ErrorKind::unavailable : ErrorKind::bad_input);
    }
}

TEST(Client, gives_refusals_as_answers) {
    const ScriptedServer server{[](const Message& query, int, bool) -> std::vector<Octets> {
        Message refusal;
        refusal.id = query.id;
        refusal.is_response = true;
        refusal.rcode = Rcode::refused;
        return {encode_message(refusal)};
    }};
    EXPECT_EQ(ask(server.address()).value().rcode, Rcode::refused);
}

TEST(Client, gives_up_at_the_deadline) {
    const ScriptedServer server{[](const Message&, int, bool) { return std::vector<Octets>{}; }};
    const BootTime start = boot_now();
    const auto answer = ask(server.address(), 100ms, 30ms);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
    EXPECT_TRUE(answer.error().retryable);
    EXPECT_TRUE(answer.error().message.contains("did not answer www.example.com. A"))
        << answer.error().message;
    EXPECT_GE(boot_now() - start, 100ms);
    EXPECT_LT(boot_now() - start, 5s);
}

TEST(Client, says_at_once_that_nobody_listens) {
    std::string address;
    {
        const ScriptedServer gone{[](const Message&, int, bool) { return std::vector<Octets>{}; }};
        address = gone.address();
    }
    const auto answer = ask(address);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
}

TEST(Client, refuses_what_is_no_server_address) {
    for (const char* server : {"", "example.com:53", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:",
                               "[::1", "[::1]53", "127.0.0.1:53:53", ":53", "[]:53"}) {
        EXPECT_EQ(ask(server).error().kind, ErrorKind::bad_input) << server;
    }
}

}  // namespace
}  // namespace rota::dns
