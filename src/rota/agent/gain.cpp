#include "rota/agent/gain.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "rota/base/error.h"

namespace rota::agent {

using std::chrono::seconds;

GainBounds gain_bounds(unsigned delay) noexcept {
    const double d = delay;
    return {.stable = 2 * std::sin(std::numbers::pi / (2 * (2 * d + 1))),
            .without_overshoot = std::pow(d, d) / std::pow(d + 1, d + 1)};
}

unsigned control_delay(seconds connection_life, seconds ttl, seconds least) noexcept {
    const auto interval = std::max(control_interval(ttl, least), seconds{1}).count();
    constexpr seconds kLongest{86400};
    const auto life = std::clamp(connection_life, seconds{0}, kLongest).count();
    return static_cast<unsigned>(1 + (life + interval - 1) / interval);
}

Status check_gain(double gain, seconds connection_life, seconds ttl, seconds least) {
    const unsigned delay = control_delay(connection_life, ttl, least);
    const GainBounds bounds = gain_bounds(delay);
    if (!(gain > 0 && gain < bounds.stable)) {
        return fail(
            ErrorKind::config,
            fmt::format("gain {} must be above 0 and below {:.3f}: with a TTL of {} s and "
                        "connections that live {} s the loop answers {} steps of {} s late, and "
                        "from {:.3f} on weights swing without end (up to {:.3f} they do not "
                        "overshoot)",
                        gain, bounds.stable, ttl.count(), connection_life.count(), delay,
                        control_interval(ttl, least).count(), bounds.stable,
                        bounds.without_overshoot));
    }
    return {};
}

double safe_gain(double gain, seconds connection_life, seconds ttl, seconds least) noexcept {
    constexpr double kPart = 0.8;
    return std::min(gain, kPart * gain_bounds(control_delay(connection_life, ttl, least)).stable);
}

}  // namespace rota::agent
