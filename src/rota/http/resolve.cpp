#include "rota/http/resolve.h"

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::http {
namespace {

std::optional<SocketAddress> parse_literal(const std::string& host, std::uint16_t port) {
    SocketAddress out;
    sockaddr_in in4{};
    if (inet_pton(AF_INET, host.c_str(), &in4.sin_addr) == 1) {
        in4.sin_family = AF_INET;
        in4.sin_port = htons(port);
        std::memcpy(&out.storage, &in4, sizeof in4);
        out.size = sizeof in4;
        return out;
    }
    sockaddr_in6 in6{};
    if (inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) == 1) {
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(port);
        std::memcpy(&out.storage, &in6, sizeof in6);
        out.size = sizeof in6;
        return out;
    }
    return std::nullopt;
}

std::vector<SocketAddress> addresses_of(const addrinfo* list) {
    constexpr std::size_t kMost = 16;
    std::vector<SocketAddress> out;
    for (; list != nullptr && out.size() < kMost; list = list->ai_next) {
        SocketAddress address;
        if (list->ai_addrlen <= sizeof address.storage) {
            std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
            address.size = list->ai_addrlen;
            out.push_back(address);
        }
    }
    return out;
}

/// What the thread that asks and the one that waits share.
struct Lookup {
    std::mutex mutex;
    std::condition_variable_any answered;
    bool done = false;
    int error = 0;
    int number = 0;  ///< errno, for EAI_SYSTEM
    std::vector<SocketAddress> addresses;
};

void ask_system(const std::string& host, std::uint16_t port, Lookup& lookup) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    const int number = errno;
    const std::scoped_lock lock{lookup.mutex};
    lookup.error = error;
    lookup.number = number;
    lookup.addresses = addresses_of(list);
    lookup.done = true;
    lookup.answered.notify_all();
    if (list != nullptr) {
        ::freeaddrinfo(list);
    }
}

std::unexpected<Error> lookup_failed(const std::string& host, const Lookup& lookup) {
    return fail(
        ErrorKind::unavailable,
        fmt::format("look up {}: {}", host,
                    lookup.error == EAI_SYSTEM ? std::generic_category().message(lookup.number)
                                               : ::gai_strerror(lookup.error)),
        true);
}

/// getaddrinfo has no deadline and cannot be stopped, so it runs beside us. A thread that is later
/// than the deadline is the one kind that rota lets go: it owns all that it touches. (The library's
/// getaddrinfo_a does the same with threads that the sanitizers cannot see.)
Result<std::vector<SocketAddress>> ask_beside(const std::string& host, std::uint16_t port,
                                              BootTime deadline, const std::stop_token& stop) {
    const auto lookup = std::make_shared<Lookup>();
    std::thread asking;
    try {
        asking = std::thread{[host, port, lookup] { ask_system(host, port, *lookup); }};
    } catch (const std::system_error& error) {
        return fail(ErrorKind::unavailable, fmt::format("look up {}: {}", host, error.what()),
                    true);
    }
    std::unique_lock lock{lookup->mutex};
    const bool done = lookup->answered.wait_for(lock, stop, deadline - boot_now(),
                                                [&lookup] { return lookup->done; });
    lock.unlock();
    if (!done) {
        asking.detach();
        return fail(ErrorKind::timeout,
                    fmt::format("look up {}: the resolver did not answer in time", host), true);
    }
    asking.join();
    if (lookup->error != 0) {
        return lookup_failed(host, *lookup);
    }
    return std::move(lookup->addresses);
}

}  // namespace

std::string SocketAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in6{};
        std::memcpy(&in6, &storage, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, buffer.data(), buffer.size());
    } else {
        sockaddr_in in4{};
        std::memcpy(&in4, &storage, sizeof in4);
        inet_ntop(AF_INET, &in4.sin_addr, buffer.data(), buffer.size());
    }
    return buffer.data();
}

bool is_address(std::string_view host) {
    return parse_literal(std::string{host}, 0).has_value();
}

Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port,
                                           BootTime deadline, const std::stop_token& stop) {
    if (const auto literal = parse_literal(host, port)) {
        return std::vector{*literal};
    }
    if (host == "localhost") {
        std::vector<SocketAddress> loopback;
        for (const char* address : {"127.0.0.1", "::1"}) {
            if (const auto parsed = parse_literal(address, port)) {
                loopback.push_back(*parsed);
            }
        }
        return loopback;
    }
    return ask_beside(host, port, deadline, stop);
}

}  // namespace rota::http
