#include "rota/lab/service.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <ratio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/end_signal.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/print.h"
#include "rota/base/rng.h"
#include "rota/http/server.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/wire.h"

namespace rota::lab {
namespace {

constexpr std::chrono::milliseconds kReportEvery{250};
constexpr std::chrono::seconds kGrace{5};

using ConnectionId = std::uint64_t;

struct Connection {
    Fd socket;
    EventLoop::WatchId watch = 0;
    std::string received;
    bool is_busy = false;       // a request is waiting, in work, or its answer is being written
    bool closes_after = false;  // the client asked for it
    bool is_lingering = false;  // our side is closed; the client's end is awaited
};

class Service {
public:
    Service(ServiceOptions options, EventLoop& loop)
        : options_{std::move(options)}, loop_{loop}, rng_{options_.seed} {}

    Status start();
    void stop();

private:
    Status listen();
    void accept_all();
    void on_readable(ConnectionId id);
    void take_request(ConnectionId id, Connection& connection);
    void begin_work();
    void finish_work(ConnectionId id);
    void respond(ConnectionId id, int status, std::string_view body);
    static void linger(Connection& connection);
    void close(ConnectionId id);
    void account(BootTime now);
    void report(BootTime now);
    void end_when_empty();

    ServiceOptions options_;
    EventLoop& loop_;
    Rng rng_;
    Fd listener_;
    EventLoop::WatchId listener_watch_ = 0;
    std::unordered_map<ConnectionId, Connection> connections_;
    ConnectionId next_connection_ = 1;
    std::deque<ConnectionId> waiting_;
    unsigned in_work_ = 0;
    bool is_stopping_ = false;
    // Load: the integral over time of requests waiting or in work, so that a reader gets exact
    // means.
    BootTime accounted_until_ = boot_now();
    std::chrono::duration<double> work_{0};
    std::uint64_t served_ = 0;
    std::uint64_t accepted_ = 0;
};

Status Service::start() {
    repeat(loop_, kReportEvery, [this](BootTime now) { report(now); });
    if (options_.boot_delay.count() == 0) {
        return listen();
    }
    loop_.at(boot_now() + options_.boot_delay, [this](BootTime) {
        if (is_stopping_) {
            return;
        }
        if (const Status listening = listen(); !listening) {
            put(stderr, "rota lab-service: {}\n", listening.error().message);
            ::_exit(exit_status(listening.error()));
        }
    });
    return {};
}

Status Service::listen() {
    listener_ = ROTA_TRY(http::listen_tcp(options_.listen));
    listener_watch_ =
        loop_.watch(listener_.get(), EventLoop::kReadable, [this](std::uint32_t) { accept_all(); });
    return {};
}

void Service::stop() {
    if (is_stopping_) {
        return;
    }
    is_stopping_ = true;
    if (listener_) {
        accept_all();  // what the kernel has already accepted for us gets its answer
        loop_.forget(listener_watch_);
        listener_.reset();
    }
    for (auto& [id, connection] : connections_) {
        if (!connection.is_busy && connection.received.empty()) {
            linger(connection);
        }
    }
    loop_.at(boot_now() + kGrace, [this](BootTime) { loop_.stop(); });
    end_when_empty();
}

void Service::accept_all() {
    while (true) {
        Fd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!socket) {
            return;  // EAGAIN, or a client that went away meanwhile
        }
        const ConnectionId id = next_connection_++;
        const int number = socket.get();
        Connection& connection = connections_[id];
        connection.socket = std::move(socket);
        connection.watch = loop_.watch(number, EventLoop::kReadable,
                                       [this, id](std::uint32_t) { on_readable(id); });
        ++accepted_;
    }
}

void Service::on_readable(ConnectionId id) {
    Connection& connection = connections_.at(id);
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(connection.socket.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {  // the client is gone; an answer in work has no reader any more
        close(id);
        return;
    }
    if (connection.is_lingering) {
        return;  // it crossed our close: unanswered, so the client asks another connection
    }
    connection.received.append(buffer.data(), static_cast<std::size_t>(count));
    if (!connection.is_busy) {
        take_request(id, connection);
    } else if (connection.received.size() > kLargestHead) {
        close(id);
    }
}

void Service::take_request(ConnectionId id, Connection& connection) {
    const auto head = read_head(connection.received);
    if (!head) {
        if (head.error() == HeadError::broken) {
            connection.closes_after = true;
            respond(id, 400, "");
        }
        return;
    }
    if (head->content_length != 0) {  // nothing here takes a body
        connection.closes_after = true;
        respond(id, 413, "");
        return;
    }
    connection.received.erase(0, head->size);
    connection.closes_after = head->wants_close;
    if (head->first_line.contains(" /healthz ")) {
        respond(id, 200, "ok\n");
        return;
    }
    account(boot_now());
    connection.is_busy = true;
    waiting_.push_back(id);
    begin_work();
}

void Service::begin_work() {
    while (in_work_ < options_.workers && !waiting_.empty()) {
        const ConnectionId id = waiting_.front();
        waiting_.pop_front();
        if (!connections_.contains(id)) {
            continue;  // the client went away while it waited
        }
        ++in_work_;
        const double mean = static_cast<double>(options_.service_time.count());
        const std::chrono::duration<double, std::milli> takes{
            std::min(5 * mean, rng_.exponential(mean))};
        loop_.at(boot_now() + std::chrono::duration_cast<std::chrono::nanoseconds>(takes),
                 [this, id](BootTime) { finish_work(id); });
    }
}

void Service::finish_work(ConnectionId id) {
    account(boot_now());
    --in_work_;
    ++served_;
    if (connections_.contains(id)) {
        respond(id, 200, options_.instance_id);
    }
    begin_work();
}

void Service::respond(ConnectionId id, int status, std::string_view body) {
    Connection& connection = connections_.at(id);
    const bool closes = connection.closes_after || is_stopping_;
    const std::string_view reason = status == 200 ? "OK" : "Refused";
    const std::string text =
        fmt::format("HTTP/1.1 {} {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{}\r\n{}",
                    status, reason, body.size(), closes ? "Connection: close\r\n" : "", body);
    // A fresh answer of 200 octets fits any socket buffer; a client that took none of the former
    // ones is not one of ours.
    const ssize_t written = ::send(connection.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    connection.is_busy = false;
    if (written != static_cast<ssize_t>(text.size())) {
        close(id);
    } else if (closes) {
        linger(connection);
    } else if (!connection.received.empty()) {
        take_request(id, connection);
    }
}

void Service::linger(Connection& connection) {
    // Half-close and wait for the client's end: closing at once could reset an answer under way.
    connection.is_lingering = true;
    ::shutdown(connection.socket.get(), SHUT_WR);
}

void Service::close(ConnectionId id) {
    const auto found = connections_.find(id);
    loop_.forget(found->second.watch);
    account(boot_now());
    connections_.erase(found);
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), id), waiting_.end());
    end_when_empty();
}

void Service::end_when_empty() {
    if (is_stopping_ && connections_.empty()) {
        loop_.stop();
    }
}

void Service::account(BootTime now) {
    const double at_once = static_cast<double>(in_work_) + static_cast<double>(waiting_.size());
    work_ += std::chrono::duration<double>{now - accounted_until_} * at_once;
    accounted_until_ = now;
}

void Service::report(BootTime now) {
    account(now);
    put(stdout,
        R"({{"work":{:.4f},"served":{},"accepted":{},"open":{},"waiting":{},"ready":{}}})"
        "\n",
        work_.count(), served_, accepted_, connections_.size(), waiting_.size(),
        static_cast<bool>(listener_));
    flush(stdout);
}

}  // namespace

Status run_service(const ServiceOptions& options) {
    ::signal(SIGPIPE, SIG_IGN);
    const auto loop = ROTA_TRY(EventLoop::create());
    const Fd signal_fd = ROTA_TRY(receive_signals({SIGTERM, SIGINT}));
    Service service{options, *loop};
    loop->watch(signal_fd.get(), EventLoop::kReadable, [&](std::uint32_t) {
        signalfd_siginfo ignored{};
        [[maybe_unused]] const auto count = ::read(signal_fd.get(), &ignored, sizeof ignored);
        service.stop();
    });
    ROTA_CHECK(service.start());
    return loop->run();
}

}  // namespace rota::lab
