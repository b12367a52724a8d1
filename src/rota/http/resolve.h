#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::http {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] const sockaddr* generic() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage);
    }

    /// Without the port: "192.0.2.1", "2001:db8::1".
    [[nodiscard]] std::string text() const;
};

/// True for "192.0.2.1" and "2001:db8::1".
bool is_address(std::string_view host);

/// The addresses of a host in the order to try them. Literal addresses and "localhost" (RFC 6761)
/// cost no look-up; other names ask the system's resolver, which is left to itself when it is
/// later than the deadline, or than the request to stop.
/// @errors unavailable (retryable): no such host; timeout (retryable), when told to stop too.
Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port,
                                           BootTime deadline, const std::stop_token& stop = {});

}  // namespace rota::http
