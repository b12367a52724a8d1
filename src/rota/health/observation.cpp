#include "rota/health/observation.h"

#include "rota/health/agent_check.h"

namespace rota::health {

bool admits(const Observation& observation) noexcept {
    const bool is_wanted = !observation.report ||
                           observation.report->mode.value_or(AgentMode::ready) == AgentMode::ready;
    const bool is_answered = observation.passed() || (observation.outcome == Outcome::neutral &&
                                                      observation.report.has_value());
    return is_wanted && is_answered;
}

}  // namespace rota::health
