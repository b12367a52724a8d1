#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rota/base/fd.h"

namespace rota::http {

/// A TCP client that sends and receives octets as they are; every read gives up after 5 seconds.
class RawClient {
public:
    explicit RawClient(std::uint16_t port, const char* from = "127.0.0.1")
        : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        inet_pton(AF_INET, from, &address.sin_addr);
        ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
        address.sin_port = htons(port);
        connected_ =
            ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }

    [[nodiscard]] bool connected() const { return connected_; }

    bool send(std::string_view text) {
        return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }

    void shut_down_sending() { ::shutdown(socket_.get(), SHUT_WR); }

    /// Reads until the text ends with `tail`, the peer closes or nothing comes any more.
    std::string receive(std::string_view tail = {}) {
        std::string out;
        char buffer[4096];
        while (tail.empty() || !out.ends_with(tail)) {
            const auto got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
            closed_ = got == 0;
            reset_ = got < 0 && errno == ECONNRESET;
            if (got <= 0) {
                break;
            }
            out.append(buffer, static_cast<std::size_t>(got));
        }
        return out;
    }

    bool readable(std::chrono::milliseconds patience) { return poll_for(POLLIN, patience); }

    bool hung_up(std::chrono::milliseconds patience) { return poll_for(0, patience); }

    /// The peer closed in good order.
    [[nodiscard]] bool closed() const { return closed_; }

    [[nodiscard]] bool ended() const { return closed_ || reset_; }

private:
    bool poll_for(short events, std::chrono::milliseconds patience) {
        pollfd entry{.fd = socket_.get(), .events = events, .revents = 0};
        return ::poll(&entry, 1, static_cast<int>(patience.count())) > 0;
    }

    Fd socket_;
    bool connected_ = false;
    bool closed_ = false;
    bool reset_ = false;
};

}  // namespace rota::http
