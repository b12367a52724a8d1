#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "rota/base/clock.h"

// The drain law. A resolver may hand out an address for as long as the TTL that it was answered
// with, counted from the last answer that any name server gave. That last answer is before INSYNC;
// so after INSYNC + TTL no cache holds it, and the margin pays for rounding and clocks.
namespace rota::agent {

/// The TTLs that a member's record set was seen with. A TTL that was lowered an hour ago from a day
/// to a minute is still in caches: it counts until its own lifetime has passed since it was last
/// seen in force.
class TtlHistory {
public:
    /// Notes that `ttl` is in force at `now`. `now` must not go back.
    void observe(std::chrono::seconds ttl, BootTime now);

    /// The largest TTL that a cache may still hold at `now`; zero when none was ever seen.
    [[nodiscard]] std::chrono::seconds largest(BootTime now) const;

    [[nodiscard]] bool empty() const noexcept { return seen_.empty(); }

private:
    struct Seen {
        std::chrono::seconds ttl;
        BootTime last_in_force;
    };

    void forget_expired(BootTime now);

    std::vector<Seen> seen_;  ///< the last one is in force; few, since equal neighbours are one
};

/// What clients that are still connected send and get while a member goes out. Who does no more
/// than a hundredth of what was once done, for a TTL, does not wait for anything.
class ClientTraffic {
public:
    /// Takes what has moved since the last call; the first only begins.
    /// @param window  over which a rate is taken: a fraction of the TTL, since requests come in
    /// bursts.
    void add(std::uint64_t octets, BootTime now, std::chrono::nanoseconds window);

    /// Since when every window was quiet: nothing moved, or under 1 % of what did in the busiest.
    [[nodiscard]] std::optional<BootTime> quiet_since() const noexcept { return quiet_since_; }

private:
    std::optional<BootTime> begun_;  ///< of this window
    std::uint64_t octets_ = 0;       ///< in it
    double busiest_ = 0;             ///< octets a second
    std::optional<BootTime> quiet_since_;
};

/// The moment before which the instance must go on serving.
/// @param insync  when the removal was seen to be in force on every name server.
constexpr BootTime drain_floor(BootTime insync, std::chrono::seconds largest_ttl,
                               std::chrono::seconds margin) noexcept {
    return insync + largest_ttl + margin;
}

}  // namespace rota::agent
