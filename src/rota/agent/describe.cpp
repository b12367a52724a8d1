#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/clock.h"
#include "rota/health/judge.h"

namespace rota::agent {

std::string_view to_string(Phase phase) noexcept {
    switch (phase) {
        case Phase::waiting:
            return "waiting";
        case Phase::resolving:
            return "resolving";
        case Phase::reading:
            return "reading";
        case Phase::writing:
            return "writing";
        case Phase::joining:
            return "joining";
        case Phase::in_service:
            return "in_service";
        case Phase::blocked:
            return "blocked";
        case Phase::leave_resolving:
            return "leave_resolving";
        case Phase::leave_reading:
            return "leave_reading";
        case Phase::cleared:
            return "cleared";
        case Phase::fading:
            return "fading";
        case Phase::restoring:
            return "restoring";
        case Phase::deleting:
            return "deleting";
        case Phase::withdrawing:
            return "withdrawing";
        case Phase::draining:
            return "draining";
        case Phase::verifying:
            return "verifying";
        case Phase::rechecking:
            return "rechecking";
        case Phase::emptying:
            return "emptying";
        case Phase::proving:
            return "proving";
        case Phase::out:
            return "out";
        case Phase::gone:
            return "gone";
        case Phase::refused:
            return "refused";
        case Phase::failed:
            return "failed";
        case Phase::expired:
            return "expired";
        case Phase::rehearsed:
            return "rehearsed";
    }
    return "unknown";
}

std::string in_seconds(BootTime::duration duration) {
    return fmt::format("{} s", std::chrono::ceil<std::chrono::seconds>(duration).count());
}

namespace {

std::string waiting_for(const State& state) {
    if (!state.is_ready) {
        return state.readiness_detail.empty() ? "waiting for readiness"
                                              : "waiting for readiness: " + state.readiness_detail;
    }
    for (std::size_t i = 0; i < state.examinations.size(); ++i) {
        const health::Judge& judge = state.examinations[i].judge;
        if (judge.verdict == health::Verdict::initial) {
            return fmt::format("waiting for {}{}{}", state.settings.checks[i].text,
                               judge.reason.empty() ? "" : ": ", judge.reason);
        }
    }
    return "waiting";
}

}  // namespace

std::string describe(const State& state, const Member& member, BootTime now) {
    if (state.is_leaving && member.phase < Phase::leave_resolving) {
        return "leaving, the record set has not been deleted: the last call is not answered";
    }
    switch (member.phase) {
        case Phase::waiting:
            return waiting_for(state);
        case Phase::resolving:
        case Phase::reading:
            return "about to join";
        case Phase::writing:
            return "joining, the UPSERT is not accepted yet";
        case Phase::joining:
            return fmt::format("joining, change {} is PENDING", member.change_id);
        case Phase::in_service:
            if (!member.held.empty()) {
                return fmt::format("in service although {}: {}", describe(state.absences),
                                   member.held);
            }
            if (member.scale.before_zero) {
                return state.absences.empty() ? std::string{"its weight is being written back"}
                                              : "at weight 0: " + describe(state.absences);
            }
            return "in service";
        case Phase::blocked:
            return "not in the rota";
        case Phase::leave_resolving:
        case Phase::leave_reading:
        case Phase::cleared:
            return "leaving, the record set has not been deleted";
        case Phase::fading:
            if (!member.wake) {
                return "leaving by way of weight 0";
            }
            return fmt::format("leaving, {}deleted in {}",
                               member.faded_from
                                   ? fmt::format("at weight 0 (it was {}), ", *member.faded_from)
                                   : std::string{},
                               in_seconds(*member.wake - now));
        case Phase::restoring:
            return "may not leave, its weight is being written back";
        case Phase::deleting:
            return "leaving, the DELETE is not accepted yet";
        case Phase::withdrawing:
            return fmt::format("leaving, change {} is PENDING", member.change_id);
        case Phase::out:
            return "out of the rota: " +
                   (state.absences.empty() ? waiting_for(state) : describe(state.absences));
        case Phase::rechecking:
        case Phase::proving:
        case Phase::draining:
            return member.floor && *member.floor > now
                       ? fmt::format("draining, safe in {}", in_seconds(*member.floor - now))
                       : std::string{"draining"};
        case Phase::emptying:
            return fmt::format("drained, {} connections are still open ({})",
                               state.clients.last.total, describe(state.clients.last));
        case Phase::verifying:
            return "drained, looking for a late write";
        case Phase::gone:
        case Phase::refused:
        case Phase::failed:
        case Phase::expired:
        case Phase::rehearsed:
            return member.note;
    }
    return {};
}

}  // namespace rota::agent
