#include "rota/server/tcp_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/rng.h"
#include "rota/server/counters.h"
#include "rota/server/publisher.h"
#include "rota/server/tcp_connection.h"
#include "rota/server/thread_name.h"
#include "rota/zone/zone.h"

namespace rota::server {

namespace {

/// What the limit per address counts: an IPv4 address, or an IPv6 /64, which one site has.
std::string limit_key(const sockaddr_storage& address) {
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
        return {reinterpret_cast<const char*>(&v4), sizeof(v4)};
    }
    constexpr std::size_t kPrefix = 8;
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
    return {reinterpret_cast<const char*>(&v6), kPrefix};
}

Status watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        return fail_errno("cannot watch a TCP socket", errno);
    }
    return {};
}

}  // namespace

/// What the thread holds while it runs.
class TcpServer::Loop {
public:
    explicit Loop(TcpServer& server) : server_{server} {}

    void run() {
        std::array<epoll_event, 128> events{};
        for (bool goes_on = true; goes_on;) {
            server_.reader_.rest();
            const int count = ::epoll_wait(server_.epoll_.get(), events.data(),
                                           static_cast<int>(events.size()), timeout());
            const zone::Snapshot& snapshot = server_.reader_.wake();
            now_ = boot_now();
            for (int i = 0; i < count; ++i) {
                goes_on = serve(events[static_cast<std::size_t>(i)].data.fd, snapshot) && goes_on;
            }
            close_idle();
            server_.tcp_counters_.open.set(connections_.size());
        }
        server_.reader_.rest();
    }

private:
    using Connections = std::list<TcpConnection>;

    /// Milliseconds until the longest idle connection is due; without connections, for ever.
    [[nodiscard]] int timeout() const {
        if (connections_.empty()) {
            return -1;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            connections_.front().deadline - boot_now());
        return static_cast<int>(std::max(left.count(), std::chrono::milliseconds::rep{0}));
    }

    /// @returns false when it is time to stop.
    bool serve(int fd, const zone::Snapshot& snapshot) {
        if (fd == server_.stop_event_.get()) {
            return false;
        }
        if (const auto found = by_fd_.find(fd); found != by_fd_.end()) {
            advance(found->second, snapshot);
        } else if (std::ranges::any_of(server_.listeners_,
                                       [&](const Fd& listener) { return listener.get() == fd; })) {
            accept_from(fd);
        }
        return true;
    }

    void advance(Connections::iterator connection, const zone::Snapshot& snapshot) {
        const auto before = connection->state;
        const auto after = connection->advance({.snapshot = snapshot,
                                                .generation = server_.reader_.generation(),
                                                .scratch = scratch_,
                                                .rng = rng_,
                                                .counters = server_.counters_,
                                                .answer_times = server_.answer_times_});
        if (after == TcpConnection::State::closed) {
            close(connection);
            return;
        }
        if (connection->take_progress()) {
            connection->deadline = now_ + server_.limits_.idle;
            connections_.splice(connections_.end(), connections_, connection);
        }
        if (after != before) {
            epoll_event event{};
            event.events = after == TcpConnection::State::writing ? EPOLLOUT : EPOLLIN;
            event.data.fd = connection->fd();
            ::epoll_ctl(server_.epoll_.get(), EPOLL_CTL_MOD, connection->fd(), &event);
        }
    }

    void accept_from(int listener) {
        constexpr int kAtOnce = 64;
        for (int i = 0; i < kAtOnce; ++i) {
            sockaddr_storage address{};
            socklen_t size = sizeof(address);
            Fd socket{::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC)};
            if (socket) {
                admit(std::move(socket), limit_key(address));
                continue;
            }
            if ((errno == EMFILE || errno == ENFILE) && !connections_.empty()) {
                evict();
                continue;
            }
            if (errno != EINTR && errno != ECONNABORTED) {
                return;
            }
        }
    }

    void admit(Fd socket, std::string peer) {
        server_.tcp_counters_.accepted.add();
        if (per_peer_[peer] >= server_.limits_.per_address) {
            server_.tcp_counters_.rejected.add();
            return;
        }
        if (connections_.size() >= server_.limits_.connections) {
            evict();
        }
        const int one = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (!watch(server_.epoll_.get(), socket.get())) {
            return;
        }
        ++per_peer_[peer];
        const int fd = socket.get();
        connections_.emplace_back(std::move(socket), std::move(peer));
        connections_.back().deadline = now_ + server_.limits_.idle;
        by_fd_[fd] = std::prev(connections_.end());
    }

    void evict() {
        server_.tcp_counters_.evicted.add();
        close(connections_.begin());
    }

    void close_idle() {
        while (!connections_.empty() && connections_.front().deadline <= now_) {
            server_.tcp_counters_.timed_out.add();
            close(connections_.begin());
        }
    }

    void close(Connections::iterator connection) {
        if (const auto peer = per_peer_.find(connection->peer()); --peer->second == 0) {
            per_peer_.erase(peer);
        }
        by_fd_.erase(connection->fd());
        connections_.erase(connection);
    }

    static constexpr std::size_t kLargestAnswer = 65535;

    TcpServer& server_;
    BootTime now_ = boot_now();
    Rng rng_ = Rng::from_entropy();
    Connections connections_;  // longest idle first
    std::unordered_map<int, Connections::iterator> by_fd_;
    std::unordered_map<std::string, std::size_t> per_peer_;
    std::vector<std::uint8_t> scratch_ = std::vector<std::uint8_t>(kLargestAnswer);
};

Result<std::unique_ptr<TcpServer>> TcpServer::make(std::vector<Fd> listeners, TcpLimits limits,
                                                   Publisher::Reader reader) {
    Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    Fd stop_event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!epoll || !stop_event) {
        return fail_errno("cannot make the descriptors of the TCP server", errno);
    }
    ROTA_CHECK(watch(epoll.get(), stop_event.get()));
    for (const Fd& listener : listeners) {
        ROTA_CHECK(watch(epoll.get(), listener.get()));
    }
    return std::unique_ptr<TcpServer>{new TcpServer{std::move(listeners), limits, std::move(reader),
                                                    std::move(epoll), std::move(stop_event)}};
}

TcpServer::TcpServer(std::vector<Fd> listeners, TcpLimits limits, Publisher::Reader reader,
                     Fd epoll, Fd stop_event)
    : listeners_{std::move(listeners)},
      limits_{limits},
      reader_{std::move(reader)},
      epoll_{std::move(epoll)},
      stop_event_{std::move(stop_event)} {}

void TcpServer::start() {
    thread_ = std::jthread{[this] {
        name_thread("rota-tcp");
        Loop{*this}.run();
    }};
}

void TcpServer::stop() {
    const std::uint64_t one = 1;
    if (thread_.joinable() && ::write(stop_event_.get(), &one, sizeof(one)) == sizeof(one)) {
        thread_.join();
    }
}

}  // namespace rota::server
