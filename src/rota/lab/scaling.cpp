#include "rota/lab/scaling.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "rota/base/clock.h"

namespace rota::lab {
namespace {

constexpr double kMostUtilisation = 1.5;
/// A group shrinks only to where it stays this far under the target: no flapping around it.
constexpr double kHeadroom = 0.9;

unsigned members_for(double load, double target) noexcept {
    return static_cast<unsigned>(std::ceil(load / target - 1e-9));
}

bool has_passed(const std::optional<BootTime>& since, std::chrono::duration<double> wait,
                BootTime now) noexcept {
    return !since || now - *since >= wait;
}

}  // namespace

double utilisation(const GroupMetrics& metrics) noexcept {
    if (metrics.in_service == 0 || metrics.capacity <= 0) {
        return 0;
    }
    return std::min(kMostUtilisation, metrics.work / (metrics.capacity * metrics.in_service));
}

ScalingState scale(const ScalingPolicy& policy, const ScalingState& state,
                   const GroupMetrics& metrics, BootTime now) noexcept {
    ScalingState next = state;
    next.desired = std::clamp(state.desired, policy.min, policy.max);
    if (metrics.in_service == 0) {
        next.idle_since.reset();
        return next;
    }
    const double load = utilisation(metrics) * metrics.in_service;
    const unsigned wanted = std::clamp(members_for(load, policy.target), policy.min, policy.max);
    const unsigned enough =
        std::clamp(members_for(load, policy.target * kHeadroom), policy.min, policy.max);

    if (wanted > next.desired) {
        next.idle_since.reset();
        if (has_passed(state.last_out, policy.out_cooldown, now)) {
            next.desired = wanted;
            next.last_out = now;
        }
        return next;
    }
    if (enough >= next.desired || metrics.pending > 0) {
        next.idle_since.reset();
        return next;
    }
    if (!next.idle_since) {
        next.idle_since = now;
    }
    if (has_passed(next.idle_since, policy.in_patience, now) &&
        has_passed(state.last_in, policy.in_cooldown, now) &&
        has_passed(state.last_out, policy.in_cooldown, now)) {
        const unsigned most = std::max(1U, next.desired / 2);  // half the group at a time
        next.desired = std::max(enough, next.desired - most);
        next.last_in = now;
        next.idle_since.reset();
    }
    return next;
}

}  // namespace rota::lab
