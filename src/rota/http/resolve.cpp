#include "rota/http/resolve.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

/// One question to getaddrinfo_a, with everything that the resolver reads and writes.
struct Lookup {
    std::string host;
    std::string service;
    addrinfo hints{};
    gaicb request{};

    Lookup(const std::string& name, std::uint16_t port)
        : host{name}, service{std::to_string(port)} {
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
        request.ar_name = host.c_str();
        request.ar_service = service.c_str();
        request.ar_request = &hints;
    }

    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;
    Lookup(Lookup&&) = delete;
    Lookup& operator=(Lookup&&) = delete;

    ~Lookup() {
        if (request.ar_result != nullptr) {
            ::freeaddrinfo(request.ar_result);
        }
    }
};

timespec until(BootTime deadline) {
    const auto left = std::max(deadline - boot_now(), BootClock::duration::zero());
    const auto whole = std::chrono::floor<std::chrono::seconds>(left);
    return {.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
}

/// EAI_INPROGRESS when the deadline passed first.
int wait_for(gaicb& request, BootTime deadline) {
    const std::array<const gaicb*, 1> list{&request};
    while (::gai_error(&request) == EAI_INPROGRESS && boot_now() < deadline) {
        const timespec patience = until(deadline);
        ::gai_suspend(list.data(), 1, &patience);
    }
    return ::gai_error(&request);
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
                                           BootTime deadline) {
    if (const auto literal = parse_literal(host, port)) {
        return std::vector{*literal};
    }
    if (host == "localhost") {
        return std::vector{*parse_literal("127.0.0.1", port), *parse_literal("::1", port)};
    }
    auto lookup = std::make_unique<Lookup>(host, port);
    std::array<gaicb*, 1> list{&lookup->request};
    int error = ::getaddrinfo_a(GAI_NOWAIT, list.data(), 1, nullptr);
    if (error == 0) {
        error = wait_for(lookup->request, deadline);
    }
    if (error == EAI_INPROGRESS) {
        if (::gai_cancel(&lookup->request) == EAI_NOTCANCELED) {
            // The resolver still writes there and cannot be stopped: a small leak, once a time-out.
            static_cast<void>(lookup.release());
        }
        return fail(ErrorKind::timeout,
                    fmt::format("look up {}: the resolver did not answer in time", host), true);
    }
    if (error != 0) {
        return fail(ErrorKind::unavailable,
                    fmt::format("look up {}: {}", host,
                                error == EAI_SYSTEM ? std::strerror(errno)  // NOLINT: one thread
                                                    : ::gai_strerror(error)),
                    true);
    }
    return addresses_of(lookup->request.ar_result);
}

}  // namespace rota::http
