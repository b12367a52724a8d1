#include "rota/agent/capacity.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

#include "rota/base/clock.h"
#include "rota/instance/load.h"

namespace rota::agent {
namespace {

using Seconds = std::chrono::duration<double>;
using std::chrono::seconds;

constexpr double kLeastUtilisation = 0.1;
constexpr double kLeastRequests = 1;
constexpr seconds kShortestLook{1};
constexpr seconds kLongestLook{120};  // a machine that slept; utilisation is of its last moments
constexpr seconds kWarmUp{30};
constexpr seconds kExpiry{180};
constexpr Seconds kTimeConstant{60};

void take_figure(CapacityEstimate& estimate, double figure, BootTime now) {
    if (estimate.smoothed && now - estimate.last_at > kExpiry) {
        estimate.smoothed.reset();
    }
    if (!estimate.smoothed) {
        estimate.first_at = now;
        estimate.last_at = now;
    }
    estimate.smoothed = smooth(estimate.smoothed, figure, now - estimate.last_at);
    estimate.last_at = now;
}

}  // namespace

std::optional<double> capacity_of(double utilisation, double requests, double errors) noexcept {
    if (!(utilisation >= kLeastUtilisation) || !(requests >= kLeastRequests)) {
        return std::nullopt;
    }
    return requests / (utilisation + errors / requests);
}

double smooth(std::optional<double> before, double figure, BootClock::duration elapsed) noexcept {
    if (!before) {
        return figure;
    }
    return *before + (1 - std::exp(-(Seconds{elapsed} / kTimeConstant))) * (figure - *before);
}

void observe(CapacityEstimate& estimate, const instance::LoadSample& load, BootTime now) {
    if (!load.requests) {
        return;
    }
    const std::uint64_t errors = load.errors.value_or(0);
    const auto elapsed = now - estimate.counted_at;
    if (estimate.requests && elapsed < kShortestLook) {
        return;
    }
    estimate.requests_per_second.reset();
    estimate.errors_per_second.reset();
    if (estimate.requests && elapsed <= kLongestLook && *load.requests >= *estimate.requests &&
        errors >= estimate.errors) {
        const double span = Seconds{elapsed}.count();
        const double rate = static_cast<double>(*load.requests - *estimate.requests) / span;
        const double failures = static_cast<double>(errors - estimate.errors) / span;
        estimate.requests_per_second = rate;
        if (load.errors) {
            estimate.errors_per_second = failures;
        }
        if (const auto figure = capacity_of(load.utilisation.value_or(0), rate, failures)) {
            take_figure(estimate, *figure, now);
        }
    }
    estimate.requests = load.requests;
    estimate.errors = errors;
    estimate.counted_at = now;
}

std::optional<double> capacity(const CapacityEstimate& estimate, BootTime now) {
    if (!estimate.smoothed || estimate.last_at - estimate.first_at < kWarmUp ||
        now - estimate.last_at > kExpiry) {
        return std::nullopt;
    }
    return estimate.smoothed;
}

}  // namespace rota::agent
