#include "rota/agent/drain_commands.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/log.h"

namespace rota::agent {
namespace {

/// From the DELETE on: before it nothing is decided.
bool is_draining(const Member& member) {
    return is_going_out(member) && member.phase != Phase::leave_resolving &&
           member.phase != Phase::leave_reading && member.phase != Phase::cleared;
}

}  // namespace

std::string_view to_string(DrainMoment moment) noexcept {
    return moment == DrainMoment::begin ? "begin" : "end";
}

void Stepper::command_where_due() {
    if (!state_.settings.has_drain_commands) {
        return;
    }
    DrainCommands& commands = state_.drain_commands;
    const auto tell = [&commands](DrainMoment moment) {
        commands.has_begun = moment == DrainMoment::begin;
        // With one before it that is not told yet it is nothing.
        commands.due = commands.due ? std::nullopt : std::optional{moment};
    };
    if (!commands.has_begun && std::ranges::any_of(state_.members, is_draining)) {
        tell(DrainMoment::begin);
    } else if (commands.has_begun && std::ranges::none_of(state_.members, is_going_out)) {
        tell(DrainMoment::end);
    }
    if (!commands.is_out && commands.due) {
        commands.is_out = true;
        actions_.emplace_back(RunDrainCommand{
            .moment = *commands.due,
            .reason = state_.is_leaving ? state_.leave_reason : describe(state_.absences)});
        commands.due.reset();
    }
}

void Stepper::on(const DrainCommandEnded& event) {
    state_.drain_commands.is_out = false;
    if (!event.problem.empty()) {
        actions_.emplace_back(
            Say{.level = log::Level::warning,
                .member = std::nullopt,
                .text = fmt::format("drain-{}: {}", to_string(event.moment), event.problem)});
    }
}

}  // namespace rota::agent
