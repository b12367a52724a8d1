#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/base/fd.h"
#include "rota/instance/connections.h"
#include "support/eventually.h"

namespace rota::instance {
namespace {

std::uint16_t port_of(const Fd& socket) {
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin6_port);
}

/// Listens on every address of both families, on a port of the kernel's.
Fd listen_dual_stack() {
    Fd socket{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    constexpr int kOff = 0;
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &kOff, sizeof kOff);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.get(), 64), 0);
    return socket;
}

/// A connection from 127.0.0.`last` to the port.
Fd connect_from(std::uint32_t last, std::uint16_t port) {
    Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7F000000U + last);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
    sockaddr_in to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return socket;
}

TEST(CountConnections, counts_the_established_ones_of_a_port_by_peer) {
    const Fd listener = listen_dual_stack();
    const std::array ports{port_of(listener)};
    ASSERT_TRUE(count_connections(ports));
    EXPECT_EQ(count_connections(ports)->total, 0);
    std::vector<Fd> clients;
    clients.push_back(connect_from(2, ports[0]));
    clients.push_back(connect_from(3, ports[0]));
    clients.push_back(connect_from(3, ports[0]));
    const Connections expected{
        .total = 3, .peers = {{"127.0.0.3", 2}, {"127.0.0.2", 1}}, .distinct_peers = 2};
    EXPECT_EQ(count_connections(ports).value(), expected);
    EXPECT_EQ(count_connections_in_proc(ports).value(), expected) << "the two ways agree";
    const Fd other = listen_dual_stack();
    EXPECT_EQ(count_connections(std::array{port_of(other)})->total, 0);
    EXPECT_EQ(count_connections(std::array{port_of(other), ports[0]})->total, 3);
}

TEST(ConnectionWatch, tells_what_moves_between_two_counts) {
    const Fd listener = listen_dual_stack();
    const std::array ports{port_of(listener)};
    const Fd client = connect_from(2, ports[0]);
    const Fd served{::accept(listener.get(), nullptr, nullptr)};
    ConnectionWatch watch;
    EXPECT_EQ(watch.count(ports)->moved, std::nullopt) << "there is nothing to compare with";
    EXPECT_EQ(watch.count(ports)->moved, 0);
    std::uint64_t moved = 0;
    const auto moves = [&](std::uint64_t octets) {
        moved += watch.count(ports).value().moved.value();
        return moved >= octets;
    };
    const std::string octets(1000, 'x');
    EXPECT_EQ(::send(client.get(), octets.data(), octets.size(), 0), 1000);
    EXPECT_TRUE(test::eventually([&] { return moves(1000); })) << moved << " octets received";
    const Fd later = connect_from(3, ports[0]);
    EXPECT_EQ(::send(served.get(), octets.data(), octets.size(), 0), 1000);
    EXPECT_EQ(::send(later.get(), octets.data(), octets.size(), 0), 1000);
    EXPECT_TRUE(test::eventually([&] { return moves(3000); })) << moved << " octets in all";
    EXPECT_LE(moved, 3002) << "an opening that is acknowledged counts as one";
}

TEST(CountConnections, names_the_busiest_peers_alone) {
    const Fd listener = listen_dual_stack();
    std::vector<Fd> clients;
    for (std::uint32_t i = 1; i <= 30; ++i) {
        clients.push_back(connect_from(i, port_of(listener)));
    }
    const auto counted = count_connections(std::array{port_of(listener)}).value();
    EXPECT_EQ(counted.total, 30);
    EXPECT_EQ(counted.distinct_peers, 30);
    EXPECT_EQ(counted.peers.size(), kMostPeers);
}

TEST(CountConnections, refuses_no_port_port_0_and_too_many) {
    EXPECT_EQ(count_connections({}).error().kind, ErrorKind::config);
    EXPECT_EQ(count_connections(std::array<std::uint16_t, 1>{0}).error().kind, ErrorKind::config);
    EXPECT_EQ(count_connections(std::vector<std::uint16_t>(kMostPorts + 1, 80)).error().kind,
              ErrorKind::config);
}

TEST(CountConnections, without_proc_says_so) {
    const auto counted = count_connections_in_proc(std::array<std::uint16_t, 1>{80}, "/no/such");
    ASSERT_FALSE(counted);
    EXPECT_EQ(counted.error().message, "/no/such/net/tcp cannot be read");
}

TEST(ProcConnection, is_read_in_both_families) {
    const auto four = parse_proc_connection(
        "   2: 0100007F:1F90 0200000A:C001 01 00000000:00000000 00:00000000 00000000     0  0 1");
    ASSERT_TRUE(four);
    EXPECT_EQ(four->local_port, 8080);
    EXPECT_EQ(four->peer, "10.0.0.2");
    const auto mapped = parse_proc_connection(
        "   0: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200000A:D431 01 0:0");
    ASSERT_TRUE(mapped);
    EXPECT_EQ(mapped->local_port, 80);
    EXPECT_EQ(mapped->peer, "10.0.0.2");
    const auto six = parse_proc_connection(
        "   0: 00000000000000000000000001000000:0050 B80D0120000000000000000001000000:D431 01 0:0");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->peer, "2001:db8::1");
}

TEST(ProcConnection, of_another_state_or_form_is_none) {
    for (const char* line : {
             "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
             "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000",  // LISTEN
             "   0: 0100007F:1F90 0200000A:C001 06 00000000:00000000",  // TIME-WAIT
             "   0: 0100007F 0200000A:C001 01",
             "   0: 0100007F:12345 0200000A:C001 01",
             "   0: 0100007F:1F90 0200000:C001 01",
             "   0: 0100007F:1F90 0200000G:C001 01",
             "",
         }) {
        EXPECT_FALSE(parse_proc_connection(line)) << line;
    }
}

}  // namespace
}  // namespace rota::instance
