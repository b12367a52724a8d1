#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/base/fd.h"
#include "rota/server/dns_server.h"
#include "rota/server/endpoint.h"
#include "rota/server/port_holder.h"
#include "rota/zone/snapshot.h"
#include "support/child.h"
#include "support/dns_frames.h"
#include "support/dns_messages.h"
#include "support/eventually.h"

namespace rota::server {
namespace {

using std::chrono::milliseconds;
using test::eventually;
using test::framed;
using test::Octets;
using testing::HasSubstr;

constexpr milliseconds kPatience{5000};

zone::SnapshotPtr zone_with(std::string_view address) {
    std::string big;
    for (int i = 0; i < 200; ++i) {
        big += "big.example.com. 60 TXT \"" + std::string(200, 'x') + std::to_string(i) + "\"\n";
    }
    return test::snapshot("example.com", "example.com. 60 SOA ns. host. 1 1 1 1 60\n" + big +
                                             "www.example.com. 60 A " + std::string{address});
}

/// A client's socket, connected unless `connect` is false; waits at most kPatience for anything.
class Client {
public:
    Client(const std::string& address, int type, bool connect = true)
        : server_{Endpoint::parse(address).value()},
          fd_{::socket(server_.family(), type | SOCK_CLOEXEC, 0)} {
        const timeval patience{kPatience.count() / 1000, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        is_connected_ = connect && ::connect(fd_.get(), server_.get(), server_.size()) == 0;
    }

    [[nodiscard]] bool is_connected() const { return is_connected_; }

    [[nodiscard]] int fd() const { return fd_.get(); }

    void send(const Octets& octets) const {
        ASSERT_EQ(::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(octets.size()));
    }

    /// One datagram, or what a stream has now; empty at its end and on a timeout.
    [[nodiscard]] Octets receive(std::size_t most = 65536) const {
        Octets octets(most);
        const ssize_t got = ::recv(fd_.get(), octets.data(), octets.size(), 0);
        octets.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return octets;
    }

    [[nodiscard]] Octets receive_exactly(std::size_t size) const {
        Octets octets(size);
        const ssize_t got = ::recv(fd_.get(), octets.data(), size, MSG_WAITALL);
        octets.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return octets;
    }

    /// One message over TCP; empty when there is none.
    [[nodiscard]] Octets receive_message() const {
        const Octets length = receive_exactly(2);
        return length.size() == 2 ? receive_exactly(length[0] * 256U + length[1]) : Octets{};
    }

private:
    Endpoint server_;
    Fd fd_;
    bool is_connected_ = false;
};

struct Served {
    explicit Served(DnsServerOptions options = {}) {
        if (options.addresses.empty()) {
            options.addresses = {"127.0.0.1:0"};
        }
        server = DnsServer::bind(std::move(options)).value();
        server->on_acknowledged([this](std::uint64_t generation) { acknowledged = generation; });
        EXPECT_TRUE(server->start(zone_with("192.0.2.1")));
        address = server->addresses().front();
    }

    std::atomic<std::uint64_t> acknowledged{0};
    std::unique_ptr<DnsServer> server;
    std::string address;
};

constexpr auto kWww = "NOERROR qr aa\nanswer www.example.com. 60 A 192.0.2.1\n";

TEST(DnsServer, tells_the_receive_buffer_that_it_got) {
    constexpr std::size_t kSmall = std::size_t{64} << 10U;
    constexpr std::size_t kHuge = std::size_t{512} << 20U;
    const auto small =
        DnsServer::bind({.addresses = {"127.0.0.1:0"}, .receive_buffer = kSmall}).value();
    EXPECT_EQ(small->receive_buffer(), kSmall);
    // Without rights no more than net.core.rmem_max.
    const int status = test::in_child([] {
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) {
            return test::kCannot;
        }
        const auto huge = DnsServer::bind({.addresses = {"127.0.0.1:0"}, .receive_buffer = kHuge});
        return huge && (*huge)->receive_buffer() > 0 && (*huge)->receive_buffer() < kHuge ? 0 : 1;
    });
    EXPECT_THAT(status, testing::AnyOf(0, test::kCannot));
}

TEST(DnsServer, answers_over_udp_and_tcp_on_one_port_and_both_families) {
    const Served served{{.addresses = {"127.0.0.1:0", "[::1]:0"}, .workers = 2}};
    ASSERT_EQ(served.server->addresses().size(), 2U);
    for (const auto& address : served.server->addresses()) {
        const Client udp{address, SOCK_DGRAM};
        udp.send(test::query("www.example.com", "A"));
        EXPECT_EQ(test::to_text(udp.receive()), kWww);
        const Client tcp{address, SOCK_STREAM};
        tcp.send(framed(test::query("www.example.com", "A")));
        EXPECT_EQ(test::to_text(tcp.receive_message()), kWww);
    }
    const DnsStats stats = served.server->stats();
    EXPECT_EQ(stats.udp_queries, 2U);
    EXPECT_EQ(stats.tcp_queries, 2U);
    EXPECT_EQ(stats.responses_by_rcode[0], 4U);
    EXPECT_EQ(stats.tcp_connections, 2U);
}

TEST(DnsServer, truncates_over_udp_and_gives_all_over_tcp) {
    const Served served;
    const Client udp{served.address, SOCK_DGRAM};
    udp.send(test::query("big.example.com", "TXT"));
    EXPECT_EQ(test::to_text(udp.receive()), "NOERROR qr aa tc\n");
    const Client tcp{served.address, SOCK_STREAM};
    tcp.send(framed(test::query("big.example.com", "TXT")));
    EXPECT_GT(tcp.receive_message().size(), 40000U);
    EXPECT_EQ(served.server->stats().truncated, 1U);
}

TEST(DnsServer, replies_from_the_address_that_was_asked_when_bound_to_all) {
    for (const std::string wildcard : {"0.0.0.0:0", "[::]:0"}) {
        const Served served{{.addresses = {wildcard}}};
        const bool is_v4 = wildcard.starts_with('0');
        const auto port = std::to_string(Endpoint::parse(served.address)->port());
        // A connected socket takes replies from the asked address only; 127.0.0.7 is not the one
        // that the kernel would choose by itself.
        const Client udp{(is_v4 ? "127.0.0.7:" : "[::1]:") + port, SOCK_DGRAM};
        udp.send(test::query("www.example.com", "A"));
        EXPECT_EQ(test::to_text(udp.receive()), kWww);
    }
}

TEST(DnsServer, drops_what_is_no_query_and_survives_junk) {
    const Served served;
    const Client udp{served.address, SOCK_DGRAM};
    auto response = test::query("www.example.com", "A");
    response[2] = 0x80;
    udp.send(response);
    udp.send({});
    udp.send({1, 2, 3});
    udp.send(Octets(5000, 0x41));
    udp.send(test::query("www.example.com", "A"));
    EXPECT_EQ(test::to_text(udp.receive()).substr(0, 6), "NOTIMP");
    EXPECT_EQ(test::to_text(udp.receive()), kWww);
    EXPECT_TRUE(eventually([&] { return served.server->stats().dropped == 3; }));
}

TEST(DnsServer, answers_pipelined_queries_in_order_however_they_are_cut) {
    const Served served;
    const Client tcp{served.address, SOCK_STREAM};
    Octets stream;
    constexpr int kQueries = 300;
    for (int i = 0; i < kQueries; ++i) {
        const auto one =
            framed(test::query("www.example.com", "A", {.id = static_cast<std::uint16_t>(i)}));
        stream.insert(stream.end(), one.begin(), one.end());
    }
    for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min(stream.size() - at, 1 + (at * 7 % 1500));
        tcp.send(Octets(stream.begin() + static_cast<std::ptrdiff_t>(at),
                        stream.begin() + static_cast<std::ptrdiff_t>(at + size)));
        at += size;
    }
    for (int i = 0; i < kQueries; ++i) {
        const Octets reply = tcp.receive_message();
        ASSERT_GE(reply.size(), 12U);
        EXPECT_EQ(reply[0] * 256 + reply[1], i);
    }
}

TEST(DnsServer, waits_for_a_client_that_does_not_read_and_finishes_after_its_end) {
    const Served served;
    const Client tcp{served.address, SOCK_STREAM};
    const auto one = framed(test::query("big.example.com", "TXT"));
    constexpr int kQueries = 400;  // 17 MB of answers: more than the socket buffers take
    std::jthread sender{[&] {
        for (int i = 0; i < kQueries; ++i) {
            tcp.send(one);
        }
        ::shutdown(tcp.fd(), SHUT_WR);
    }};
    for (int i = 0; i < kQueries; ++i) {
        ASSERT_GT(tcp.receive_message().size(), 40000U) << i;
    }
    EXPECT_TRUE(tcp.receive().empty());
}

TEST(DnsServer, ends_tcp_connections_that_send_nonsense_lengths) {
    const Served served;
    for (const Octets& start : {Octets{0, 0}, Octets{0, 5, 1}, Octets{0xff, 0xff, 1, 2, 3}}) {
        const Client tcp{served.address, SOCK_STREAM};
        tcp.send(start);
        EXPECT_TRUE(tcp.receive().empty());
    }
}

TEST(DnsServer, ends_idle_and_trickling_tcp_connections) {
    const Served served{{.tcp_idle = milliseconds{200}}};
    const Client idle{served.address, SOCK_STREAM};
    const Client trickling{served.address, SOCK_STREAM};
    const auto start = std::chrono::steady_clock::now();
    std::jthread sender{[&](const std::stop_token& stop) {
        const auto one = framed(test::query("www.example.com", "A"));
        for (std::size_t i = 0; !stop.stop_requested() && i + 1 < one.size(); ++i) {
            ::send(trickling.fd(), &one[i], 1, MSG_NOSIGNAL);
            std::this_thread::sleep_for(milliseconds{50});
        }
    }};
    EXPECT_TRUE(idle.receive().empty());
    EXPECT_TRUE(trickling.receive().empty());
    EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience);
    EXPECT_TRUE(eventually([&] { return served.server->stats().tcp_timed_out == 2; }));
}

TEST(DnsServer, limits_tcp_connections_of_one_address_and_evicts_the_longest_idle_of_all) {
    const Served served{{.max_tcp_connections = 3, .max_tcp_per_address = 2}};
    const auto ask = [](const Client& client) {
        ::send(client.fd(), framed(test::query("www.example.com", "A")).data(), 35, MSG_NOSIGNAL);
        return client.receive_message().size();
    };
    const auto from = [&](const std::string& local) {
        auto client = std::make_unique<Client>(served.address, SOCK_STREAM, false);
        const Endpoint own = Endpoint::parse(local + ":0").value();
        const Endpoint server = Endpoint::parse(served.address).value();
        EXPECT_EQ(::bind(client->fd(), own.get(), own.size()), 0);
        EXPECT_EQ(::connect(client->fd(), server.get(), server.size()), 0);
        return client;
    };
    const auto a1 = from("127.0.0.1");
    const auto a2 = from("127.0.0.1");
    EXPECT_GT(ask(*a1), 0U);
    EXPECT_GT(ask(*a2), 0U);
    const auto a3 = from("127.0.0.1");
    EXPECT_EQ(ask(*a3), 0U);
    EXPECT_GT(ask(*a1), 0U);  // now a2 is the longest idle
    const auto b1 = from("127.0.0.2");
    EXPECT_GT(ask(*b1), 0U);
    const auto c1 = from("127.0.0.3");
    EXPECT_GT(ask(*c1), 0U);
    EXPECT_TRUE(a2->receive().empty());
    EXPECT_GT(ask(*a1), 0U);
    EXPECT_TRUE(eventually([&] {
        const DnsStats stats = served.server->stats();
        return stats.tcp_rejected == 1 && stats.tcp_evicted == 1 && stats.tcp_open == 3;
    }));
}

TEST(DnsServer, acknowledges_a_generation_when_idle_workers_cannot_answer_from_an_older_one) {
    Served served{{.workers = 2}};
    EXPECT_TRUE(eventually([&] { return served.acknowledged == 1; }));
    const Client udp{served.address, SOCK_DGRAM};
    const Client tcp{served.address, SOCK_STREAM};
    for (int i = 2; i < 200; ++i) {
        const std::string value = "192.0.2." + std::to_string(i);
        const std::uint64_t generation = served.server->publish(zone_with(value));
        EXPECT_EQ(generation, static_cast<std::uint64_t>(i));
        ASSERT_TRUE(eventually([&] { return served.acknowledged >= generation; }));
        udp.send(test::query("www.example.com", "A"));
        EXPECT_THAT(test::to_text(udp.receive()), HasSubstr(value + "\n"));
        tcp.send(framed(test::query("www.example.com", "A")));
        EXPECT_THAT(test::to_text(tcp.receive_message()), HasSubstr(value + "\n"));
    }
}

TEST(DnsServer, never_answers_from_an_older_snapshot_after_the_acknowledgement_under_load) {
    Served served{{.workers = 2}};
    std::atomic<bool> goes_on{true};
    std::atomic<int> wrong{0};
    std::atomic<int> asked{0};
    const auto load = [&] {
        while (goes_on) {
            const Client udp{served.address, SOCK_DGRAM};
            for (int i = 0; i < 20; ++i) {
                const std::uint64_t least = served.acknowledged;
                udp.send(test::query("www.example.com", "A"));
                const Octets reply = udp.receive();
                // The last octet of the address is the generation.
                wrong += reply.empty() || reply.back() < least ? 1 : 0;
                ++asked;
            }
        }
    };
    {
        const std::jthread first{load};
        const std::jthread second{load};
        for (int i = 2; i < 250; ++i) {
            const auto generation =
                served.server->publish(zone_with("192.0.2." + std::to_string(i)));
            EXPECT_TRUE(eventually([&] { return served.acknowledged >= generation; }));
        }
        EXPECT_TRUE(eventually([&] { return asked > 1000; }));
        goes_on = false;
    }
    EXPECT_EQ(wrong, 0);
}

TEST(DnsServer, frees_a_retired_snapshot_once_nobody_answers_from_it) {
    const Served served;
    auto next = zone_with("192.0.2.9");
    const std::weak_ptr<const zone::Snapshot> watched = next;
    served.server->publish(std::move(next));
    const Client udp{served.address, SOCK_DGRAM};
    const Client tcp{served.address, SOCK_STREAM};
    const auto ask = [&] {
        udp.send(test::query("www.example.com", "A"));
        tcp.send(framed(test::query("www.example.com", "A")));
        EXPECT_FALSE(udp.receive().empty());
        EXPECT_FALSE(tcp.receive_message().empty());
    };
    ask();
    EXPECT_FALSE(watched.expired());
    served.server->publish(zone_with("192.0.2.10"));
    ask();
    EXPECT_TRUE(eventually([&] { return watched.expired(); }));
}

TEST(DnsServer, says_who_has_the_port) {
    const Served served;
    for (const bool same : {true, false}) {
        const auto text = "127.0.0.1:" + std::to_string(Endpoint::parse(served.address)->port());
        const auto second = DnsServer::bind({.addresses = {same ? served.address : text}});
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().kind, ErrorKind::conflict);
        EXPECT_THAT(second.error().message, HasSubstr("TCP " + served.address + " is in use"));
        EXPECT_THAT(second.error().message,
                    HasSubstr("by process " + std::to_string(::getpid()) + " (unit_server)"));
    }
}

/// What bind() says of a UDP port that is taken. A neighbour may hold the TCP port of the same
/// number, or take it at any moment, which is then what bind() sees first: the next port.
std::string complaint_of_a_taken_udp_port(Endpoint& taken) {
    constexpr int kTries = 50;
    const auto any = Endpoint::parse("127.0.0.1:0").value();
    std::string complaint;
    for (int i = 0; i < kTries; ++i) {
        const auto other = bind_socket(Socket::udp, any, Sharing::shared).value();
        taken = Endpoint::of_socket(other.get()).value();
        const auto server = DnsServer::bind({.addresses = {taken.to_text()}});
        complaint = server ? "bound" : server.error().message;
        if (!complaint.contains("TCP " + taken.to_text())) {
            break;
        }
    }
    return complaint;
}

TEST(DnsServer, sees_a_udp_port_that_others_share) {
    Endpoint taken = Endpoint::parse("127.0.0.1:0").value();
    const std::string complaint = complaint_of_a_taken_udp_port(taken);
    EXPECT_THAT(complaint, HasSubstr("UDP " + taken.to_text() + " is in use by"));
}

TEST(PortHolder, is_whoever_has_the_same_address_or_all_of_them) {
    const std::string me = "process " + std::to_string(::getpid()) + " (unit_server)";
    const auto at = [](const std::string& address, std::uint16_t port) {
        return Endpoint::parse(address + ":0").value().with_port(port);
    };
    const auto one = bind_socket(Socket::udp, at("127.0.0.1", 0), Sharing::alone).value();
    const std::uint16_t port = Endpoint::of_socket(one.get()).value().port();
    EXPECT_EQ(holder_of(Socket::udp, at("127.0.0.1", port)), me);
    EXPECT_EQ(holder_of(Socket::udp, at("0.0.0.0", port)), me);
    EXPECT_NE(holder_of(Socket::udp, at("127.9.9.9", port)), me);
    EXPECT_NE(holder_of(Socket::udp, at("[::]", port)), me);

    const auto all = bind_socket(Socket::tcp, at("0.0.0.0", 0), Sharing::alone).value();
    const std::uint16_t their_port = Endpoint::of_socket(all.get()).value().port();
    EXPECT_EQ(holder_of(Socket::tcp, at("127.9.9.9", their_port)), me);
    EXPECT_NE(holder_of(Socket::tcp, at("[::1]", their_port)), me);

    const auto six = bind_socket(Socket::tcp, at("[::1]", 0), Sharing::alone);
    if (six) {
        const std::uint16_t sixth = Endpoint::of_socket(six->get()).value().port();
        EXPECT_EQ(holder_of(Socket::tcp, at("[::1]", sixth)), me);
        EXPECT_NE(holder_of(Socket::tcp, at("[::2]", sixth)), me);
        EXPECT_NE(holder_of(Socket::tcp, at("127.0.0.1", sixth)), me);
    }
}

TEST(DnsServer, says_what_is_wrong_with_an_address) {
    const auto message = [](const std::string& address) {
        const auto server = DnsServer::bind({.addresses = {address}});
        return server ? std::string{"bound"} : server.error().message;
    };
    EXPECT_THAT(message("127.0.0.1"), HasSubstr("the port is missing"));
    EXPECT_THAT(message("127.0.0.1:"), HasSubstr("the port is missing"));
    EXPECT_THAT(message("::1:53"), HasSubstr("needs brackets"));
    EXPECT_THAT(message("[::1:53"), HasSubstr("']:' is missing"));
    EXPECT_THAT(message("localhost:53"), HasSubstr("'localhost' is no IPv4 address, and names are "
                                                   "not looked up; write 192.0.2.1:53"));
    EXPECT_THAT(message("[localhost]:53"), HasSubstr("'localhost' is no IPv6 address"));
    for (const char* port : {"65536", "99999", "4294967296", "-1", "+53", "53x", "domain"}) {
        EXPECT_THAT(message(std::string{"127.0.0.1:"} + port),
                    HasSubstr("the port is not a number"));
    }
    EXPECT_THAT(message("192.0.2.1:0"), HasSubstr("this machine has no such address now"));
    EXPECT_FALSE(DnsServer::bind({}));
}

TEST(DnsServer, stops_at_once_and_twice_and_unstarted) {
    const auto unstarted = DnsServer::bind({.addresses = {"127.0.0.1:0"}}).value();
    unstarted->stop();
    const Served served{{.workers = 2}};
    const Client tcp{served.address, SOCK_STREAM};
    tcp.send(framed(test::query("www.example.com", "A")));
    EXPECT_FALSE(tcp.receive_message().empty());
    served.server->stop();
    served.server->stop();
    EXPECT_TRUE(tcp.receive().empty());
}

}  // namespace
}  // namespace rota::server
