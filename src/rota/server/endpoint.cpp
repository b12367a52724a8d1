#include "rota/server/endpoint.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/text.h"
#include "rota/server/port_holder.h"

namespace rota::server {

namespace {

Status set_option(int fd, int level, int name, int value, std::string_view what) {
    if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) {
        return fail_errno(fmt::format("cannot set {}", what), errno);
    }
    return {};
}

std::string_view to_string(Socket kind) {
    return kind == Socket::udp ? "UDP" : "TCP";
}

std::unexpected<Error> cannot_bind(Socket kind, const Endpoint& endpoint, int number) {
    const std::string what = fmt::format("{} {}", to_string(kind), endpoint.to_text());
    switch (number) {
        case EADDRINUSE: {
            const std::string holder = holder_of(kind, endpoint);
            return fail(ErrorKind::conflict,
                        fmt::format("{} is in use{}; stop that server or choose another address or "
                                    "port",
                                    what, holder.empty() ? "" : " by " + holder));
        }
        case EACCES:
            return fail(ErrorKind::permission,
                        fmt::format("{} needs root or CAP_NET_BIND_SERVICE (systemd: "
                                    "AmbientCapabilities=CAP_NET_BIND_SERVICE), or a port from "
                                    "net.ipv4.ip_unprivileged_port_start on, usually 1024",
                                    what));
        case EADDRNOTAVAIL:
            return fail(ErrorKind::unavailable,
                        fmt::format("{} cannot be bound: this machine has no such address now; see "
                                    "`ip address`, or start after network-online.target",
                                    what),
                        true);
        default:
            return fail_errno(fmt::format("cannot bind {}", what), number);
    }
}

Status set_before_bind(int fd, Socket kind, const Endpoint& endpoint, Sharing sharing) {
    if (endpoint.family() == AF_INET6) {
        // "[::]" and "0.0.0.0" are two sockets, so that both can be given.
        ROTA_CHECK(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"));
    }
    if (kind == Socket::tcp) {
        ROTA_CHECK(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
    }
    if (sharing == Sharing::shared) {
        ROTA_CHECK(set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"));
    }
    return {};
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    const bool is_bracketed = text.starts_with('[');
    const auto refuse = [&](std::string_view why) {
        return fail(ErrorKind::usage,
                    fmt::format("'{}' is no address and port: {}; write 192.0.2.1:53 or "
                                "[2001:db8::1]:53",
                                text, why));
    };
    if (colon == std::string_view::npos || colon + 1 == text.size()) {
        return refuse("the port is missing");
    }
    std::string_view host = text.substr(0, colon);
    if (is_bracketed) {
        if (!host.ends_with(']')) {
            return refuse("']:' is missing");
        }
        host = host.substr(1, host.size() - 2);
    } else if (host.contains(':')) {
        return refuse("an IPv6 address needs brackets");
    }
    const std::string_view digits = text.substr(colon + 1);
    const auto port = parse_number<std::uint16_t>(digits);
    if (!port) {
        return refuse("the port is not a number from 0 (any free one) to 65535");
    }
    addrinfo hints{};
    hints.ai_family = is_bracketed ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    if (::getaddrinfo(std::string{host}.c_str(), nullptr, &hints, &found) != 0) {
        return refuse(fmt::format("'{}' is no {} address, and names are not looked up", host,
                                  is_bracketed ? "IPv6" : "IPv4"));
    }
    Endpoint endpoint;
    std::memcpy(&endpoint.address_, found->ai_addr, found->ai_addrlen);
    endpoint.size_ = found->ai_addrlen;
    ::freeaddrinfo(found);
    return endpoint.with_port(*port);
}

Result<Endpoint> Endpoint::of_socket(int fd) {
    Endpoint endpoint;
    endpoint.size_ = sizeof(endpoint.address_);
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&endpoint.address_), &endpoint.size_) != 0) {
        return fail_errno("cannot read a socket's address", errno);
    }
    return endpoint;
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& address, socklen_t size) noexcept {
    Endpoint endpoint;
    endpoint.address_ = address;
    endpoint.size_ = size;
    return endpoint;
}

std::string Endpoint::to_text() const {
    std::array<char, NI_MAXHOST> host{};
    if (::getnameinfo(get(), size_, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
        return "?";
    }
    return family() == AF_INET6 ? fmt::format("[{}]:{}", host.data(), port())
                                : fmt::format("{}:{}", host.data(), port());
}

std::uint16_t Endpoint::port() const noexcept {
    // sin_port and sin6_port are at the same place.
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address_)->sin_port);
}

Endpoint Endpoint::with_port(std::uint16_t port) const noexcept {
    Endpoint other = *this;
    reinterpret_cast<sockaddr_in*>(&other.address_)->sin_port = htons(port);
    return other;
}

bool Endpoint::is_wildcard() const noexcept {
    if (family() == AF_INET) {
        return reinterpret_cast<const sockaddr_in*>(&address_)->sin_addr.s_addr == INADDR_ANY;
    }
    const auto& address = reinterpret_cast<const sockaddr_in6*>(&address_)->sin6_addr;
    return IN6_IS_ADDR_UNSPECIFIED(&address);
}

Result<Fd> bind_socket(Socket kind, const Endpoint& endpoint, Sharing sharing) {
    const int type = (kind == Socket::udp ? SOCK_DGRAM : SOCK_STREAM | SOCK_NONBLOCK);
    Fd fd{::socket(endpoint.family(), type | SOCK_CLOEXEC, 0)};
    if (!fd) {
        return fail_errno(
            fmt::format("cannot make a {} socket for {}", to_string(kind), endpoint.to_text()),
            errno);
    }
    ROTA_CHECK(set_before_bind(fd.get(), kind, endpoint, sharing));
    if (::bind(fd.get(), endpoint.get(), endpoint.size()) != 0) {
        return cannot_bind(kind, endpoint, errno);
    }
    constexpr int kBacklog = 1024;
    if (kind == Socket::tcp && ::listen(fd.get(), kBacklog) != 0) {
        return cannot_bind(kind, endpoint, errno);
    }
    return fd;
}

Result<std::size_t> prepare_udp(int fd, const Endpoint& endpoint, std::size_t receive_buffer) {
    const auto wanted = static_cast<int>(receive_buffer);
    // Forcing it past net.core.rmem_max needs CAP_NET_ADMIN; without, the kernel gives what it may.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) != 0) {
        ROTA_CHECK(set_option(fd, SOL_SOCKET, SO_RCVBUF, wanted, "SO_RCVBUF"));
    }
    int doubled = 0;  // as the kernel tells it: half of it is for its own accounting
    socklen_t size = sizeof(doubled);
    if (::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &doubled, &size) != 0) {
        return fail_errno("cannot read SO_RCVBUF", errno);
    }
    const auto given = static_cast<std::size_t>(doubled) / 2;
    if (endpoint.family() == AF_INET) {
        ROTA_CHECK(set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, "path MTU"));
        if (endpoint.is_wildcard()) {
            ROTA_CHECK(set_option(fd, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO"));
        }
        return given;
    }
    ROTA_CHECK(set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT, "path MTU"));
    if (endpoint.is_wildcard()) {
        ROTA_CHECK(set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
    }
    return given;
}

}  // namespace rota::server
