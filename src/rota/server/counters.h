#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "rota/server/dns_server.h"
#include "rota/zone/answer.h"

namespace rota::server {

/// A number that one thread writes and others read: no locked instruction on the query path.
class Counter {
public:
    void add(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }

    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// What one thread counts.
struct alignas(64) Counters {
    Counter queries;
    std::array<Counter, std::tuple_size_v<decltype(DnsStats::responses_by_rcode)>> by_rcode;
    Counter dropped;
    Counter truncated;
    Counter send_errors;

    void count(const zone::Answer& answer) noexcept {
        if (answer.size == 0) {
            dropped.add();
            return;
        }
        by_rcode[answer.rcode].add();
        if (answer.truncated) {
            truncated.add();
        }
    }

    /// Adds to everything but the queries, which are told by transport.
    void add_to(DnsStats& stats) const noexcept {
        for (std::size_t i = 0; i < by_rcode.size(); ++i) {
            stats.responses_by_rcode[i] += by_rcode[i].get();
        }
        stats.dropped += dropped.get();
        stats.truncated += truncated.get();
        stats.send_errors += send_errors.get();
    }
};

struct alignas(64) TcpCounters {
    Counter accepted;
    Counter open;
    Counter rejected;
    Counter evicted;
    Counter timed_out;
};

}  // namespace rota::server
