#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/text.h"
#include "rota/http/server.h"

namespace rota::http {
namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

/// As connect(), bind() and their like want it.
const sockaddr* generic(const Address& address) noexcept {
    return reinterpret_cast<const sockaddr*>(&address.storage);
}

std::unexpected<Error> bad_address(std::string_view text) {
    return fail(
        ErrorKind::config,
        fmt::format("listen address \"{}\": write it as 127.0.0.1:8053 or [::1]:8053, with a "
                    "port from 0 (any free one) to 65535",
                    text));
}

Result<Address> parse_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return bad_address(text);
    }
    std::string host{text.substr(0, colon)};
    const std::string_view digits = text.substr(colon + 1);
    const auto port = parse_number<std::uint16_t>(digits);
    if (!port) {
        return bad_address(text);
    }
    Address address;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(*port);
        if (inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) != 1) {
            return bad_address(text);
        }
        std::memcpy(&address.storage, &in6, sizeof in6);
        address.size = sizeof in6;
        return address;
    }
    sockaddr_in in4{};
    in4.sin_family = AF_INET;
    in4.sin_port = htons(*port);
    if (inet_pton(AF_INET, host.c_str(), &in4.sin_addr) != 1) {
        return bad_address(text);
    }
    std::memcpy(&address.storage, &in4, sizeof in4);
    address.size = sizeof in4;
    return address;
}

std::unexpected<Error> bind_error(std::string_view text, int number) {
    const std::string what = fmt::format("listen on TCP {}", text);
    const std::string_view port = text.substr(text.rfind(':') + 1);
    switch (number) {
        case EADDRINUSE:
            return fail(ErrorKind::conflict,
                        fmt::format("{}: another process listens there; `ss -ltnp sport = :{}` "
                                    "shows which one",
                                    what, port));
        case EACCES:
            return fail(ErrorKind::permission,
                        fmt::format("{}: ports below 1024 are for root and for processes with "
                                    "CAP_NET_BIND_SERVICE; start as root or choose a higher port",
                                    what));
        case EADDRNOTAVAIL:
            return fail(ErrorKind::config,
                        fmt::format("{}: no interface of this machine has that address", what));
        default:
            return fail_errno(what, number);
    }
}

}  // namespace

Result<Fd> listen_tcp(const std::string& address_and_port) {
    const Address address = ROTA_TRY(parse_address(address_and_port));
    Fd socket{::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) {
        return fail_errno(fmt::format("listen on TCP {}: socket", address_and_port), errno);
    }
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.storage.ss_family == AF_INET6) {
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (::bind(socket.get(), generic(address), address.size) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0) {
        return bind_error(address_and_port, errno);
    }
    return socket;
}

std::uint16_t local_port(const Fd& socket) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
        return 0;
    }
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in6{};
        std::memcpy(&in6, &storage, sizeof in6);
        return ntohs(in6.sin6_port);
    }
    sockaddr_in in4{};
    std::memcpy(&in4, &storage, sizeof in4);
    return ntohs(in4.sin_port);
}

}  // namespace rota::http
