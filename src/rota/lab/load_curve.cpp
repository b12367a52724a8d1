#include "rota/lab/load_curve.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace rota::lab {
namespace {

// Phases at which the wave turns: it climbs from kRise to kTop and falls from kFall to kEnd. The
// quiet rest, 40 % of a wave, is where the group shrinks and its leavers drain.
constexpr double kRise = 0.05;
constexpr double kTop = 0.30;
constexpr double kFall = 0.46;
constexpr double kEnd = 0.58;

double smooth_step(double x) noexcept {
    x = std::clamp(x, 0.0, 1.0);
    return x * x * (3 - 2 * x);
}

}  // namespace

double wave(double phase) noexcept {
    phase -= std::floor(phase);
    if (phase < kFall) {
        return smooth_step((phase - kRise) / (kTop - kRise));
    }
    return 1 - smooth_step((phase - kFall) / (kEnd - kFall));
}

double load_at(const LoadCurve& curve, std::chrono::duration<double> elapsed) noexcept {
    return curve.low + (curve.high - curve.low) * wave(elapsed / curve.period);
}

std::chrono::duration<double> shortest_wave(std::chrono::duration<double> drain) noexcept {
    // The quiet rest then holds four drains, one after another, and the climb two and a half TTLs.
    constexpr double kDrainsInAWave = 10;
    return kDrainsInAWave * drain;
}

LoadCurve fit_curve(double low, double high, std::chrono::duration<double> duration,
                    std::chrono::duration<double> drain) noexcept {
    const double waves = std::max(1.0, std::floor(duration / shortest_wave(drain)));
    return {.low = low, .high = high, .period = duration / waves};
}

}  // namespace rota::lab
