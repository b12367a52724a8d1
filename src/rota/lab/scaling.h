#pragma once

#include <chrono>
#include <optional>

#include "rota/base/clock.h"

namespace rota::lab {

/// Target tracking as an auto-scaling group does it: grows at once when the members are busier than
/// the target, shrinks only after they have been idle for a while.
/// @source Amazon EC2 Auto Scaling User Guide, "Target tracking scaling policies".
struct ScalingPolicy {
    unsigned min = 1;
    unsigned max = 1;
    double target = 0.6;  ///< utilisation to hold, of 1
    std::chrono::duration<double> out_cooldown{3};
    std::chrono::duration<double> in_cooldown{4};
    std::chrono::duration<double> in_patience{3};  ///< how long a smaller group must have sufficed
};

/// What the group knows of its members at one moment.
struct GroupMetrics {
    double work = 0;          ///< requests in work or waiting, over all members: a mean of seconds
    double capacity = 1;      ///< requests that one member works on at a time
    unsigned in_service = 0;  ///< members that take traffic
    unsigned pending = 0;     ///< launched, not in service yet
};

/// Work over capacity of the members in service; 0 when there are none. Above 1.5 it says no more:
/// a queue tells that there is too little, not how much.
double utilisation(const GroupMetrics& metrics) noexcept;

struct ScalingState {
    unsigned desired = 1;
    std::optional<BootTime> last_out = std::nullopt;
    std::optional<BootTime> last_in = std::nullopt;
    std::optional<BootTime> idle_since = std::nullopt;  ///< since when a smaller group would do
};

/// The state after looking at `metrics`; `desired` stays between min and max, whatever it was.
ScalingState scale(const ScalingPolicy& policy, const ScalingState& state,
                   const GroupMetrics& metrics, BootTime now) noexcept;

}  // namespace rota::lab
