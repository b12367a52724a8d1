#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The words of HAProxy's agent-check, both directions. A service that HAProxy asks answers with one
// line, as "ready up 75%": words in any order, separated by spaces, tabs or commas. What a line
// does not name stays as it was, and only the agent takes back what the agent said.
namespace rota::health {

/// What the agent says of the service.
enum class AgentHealth : std::uint8_t { up, down, stopped, fail };

/// What its operator wants.
enum class AgentMode : std::uint8_t { ready, drain, maint };

struct AgentWeight {
    std::uint32_t value = 0;
    bool is_percent = true;  ///< of the configured weight; otherwise as it is, 0 to 256
    bool operator==(const AgentWeight&) const = default;
};

struct AgentCheckReport {
    std::optional<AgentHealth> health;
    std::optional<AgentMode> mode;
    std::optional<AgentWeight> weight;
    std::string reason;   ///< what followed a word that begins with "#", for people
    std::string unknown;  ///< the first word that means nothing here, for the log
    bool operator==(const AgentCheckReport&) const = default;
};

/// How much of an answer is read, its line end included.
inline constexpr std::size_t kLongestAgentCheck = 1024;

std::string_view to_string(AgentHealth health) noexcept;
std::string_view to_string(AgentMode mode) noexcept;

/// Reads one line, up to its end (CR, LF or the end of the text). Letter case does not matter; of
/// several words of one kind the last counts; "maxconn:N" is known and left aside. A percentage
/// above 25600 counts as 25600, which takes the smallest weight to the largest. A "#" inside a word
/// begins no reason: HAProxy does not know "down#why" either.
/// @source HAProxy 2.6 Configuration Manual, section 5.2, "agent-check".
AgentCheckReport parse_agent_check(std::string_view text);

/// The line that parse_agent_check() reads as `report` (less `unknown`), its "\n" included.
/// Percentages are written in the old form, which every HAProxy reads.
std::string format_agent_check(const AgentCheckReport& report);

/// What remains of an agent's words: each report over those before it.
struct AgentCheckState {
    AgentMode mode = AgentMode::ready;
    std::optional<AgentWeight> weight;  ///< nothing: the configured one
    bool operator==(const AgentCheckState&) const = default;
};

/// @returns `state` after `report`; its health is the Judge's (judge.h).
AgentCheckState after(AgentCheckState state, const AgentCheckReport& report);

}  // namespace rota::health
