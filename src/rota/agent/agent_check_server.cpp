#include "rota/agent/agent_check_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/agent/show.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/http/server.h"

namespace rota::agent {
namespace {

constexpr std::size_t kMostClients = 64;
constexpr std::size_t kMostAskers = 64;
constexpr std::size_t kMostHeard = 4096;  // octets of a client
// A client that has its line needs no more than a round trip to close its end.
constexpr std::chrono::seconds kPatience{3};
// Without descriptors the listener would be readable all the time.
constexpr std::chrono::milliseconds kExhausted{200};

sockaddr* generic(sockaddr_storage& address) noexcept {
    return reinterpret_cast<sockaddr*>(&address);
}

/// "192.0.2.1"; empty when there is none.
std::string host_of(sockaddr_storage& address, socklen_t size) {
    std::array<char, NI_MAXHOST> host{};
    return ::getnameinfo(generic(address), size, host.data(), host.size(), nullptr, 0,
                         NI_NUMERICHOST) == 0
               ? std::string{host.data()}
               : std::string{};
}

/// Reads what there is and throws it away. @returns false at the end.
bool drink(int socket, std::size_t& heard) {
    std::array<char, 1024> octets{};
    while (heard <= kMostHeard) {
        const auto count = ::recv(socket, octets.data(), octets.size(), MSG_DONTWAIT);
        if (count < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (count == 0) {
            return false;
        }
        heard += static_cast<std::size_t>(count);
    }
    return false;
}

}  // namespace

Result<std::unique_ptr<AgentCheckServer>> AgentCheckServer::open(const std::string& address,
                                                                 Line line) {
    Fd listener = ROTA_TRY(http::listen_tcp(on_loopback(address)));
    std::unique_ptr<AgentCheckServer> server{
        new AgentCheckServer{std::move(listener), std::move(line)}};
    log::info("answers agent checks",
              {{"address", on_loopback(address)}, {"port", server->port()}});
    return server;
}

AgentCheckServer::AgentCheckServer(Fd listener, Line line)
    : listener_{std::move(listener)},
      wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      line_{std::move(line)},
      port_{http::local_port(listener_)},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {
    ROTA_ASSERT(wake_);
}

AgentCheckServer::~AgentCheckServer() {
    thread_.request_stop();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void AgentCheckServer::run(const std::stop_token& stop) {
    BootTime deaf_until;
    while (!stop.stop_requested()) {
        const BootTime before = boot_now();
        const bool is_deaf = before < deaf_until;
        std::vector<pollfd> watched{
            {.fd = wake_.get(), .events = POLLIN, .revents = 0},
            {.fd = is_deaf ? -1 : listener_.get(), .events = POLLIN, .revents = 0}};
        BootTime next = is_deaf ? deaf_until : BootTime::max();
        for (const Client& client : clients_) {
            watched.push_back({.fd = client.socket.get(), .events = POLLIN, .revents = 0});
            next = std::min(next, client.asked + kPatience);
        }
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(std::max(next, before) - before);
        const int timeout = next == BootTime::max() ? -1 : static_cast<int>(left.count());
        if (::poll(watched.data(), watched.size(), timeout) < 0 && errno != EINTR) {
            log::error("agent checks are not answered any more", {{"errno", errno}});
            return;
        }
        const BootTime now = boot_now();
        auto ready = watched.begin() + 2;
        std::erase_if(clients_, [this, &ready, now](Client& client) {
            const bool is_ready = (ready++)->revents != 0;
            if (is_ready && !drink(client.socket.get(), client.heard)) {
                note_end(client);
                return true;
            }
            return now >= client.asked + kPatience;
        });
        if (watched[1].revents != 0 && !accept_all()) {
            deaf_until = now + kExhausted;
        }
    }
}

bool AgentCheckServer::accept_all() {
    for (std::size_t i = 0; i < kMostClients; ++i) {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        Fd socket{::accept4(listener_.get(), generic(from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (socket) {
            answer(std::move(socket), host_of(from, size));
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return false;
        } else if (errno == EAGAIN) {
            return true;
        }
    }
    return true;
}

void AgentCheckServer::answer(Fd socket, std::string address) {
    // Before the line is made: who hears what was true before has not heard what comes after.
    const BootTime now = boot_now();
    std::string line;
    try {
        line = line_();
    } catch (const std::exception& error) {  // the thread's edge
        log::error("no line for an agent check", {{"what", error.what()}});
        return;
    }
    askers_.with([&](auto& askers) {
        std::erase_if(askers, [now](const auto& one) { return now - one.second.asked > kMemory; });
        if (askers.size() < kMostAskers || askers.contains(address)) {
            askers[address].asked = now;
        }
    });
    // The buffer of a new connection takes a line whole.
    const auto sent = ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 || ::shutdown(socket.get(), SHUT_WR) != 0) {
        return;
    }
    // Closing now would throw the line away where the client has sent something.
    if (clients_.size() == kMostClients) {
        clients_.pop_front();
    }
    clients_.push_back({.socket = std::move(socket), .address = std::move(address), .asked = now});
}

void AgentCheckServer::note_end(const Client& client) {
    askers_.with([&client](auto& askers) {
        if (const auto asker = askers.find(client.address); asker != askers.end()) {
            asker->second.heard = std::max(asker->second.heard, client.asked);
        }
    });
}

bool AgentCheckServer::is_heard_by_all(BootTime since) const {
    return askers_.with([since](const auto& askers) {
        return std::ranges::none_of(askers, [since](const auto& one) {
            const Asker& asker = one.second;
            return asker.heard < since && since - asker.asked <= kMemory;
        });
    });
}

}  // namespace rota::agent
