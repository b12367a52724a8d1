#include "rota/lab/clients.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/print.h"
#include "rota/base/rng.h"
#include "rota/dns/name.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/line_reader.h"
#include "rota/lab/population.h"
#include "rota/lab/resolver.h"
#include "rota/lab/statistics.h"
#include "rota/lab/wire.h"

namespace rota::lab {
namespace {

constexpr std::chrono::milliseconds kReportEvery{250};
constexpr int kReportsInAWindow = 8;
constexpr std::chrono::milliseconds kMostLag{500};
constexpr std::size_t kMostFailuresTold = 20;
constexpr double kLongestLife = 10;  // times the mean

using ConnectionId = std::uint64_t;
using RequestId = std::uint64_t;

struct User {
    std::size_t resolver = 0;
    std::optional<ConnectionId> idle;  // a kept connection that no request uses
};

struct Connection {
    Fd socket;
    EventLoop::WatchId watch = 0;
    EventLoop::TimerId end_of_life;
    std::string address;
    std::size_t user = 0;
    std::optional<RequestId> request;
    bool is_connected = false;
    bool is_reused = false;
    bool is_past_life = false;
    std::string received;
};

struct Request {
    std::size_t user = 0;
    BootTime started;
    EventLoop::TimerId patience_ends;
    std::optional<ConnectionId> connection;
    std::string address;  // the last one tried
    bool is_retried = false;
};

class Clients {
public:
    Clients(ClientsOptions options, EventLoop& loop)
        : options_{std::move(options)}, loop_{loop}, rng_{options_.seed} {}

    Status start();
    void on_command(std::string_view line);
    void stop();

private:
    void schedule_arrival(BootTime from);
    void begin_request(std::size_t user);
    void place(RequestId id);
    void connect(RequestId id, const std::string& address);
    void use(ConnectionId connection, RequestId request);
    void on_event(ConnectionId id);
    void finish_connect(ConnectionId id);
    void receive(ConnectionId id);
    void take_answer(ConnectionId id);
    void lose(ConnectionId id, const std::string& why);
    void end_life(ConnectionId id);
    void close(ConnectionId id);
    void succeed(RequestId id);
    void fail_request(RequestId id, const std::string& why);
    void forget(RequestId id);
    void report(BootTime now);

    ClientsOptions options_;
    EventLoop& loop_;
    Rng rng_;
    std::string request_text_;
    std::vector<std::unique_ptr<Resolver>> resolvers_;
    std::vector<User> users_;
    std::unordered_map<ConnectionId, Connection> connections_;
    std::unordered_map<RequestId, Request> requests_;
    std::uint64_t next_id_ = 1;
    double rate_ = 0;
    std::optional<EventLoop::TimerId> arrival_;
    bool is_stopping_ = false;

    std::map<std::string, AddressReport> counters_;
    LatencyHistogram latency_;
    LatencyHistogram recent_;
    LatencyHistogram last_window_;
    int reports_in_window_ = 0;
    std::vector<FailedRequest> failures_;  // since the last report
};

Status Clients::start() {
    const dns::Name name = ROTA_TRY(dns::Name::parse(options_.name));
    request_text_ = fmt::format(
        "GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: rota-lab-clients\r\nAccept: */*\r\n\r\n",
        options_.name);
    const std::vector<double> shares = zipf_shares(options_.resolvers, options_.zipf);
    const std::vector<unsigned> sizes = apportion(options_.users, shares);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        resolvers_.push_back(ROTA_TRY(Resolver::create(loop_, options_.dns, name, rng_.next())));
        users_.insert(users_.end(), sizes[i], User{.resolver = i, .idle = std::nullopt});
    }
    repeat(loop_, kReportEvery, [this](BootTime now) { report(now); });
    return {};
}

void Clients::on_command(std::string_view line) {
    constexpr std::string_view kRate = "rate ";
    if (line == "stop") {
        stop();
    } else if (line.starts_with(kRate)) {
        line.remove_prefix(kRate.size());
        double rate = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), rate);
        if (error != std::errc{} || is_stopping_) {
            return;
        }
        rate_ = std::max(0.0, rate);
        if (arrival_) {
            loop_.cancel(*arrival_);
        }
        schedule_arrival(boot_now());  // memoryless: drawing anew changes nothing but the rate
    }
}

void Clients::stop() {
    is_stopping_ = true;
    rate_ = 0;
    if (arrival_) {
        loop_.cancel(*arrival_);
        arrival_.reset();
    }
    if (requests_.empty()) {
        report(boot_now());
        loop_.stop();
    }
}

void Clients::schedule_arrival(BootTime from) {
    arrival_.reset();
    if (rate_ <= 0) {
        return;
    }
    const std::chrono::duration<double> gap{rng_.exponential(1 / rate_)};
    // From the planned moment, not from now: a late loop does not thin the load out. But it does
    // not make up for a long stop of the whole machine either.
    const BootTime when = std::max(from + std::chrono::duration_cast<std::chrono::nanoseconds>(gap),
                                   boot_now() - kMostLag);
    arrival_ = loop_.at(when, [this, when](BootTime) {
        begin_request(rng_.below(static_cast<std::uint32_t>(users_.size())));
        schedule_arrival(when);
    });
}

void Clients::begin_request(std::size_t user) {
    const RequestId id = next_id_++;
    const BootTime now = boot_now();
    Request& request = requests_[id];
    request.user = user;
    request.started = now;
    request.patience_ends = loop_.at(now + options_.patience, [this, id](BootTime) {
        const auto connection = requests_.at(id).connection;
        fail_request(id, "no answer in time");
        if (connection) {
            close(*connection);
        }
    });
    place(id);
}

void Clients::place(RequestId id) {
    User& user = users_[requests_.at(id).user];
    if (user.idle) {
        const ConnectionId kept = *user.idle;
        user.idle.reset();
        connections_.at(kept).is_reused = true;
        use(kept, id);
        return;
    }
    resolvers_[user.resolver]->resolve([this, id](const Result<std::string>& address) {
        if (!requests_.contains(id)) {
            return;  // its patience ended while the query was out
        }
        if (address) {
            connect(id, *address);
        } else {
            fail_request(id, address.error().message);
        }
    });
}

void Clients::connect(RequestId request_id, const std::string& address) {
    Request& request = requests_.at(request_id);
    request.address = address;
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(options_.port);
    Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket || ::inet_pton(AF_INET, address.c_str(), &peer.sin_addr) != 1) {
        fail_request(request_id, "cannot connect: no socket, or no address");
        return;
    }
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const BootTime now = boot_now();
    AddressReport& counters = counters_[address];
    ++counters.opened;
    ++counters.open;
    counters.last_opened = now;
    const int result =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
    const int error = result == 0 ? 0 : errno;

    const ConnectionId id = next_id_++;
    const int number = socket.get();
    Connection& connection = connections_[id];
    connection.socket = std::move(socket);
    connection.address = address;
    connection.user = request.user;
    connection.request = request_id;
    request.connection = id;
    connection.watch = loop_.watch(number, EventLoop::kReadable | EventLoop::kWritable,
                                   [this, id](std::uint32_t) { on_event(id); });
    const double mean = std::chrono::duration<double>{options_.keep}.count();
    const std::chrono::duration<double> life{std::min(kLongestLife * mean, rng_.exponential(mean))};
    connection.end_of_life =
        loop_.at(now + std::chrono::duration_cast<std::chrono::nanoseconds>(life),
                 [this, id](BootTime) { end_life(id); });
    if (error != 0 && error != EINPROGRESS) {
        lose(id, "cannot connect: " + std::generic_category().message(error));
    }
}

void Clients::use(ConnectionId connection_id, RequestId request_id) {
    Connection& connection = connections_.at(connection_id);
    Request& request = requests_.at(request_id);
    request.connection = connection_id;
    request.address = connection.address;
    connection.request = request_id;
    const ssize_t sent =
        ::send(connection.socket.get(), request_text_.data(), request_text_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request_text_.size())) {
        lose(connection_id, "cannot send: " + std::generic_category().message(errno));
    }
}

void Clients::on_event(ConnectionId id) {
    if (connections_.at(id).is_connected) {
        receive(id);
    } else {
        finish_connect(id);
    }
}

void Clients::finish_connect(ConnectionId id) {
    Connection& connection = connections_.at(id);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(connection.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        lose(id, "cannot connect: " + std::generic_category().message(error));
        return;
    }
    connection.is_connected = true;
    loop_.change(connection.watch, EventLoop::kReadable);
    if (connection.request) {
        use(id, *connection.request);
    }
}

void Clients::receive(ConnectionId id) {
    Connection& connection = connections_.at(id);
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(connection.socket.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        lose(id, count == 0 ? std::string{"connection closed without an answer"}
                            : "connection lost: " + std::generic_category().message(errno));
        return;
    }
    connection.received.append(buffer.data(), static_cast<std::size_t>(count));
    take_answer(id);
}

void Clients::take_answer(ConnectionId id) {
    Connection& connection = connections_.at(id);
    const auto head = read_head(connection.received);
    if (!head) {
        if (head.error() == HeadError::broken) {
            lose(id, "the answer is not HTTP");
        }
        return;
    }
    if (connection.received.size() < head->size + head->content_length) {
        return;
    }
    if (!connection.request) {
        close(id);  // an answer to nothing
        return;
    }
    const RequestId request_id = *connection.request;
    connection.request.reset();
    requests_.at(request_id).connection.reset();
    connection.received.clear();
    const int status = status_of(head->first_line);
    User& user = users_[connection.user];
    if (head->wants_close || connection.is_past_life || user.idle) {
        close(id);
    } else {
        user.idle = id;
    }
    if (status == 200) {
        succeed(request_id);
    } else {
        fail_request(request_id, fmt::format("status {}", status));
    }
}

void Clients::lose(ConnectionId id, const std::string& why) {
    const Connection& connection = connections_.at(id);
    const auto request_id = connection.request;
    const bool may_repeat = connection.is_reused && connection.received.empty();
    const std::string address = connection.address;
    close(id);
    if (!request_id) {
        return;  // an idle connection that the server ended: nothing was asked of it
    }
    Request& request = requests_.at(*request_id);
    request.connection.reset();
    if (may_repeat && !request.is_retried) {
        request.is_retried = true;
        ++counters_[address].reconnects;
        place(*request_id);
    } else {
        fail_request(*request_id, why);
    }
}

void Clients::end_life(ConnectionId id) {
    Connection& connection = connections_.at(id);
    if (connection.request) {
        connection.is_past_life = true;  // after the answer
    } else {
        close(id);
    }
}

void Clients::close(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    const Connection& connection = found->second;
    loop_.cancel(connection.end_of_life);
    loop_.forget(connection.watch);
    --counters_[connection.address].open;
    User& user = users_[connection.user];
    if (user.idle == id) {
        user.idle.reset();
    }
    connections_.erase(found);
}

void Clients::succeed(RequestId id) {
    const Request& request = requests_.at(id);
    const BootTime now = boot_now();
    AddressReport& counters = counters_[request.address];
    ++counters.requests;
    counters.last_answer = now;
    latency_.add(now - request.started);
    recent_.add(now - request.started);
    forget(id);
}

void Clients::fail_request(RequestId id, const std::string& why) {
    const Request& request = requests_.at(id);
    AddressReport& counters = counters_[request.address];
    ++counters.requests;
    ++counters.failed;
    if (failures_.size() < kMostFailuresTold) {
        failures_.push_back({.at = boot_now(), .address = request.address, .what = why});
    }
    forget(id);
}

void Clients::forget(RequestId id) {
    const auto found = requests_.find(id);
    loop_.cancel(found->second.patience_ends);
    if (const auto used = found->second.connection) {
        const auto connection = connections_.find(*used);
        if (connection != connections_.end()) {
            connection->second.request.reset();
        }
    }
    requests_.erase(found);
    if (is_stopping_ && requests_.empty()) {
        report(boot_now());
        loop_.stop();
    }
}

void Clients::report(BootTime now) {
    if (++reports_in_window_ == kReportsInAWindow) {
        last_window_ = recent_;
        recent_ = {};
        reports_in_window_ = 0;
    }
    ClientsReport report{.at = now,
                         .addresses = counters_,
                         .failures = std::exchange(failures_, {}),
                         .dns = {},
                         .p50_ms = last_window_.quantile(0.5).count(),
                         .p99_ms = last_window_.quantile(0.99).count(),
                         .all_p50_ms = latency_.quantile(0.5).count(),
                         .all_p99_ms = latency_.quantile(0.99).count()};
    for (const auto& resolver : resolvers_) {
        report.dns.look_ups += resolver->counters().look_ups;
        report.dns.hits += resolver->counters().hits;
        report.dns.queries += resolver->counters().queries;
        report.dns.failures += resolver->counters().failures;
    }
    put(stdout, "{}\n", to_line(report));
    flush(stdout);
}

}  // namespace

Status run_clients(const ClientsOptions& options) {
    ::signal(SIGPIPE, SIG_IGN);
    const auto loop = ROTA_TRY(EventLoop::create());
    Clients clients{options, *loop};
    ROTA_CHECK(clients.start());
    ::fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    LineReader commands{STDIN_FILENO};
    EventLoop::WatchId input = 0;
    input = loop->watch(STDIN_FILENO, EventLoop::kReadable, [&](std::uint32_t) {
        const bool is_open =
            commands.read([&](std::string_view line) { clients.on_command(line); });
        if (!is_open) {
            clients.stop();
            loop->forget(input);
        }
    });
    return loop->run();
}

}  // namespace rota::lab
