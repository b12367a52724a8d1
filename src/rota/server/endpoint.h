#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::server {

/// A numeric socket address.
class Endpoint {
public:
    /// Reads "192.0.2.1:53" or "[2001:db8::1%eth0]:53". @errors usage.
    static Result<Endpoint> parse(std::string_view text);

    /// The address that a socket is bound to.
    static Result<Endpoint> of_socket(int fd);

    /// Takes over what the kernel filled in.
    static Endpoint from_sockaddr(const sockaddr_storage& address, socklen_t size) noexcept;

    [[nodiscard]] std::string to_text() const;
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] Endpoint with_port(std::uint16_t port) const noexcept;
    [[nodiscard]] bool is_wildcard() const noexcept;

    [[nodiscard]] int family() const noexcept { return address_.ss_family; }

    [[nodiscard]] const sockaddr* get() const noexcept {
        return reinterpret_cast<const sockaddr*>(&address_);
    }

    [[nodiscard]] socklen_t size() const noexcept { return size_; }

private:
    sockaddr_storage address_{};
    socklen_t size_ = 0;
};

enum class Socket : std::uint8_t { udp, tcp };

/// How to bind: alone (and learn whether the port is free), or as one of several workers.
enum class Sharing : std::uint8_t { alone, shared };

/// Binds a socket; TCP also listens. @errors name the transport, address and port, who holds them
/// where /proc tells, and the way out.
Result<Fd> bind_socket(Socket kind, const Endpoint& endpoint, Sharing sharing);

/// Prepares a UDP socket for answering: receive buffer, replies from the address that was asked,
/// and path MTU messages (which anybody can forge) ignored.
/// @returns the receive buffer that the kernel gave, in octets.
Result<std::size_t> prepare_udp(int fd, const Endpoint& endpoint, std::size_t receive_buffer);

}  // namespace rota::server
