#include "rota/server/dns_server.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/server/answer_times.h"
#include "rota/server/counters.h"
#include "rota/server/endpoint.h"
#include "rota/server/publisher.h"
#include "rota/server/tcp_server.h"
#include "rota/server/udp_worker.h"
#include "rota/zone/snapshot.h"

namespace rota::server {

struct DnsServer::Parts {
    DnsServerOptions options;
    std::vector<Endpoint> endpoints;
    std::function<void(std::uint64_t)> on_acknowledged;
    Publisher publisher;
    std::vector<std::unique_ptr<UdpWorker>> udp;
    std::unique_ptr<TcpServer> tcp;
    bool is_started = false;
    std::size_t receive_buffer = std::numeric_limits<std::size_t>::max();
};

namespace {

/// The sockets of one address.
struct Sockets {
    Endpoint endpoint;
    Fd tcp;
    std::vector<Fd> udp;
    std::size_t receive_buffer = 0;  ///< of each
};

/// Binds everything on one port. A socket that shares nothing comes first: with SO_REUSEPORT alone,
/// a second server would be let in and get part of the queries.
Result<Sockets> bind_on(const Endpoint& wanted, const DnsServerOptions& options) {
    Sockets sockets;
    sockets.tcp = ROTA_TRY(bind_socket(Socket::tcp, wanted, Sharing::alone));
    sockets.endpoint = ROTA_TRY(Endpoint::of_socket(sockets.tcp.get()));
    ROTA_TRY(bind_socket(Socket::udp, sockets.endpoint, Sharing::alone)).reset();
    for (unsigned i = 0; i < options.workers; ++i) {
        Fd fd = ROTA_TRY(bind_socket(Socket::udp, sockets.endpoint, Sharing::shared));
        sockets.receive_buffer =
            ROTA_TRY(prepare_udp(fd.get(), sockets.endpoint, options.receive_buffer));
        sockets.udp.push_back(std::move(fd));
    }
    return sockets;
}

/// As bind_on; a port that the kernel picked for TCP may be taken for UDP, and then another is
/// tried.
Result<Sockets> bind_address(const std::string& address, const DnsServerOptions& options) {
    const Endpoint wanted = ROTA_TRY(Endpoint::parse(address));
    constexpr int kTries = 20;
    for (int i = 1;; ++i) {
        auto sockets = bind_on(wanted, options);
        const bool is_worth_a_try = !sockets && wanted.port() == 0 && i < kTries &&
                                    sockets.error().kind == ErrorKind::conflict;
        if (!is_worth_a_try) {
            return sockets;
        }
    }
}

}  // namespace

Result<std::unique_ptr<DnsServer>> DnsServer::bind(DnsServerOptions options) {
    if (options.addresses.empty() || options.workers == 0) {
        return fail(ErrorKind::usage, "the name server needs an address and at least one worker");
    }
    auto parts = std::make_unique<Parts>();
    std::vector<Fd> listeners;
    for (const std::string& address : options.addresses) {
        Sockets sockets = ROTA_TRY(bind_address(address, options));
        for (Fd& socket : sockets.udp) {
            parts->udp.push_back(std::make_unique<UdpWorker>(
                std::move(socket), sockets.endpoint.is_wildcard(), parts->publisher.add_reader()));
        }
        listeners.push_back(std::move(sockets.tcp));
        parts->endpoints.push_back(sockets.endpoint);
        parts->receive_buffer = std::min(parts->receive_buffer, sockets.receive_buffer);
    }
    parts->tcp = ROTA_TRY(TcpServer::make(
        std::move(listeners),
        {options.max_tcp_connections, options.max_tcp_per_address, options.tcp_idle},
        parts->publisher.add_reader()));
    parts->options = std::move(options);
    return std::unique_ptr<DnsServer>{new DnsServer{std::move(parts)}};
}

DnsServer::DnsServer(std::unique_ptr<Parts> parts) : parts_{std::move(parts)} {}

DnsServer::~DnsServer() {
    stop();
}

void DnsServer::on_acknowledged(std::function<void(std::uint64_t generation)> call) {
    parts_->on_acknowledged = std::move(call);
}

Status DnsServer::start(zone::SnapshotPtr first) {
    if (std::exchange(parts_->is_started, true)) {
        return fail(ErrorKind::internal, "the name server was started before");
    }
    parts_->publisher.publish(std::move(first));
    parts_->publisher.start(parts_->on_acknowledged);
    for (const auto& worker : parts_->udp) {
        worker->start();
    }
    parts_->tcp->start();
    return {};
}

std::uint64_t DnsServer::publish(zone::SnapshotPtr next) {
    return parts_->publisher.publish(std::move(next));
}

void DnsServer::stop() {
    for (const auto& worker : parts_->udp) {
        worker->stop();
    }
    parts_->tcp->stop();
    parts_->publisher.stop();
}

DnsStats DnsServer::stats() const {
    DnsStats stats;
    for (const auto& worker : parts_->udp) {
        stats.udp_queries += worker->counters().queries.get();
        worker->counters().add_to(stats);
    }
    stats.tcp_queries = parts_->tcp->counters().queries.get();
    parts_->tcp->counters().add_to(stats);
    const TcpCounters& tcp = parts_->tcp->tcp_counters();
    stats.tcp_connections = tcp.accepted.get();
    stats.tcp_open = tcp.open.get();
    stats.tcp_rejected = tcp.rejected.get();
    stats.tcp_evicted = tcp.evicted.get();
    stats.tcp_timed_out = tcp.timed_out.get();
    return stats;
}

std::vector<AnswerTimes*> DnsServer::answer_times() const {
    std::vector<AnswerTimes*> all;
    for (const auto& worker : parts_->udp) {
        all.push_back(&worker->answer_times());
    }
    all.push_back(&parts_->tcp->answer_times());
    return all;
}

std::size_t DnsServer::receive_buffer() const {
    return parts_->receive_buffer;
}

std::vector<std::string> DnsServer::addresses() const {
    std::vector<std::string> addresses;
    for (const Endpoint& endpoint : parts_->endpoints) {
        addresses.push_back(endpoint.to_text());
    }
    return addresses;
}

}  // namespace rota::server
