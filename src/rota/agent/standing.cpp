#include "rota/agent/standing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/published.h"
#include "rota/agent/status.h"
#include "rota/base/clock.h"
#include "rota/health/agent_check.h"
#include "rota/health/judge.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

/// Its absences are guarded, and the rota is being read for whether it may go. An API that does not
/// answer decides nothing.
bool is_deciding(const State& state, const Member& member) {
    return member.phase >= Phase::leave_resolving && member.phase <= Phase::cleared &&
           member.was_in_service && member.failures == 0 && !state.absences.empty() &&
           guard_of(state.absences) != Guard::none;
}

bool is_in(const State& state, const Member& member) {
    return (member.phase == Phase::in_service && !member.scale.before_zero) ||
           is_deciding(state, member);
}

/// Whether it is to get no traffic: it has a reason, and in some rota nothing holds it back.
bool is_absent(const State& state) {
    const auto is_free = [&state](const Member& member) {
        return member.held.empty() && !is_deciding(state, member);
    };
    return !state.absences.empty() && std::ranges::any_of(state.members, is_free);
}

bool is_ready(const State& state) {
    return state.is_ready && health_of(state) != health::Verdict::initial;
}

bool says_maint(const State& state) {
    return std::ranges::any_of(state.examinations, [](const Examination& one) {
        return one.words.mode == health::AgentMode::maint;
    });
}

/// What is in force of the configured weight, or will be, by the rota that has most of it.
health::AgentWeight weight_of(const Snapshot& snapshot) {
    // HAProxy's own bound: the smallest weight becomes the largest.
    constexpr std::uint32_t kMostPercent = 25'600;
    std::optional<std::uint32_t> percent;
    for (std::size_t i = 0; i < snapshot.state.members.size(); ++i) {
        const Member& member = snapshot.state.members[i];
        const std::uint32_t configured = snapshot.weights[i];
        const auto* const stored =
            member.stored ? std::get_if<model::WeightedRouting>(&member.stored->routing) : nullptr;
        const std::uint32_t weight = member.phase == Phase::in_service && stored != nullptr
                                         ? stored->weight
                                         : member.membership.weight;
        if (configured > 0) {
            // Zero is a word of its own: no traffic.
            const std::uint32_t least = weight > 0 ? 1 : 0;
            const std::uint32_t here = std::clamp(weight * 100 / configured, least, kMostPercent);
            percent = std::max(percent.value_or(0), here);
        }
    }
    return {.value = percent.value_or(100), .is_percent = true};
}

}  // namespace

Standing standing_of(const State& state, BootTime now) {
    if (state.is_leaving) {
        return {.is_in = false,
                .text = fmt::format("leaving on {}: {}", state.leave_reason, summary(state, now))};
    }
    const bool is_everywhere = std::ranges::all_of(
        state.members, [&state](const Member& member) { return is_in(state, member); });
    return {.is_in = is_everywhere, .text = summary(state, now)};
}

health::AgentCheckReport agent_check_of(const Snapshot& snapshot, BootTime now) {
    using health::AgentHealth;
    using health::AgentMode;
    const State& state = snapshot.state;
    health::AgentCheckReport report;
    if (state.is_leaving) {
        report.mode = AgentMode::drain;
        report.reason = "leaving on " + state.leave_reason;
    } else if (is_absent(state)) {
        const bool is_sick_alone = std::ranges::all_of(state.absences, [](const Absence& absence) {
            return absence.reason == Reason::unhealthy;
        });
        if (is_sick_alone) {
            report.mode = AgentMode::ready;
            report.health = AgentHealth::down;
        } else {
            report.mode = says_maint(state) ? AgentMode::maint : AgentMode::drain;
        }
        report.reason = describe(state.absences);
    } else if (!is_ready(state)) {
        report.mode = AgentMode::ready;
        report.health = AgentHealth::down;
        report.reason = summary(state, now);
    } else {
        report.mode = AgentMode::ready;
        report.health = AgentHealth::up;
        report.weight = weight_of(snapshot);
    }
    return report;
}

}  // namespace rota::agent
