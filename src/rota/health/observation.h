#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rota/health/agent_check.h"

namespace rota::health {

enum class Outcome : std::uint8_t {
    failed,
    passed,
    neutral,  ///< no news: an agent that could not be reached, or said nothing about its health
};

/// What one probe saw.
struct Observation {
    Outcome outcome = Outcome::failed;
    std::string detail;  ///< for people; one line, no longer than 500 octets
    std::string output;  ///< exec: the last lines of what the command wrote, at most 1,024 octets
    std::optional<AgentCheckReport> report;  ///< agent_check: when the agent answered

    [[nodiscard]] bool passed() const noexcept { return outcome == Outcome::passed; }
};

/// Whether a target that has never been seen before may be used on this: it passed, or is an agent
/// that answered and has nothing against it.
bool admits(const Observation& observation) noexcept;

}  // namespace rota::health
