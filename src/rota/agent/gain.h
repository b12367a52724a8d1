#pragma once

#include <chrono>

#include "rota/base/error.h"

// How hard a loop may correct what it sees late. The weight law steps once per window of
// max(TTL, 60 s), and what it did shows after a delay: the window itself, and the life of
// connections that stay where they are.
namespace rota::agent {

/// For e(k+1) = e(k) - gain * e(k - delay), exactly.
struct GainBounds {
    double stable = 0;             ///< from here on the loop swings without end
    double without_overshoot = 0;  ///< up to here it does not even swing once
};

/// 2 sin(pi / (2 (2 delay + 1))) and delay^delay / (delay + 1)^(delay + 1).
/// @source Levin and May, "A note on difference-delay equations", Theoretical Population Biology 9
/// (1976), for the first; the double root of the characteristic polynomial for the second.
GainBounds gain_bounds(unsigned delay) noexcept;

/// Between two steps of the law where nothing else is said.
inline constexpr std::chrono::seconds kUsualInterval{60};

/// The time between two steps of the law: the TTL, or `least` where that is longer.
constexpr std::chrono::seconds control_interval(
    std::chrono::seconds ttl, std::chrono::seconds least = kUsualInterval) noexcept {
    return ttl > least ? ttl : least;
}

/// In steps: one, and those through which connections of mean life `connection_life` stay.
unsigned control_delay(std::chrono::seconds connection_life, std::chrono::seconds ttl,
                       std::chrono::seconds least = kUsualInterval) noexcept;

/// Whether a loop with that gain settles. @errors config: names the gain and both bounds.
Status check_gain(double gain, std::chrono::seconds connection_life, std::chrono::seconds ttl,
                  std::chrono::seconds least = kUsualInterval);

/// `gain`, or 80 % of the stability bound where that is less.
double safe_gain(double gain, std::chrono::seconds connection_life, std::chrono::seconds ttl,
                 std::chrono::seconds least = kUsualInterval) noexcept;

}  // namespace rota::agent
