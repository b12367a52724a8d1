#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/server/answer_times.h"
#include "rota/zone/snapshot.h"

// The network side of the name server. Every worker is a thread with one UDP socket (SO_REUSEPORT,
// one a worker and address) that reads a batch, answers it from one snapshot and sends it; one more
// thread serves TCP. Snapshots reach them through the publisher: a pointer under a lock and a
// generation that each worker compares once per batch.
namespace rota::server {

struct DnsServerOptions {
    /// "192.0.2.1:53", "[2001:db8::1]:53"; port 0 lets the kernel pick one, the same for UDP and
    /// TCP.
    // Braced, so that designated initialisers may leave it out (GCC warns otherwise).
    std::vector<std::string> addresses{};  // NOLINT(readability-redundant-member-init)
    unsigned workers = 1;                  ///< UDP threads for each address
    std::size_t receive_buffer = std::size_t{4} << 20U;  ///< octets for each UDP socket
    std::size_t max_tcp_connections = 1024;
    std::size_t max_tcp_per_address = 64;  ///< an IPv4 address, an IPv6 /64
    std::chrono::milliseconds tcp_idle{10000};
};

/// Counted since the start; sums over the threads, each of which alone writes its own.
struct DnsStats {
    std::uint64_t udp_queries = 0;  ///< datagrams received, dropped ones included
    std::uint64_t tcp_queries = 0;
    std::array<std::uint64_t, 24> responses_by_rcode{};  ///< index = RCODE; 16 is BADVERS
    std::uint64_t dropped = 0;    ///< queries that get no answer (QR set, too short, source port 0)
    std::uint64_t truncated = 0;  ///< responses with TC
    std::uint64_t send_errors = 0;
    std::uint64_t tcp_connections = 0;  ///< accepted
    std::uint64_t tcp_open = 0;         ///< now
    std::uint64_t tcp_rejected = 0;     ///< closed at once: too many from one address
    std::uint64_t tcp_evicted = 0;      ///< closed to make room: the longest idle of all
    std::uint64_t tcp_timed_out = 0;    ///< closed on the idle limit
};

class DnsServer {
public:
    /// Binds every UDP and TCP socket; nothing is answered before start().
    /// @errors usage: an address that cannot be read. permission, conflict, unavailable: the
    /// message names address and port, who holds the port where that can be seen, and the way out.
    static Result<std::unique_ptr<DnsServer>> bind(DnsServerOptions options);

    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;
    DnsServer(DnsServer&&) = delete;
    DnsServer& operator=(DnsServer&&) = delete;
    ~DnsServer();

    /// Sets what is called, from the publisher's thread, when every worker (UDP and TCP) answers
    /// from a snapshot of at least `generation`. Call before start(). It should return soon: the
    /// next acknowledgement waits for it.
    void on_acknowledged(std::function<void(std::uint64_t generation)> call);

    /// Starts the threads, which answer from `first` (generation 1). Call after privileges are
    /// dropped.
    Status start(zone::SnapshotPtr first);

    /// Makes `next` the snapshot to answer from; any thread may call it.
    /// @returns its generation, which on_acknowledged will tell.
    std::uint64_t publish(zone::SnapshotPtr next);

    /// Ends the threads and closes the sockets; answers already begun are finished. Idempotent.
    void stop();

    [[nodiscard]] DnsStats stats() const;

    /// Of every thread that answers; as long as the server.
    [[nodiscard]] std::vector<AnswerTimes*> answer_times() const;

    /// The addresses that are served, with the real ports.
    [[nodiscard]] std::vector<std::string> addresses() const;

    /// The smallest receive buffer that the kernel gave to a UDP socket, in octets.
    [[nodiscard]] std::size_t receive_buffer() const;

private:
    struct Parts;

    explicit DnsServer(std::unique_ptr<Parts> parts);

    std::unique_ptr<Parts> parts_;
};

}  // namespace rota::server
