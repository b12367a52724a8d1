#include "rota/agent/drain.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
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

}  // namespace rota::agent
