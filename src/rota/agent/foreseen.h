#pragma once

#include <chrono>
#include <optional>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/instance/notices.h"

namespace rota::agent {

/// What the notices ask of the instance: nothing, or an absence.
struct Foreseen {
    std::optional<Absence> ending;   ///< spot, Terminated, a scheduled stop or reboot that is near
    std::optional<Absence> standby;  ///< Standby, Detached, the warm pool
};

/// A spot notice and Terminated count at once. A scheduled event counts from `lead` before it
/// begins until it is over.
/// @param lead  what a leave may take.
Foreseen foresee(const instance::Notices& notices, WallTime now, std::chrono::seconds lead);

/// The notice that a plan of a leave counts with: `--notice`, else that of a spot instance.
std::optional<std::chrono::seconds> planned_notice(const Settings& settings, bool is_spot);

}  // namespace rota::agent
