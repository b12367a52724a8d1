#include "rota/agent/drain.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rota/base/clock.h"

namespace rota::agent {
namespace {

// More changes than this within one TTL are merged, towards the longer lifetime.
constexpr std::size_t kMostSeen = 16;

}  // namespace

void TtlHistory::observe(std::chrono::seconds ttl, BootTime now) {
    if (!seen_.empty()) {
        // It changed at some time since the last look: until now, as far as anybody can tell.
        seen_.back().last_in_force = now;
        if (seen_.back().ttl == ttl) {
            return;
        }
    }
    forget_expired(now);
    if (seen_.size() == kMostSeen) {
        seen_[1].ttl = std::max(seen_[0].ttl, seen_[1].ttl);
        seen_.erase(seen_.begin());
    }
    seen_.push_back({.ttl = ttl, .last_in_force = now});
}

std::chrono::seconds TtlHistory::largest(BootTime now) const {
    std::chrono::seconds largest{0};
    for (const Seen& seen : seen_) {
        const bool in_force = &seen == &seen_.back();
        if (in_force || seen.last_in_force + seen.ttl > now) {
            largest = std::max(largest, seen.ttl);
        }
    }
    return largest;
}

void TtlHistory::forget_expired(BootTime now) {
    std::erase_if(seen_, [now](const Seen& seen) { return seen.last_in_force + seen.ttl <= now; });
}

void ClientTraffic::add(std::uint64_t octets, BootTime now, std::chrono::nanoseconds window) {
    constexpr double kQuiet = 0.01;
    if (!begun_) {
        begun_ = now;
        return;
    }
    octets_ += octets;
    const std::chrono::duration<double> elapsed = now - *begun_;
    if (elapsed < window || elapsed.count() <= 0) {
        return;
    }
    const double rate = static_cast<double>(octets_) / elapsed.count();
    busiest_ = std::max(busiest_, rate);
    if (rate > 0 && rate >= busiest_ * kQuiet) {
        quiet_since_.reset();
    } else if (!quiet_since_) {
        quiet_since_ = begun_;
    }
    begun_ = now;
    octets_ = 0;
}

}  // namespace rota::agent
