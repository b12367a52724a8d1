#pragma once

#include <cstdint>
#include <optional>

#include "rota/base/clock.h"
#include "rota/instance/load.h"

// What an instance could carry, from what it carries: requests a second over utilisation. It is an
// estimate of the whole, not of the room that is left, so it holds no feedback and cannot herd.
namespace rota::agent {

/// requests / (utilisation + errors / requests), all a second: failures are cheap to serve and must
/// not look like capacity.
/// @returns nothing below a utilisation of 0.1 or one request a second, which say nothing.
/// @source gRFC A58, "Client-Side Weighted Round Robin LB Policy".
std::optional<double> capacity_of(double utilisation, double requests, double errors) noexcept;

struct CapacityEstimate {
    /// Over the last look, for people and for the fleet.
    std::optional<double> requests_per_second;
    std::optional<double> errors_per_second;
    std::optional<double> smoothed;  ///< with a time constant of 60 s
    // What the look before saw.
    std::optional<std::uint64_t> requests;
    std::uint64_t errors = 0;
    BootTime counted_at;
    BootTime first_at;  ///< of the figures in `smoothed`
    BootTime last_at;
};

/// Takes one look in. A counter that has gone back (a restart) begins anew.
void observe(CapacityEstimate& estimate, const instance::LoadSample& load, BootTime now);

/// Requests a second at a utilisation of 1.
/// @returns nothing before 30 s of figures, and 180 s after the last.
std::optional<double> capacity(const CapacityEstimate& estimate, BootTime now);

/// A figure smoothed with a time constant of 60 s, after `elapsed` since the last.
double smooth(std::optional<double> before, double figure, BootClock::duration elapsed) noexcept;

}  // namespace rota::agent
