#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/log.h"
#include "rota/health/judge.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

// Who sees everybody gone waits for those before it in the order of set identifiers, this long
// each, before it comes back.
constexpr std::chrono::seconds kTurn{5};
constexpr std::ptrdiff_t kMostTurns = 12;

auto absence_of(State& state, Reason reason) {
    return std::ranges::find(state.absences, reason, &Absence::reason);
}

}  // namespace

void Stepper::on(const WentAbsent& event) {
    const auto known = absence_of(state_, event.absence.reason);
    // An operator's order is told anew whatever it changes; others are told again and again.
    const bool is_news = known == state_.absences.end() || known->guard != event.absence.guard ||
                         (event.absence.reason == Reason::maintenance &&
                          (known->ends != event.absence.ends || known->text != event.absence.text));
    if (known == state_.absences.end()) {
        state_.absences.push_back(event.absence);
    } else {
        *known = event.absence;
    }
    if (is_news && !state_.is_leaving) {
        for (Member& member : state_.members) {
            member.held.clear();  // another reason may go where the last one could not
        }
        actions_.emplace_back(Say{.level = log::Level::warning,
                                  .member = std::nullopt,
                                  .text = "to be out of the rota: " + describe(state_.absences)});
    }
}

void Stepper::on(const CameBack& event) {
    const auto known = absence_of(state_, event.reason);
    if (known == state_.absences.end()) {
        return;
    }
    state_.absences.erase(known);
    if (!state_.is_leaving) {
        actions_.emplace_back(Say{.level = log::Level::info,
                                  .member = std::nullopt,
                                  .text = fmt::format("no longer {}", to_string(event.reason))});
    }
}

void Stepper::end_absences() {
    for (std::size_t i = state_.absences.size(); i > 0; --i) {
        const Absence& absence = state_.absences[i - 1];
        if (absence.ends && *absence.ends <= now_) {
            on(CameBack{absence.reason});
        }
    }
}

bool Stepper::wants_out(const Member& member) const {
    return state_.is_leaving ||
           (!state_.absences.empty() && member.held.empty() && !is_sick_in_place(member));
}

std::size_t Stepper::least_to_keep(const Member& member) const {
    if (state_.is_leaving) {
        return 0;
    }
    if (state_.absences.empty()) {
        return is_withdrawing(member.phase) ? 1 : 0;  // its reason has passed, and it goes on out
    }
    return agent::least_to_keep(guard_of(state_.absences), member.members_seen.most(now_));
}

bool Stepper::may_join() const {
    return state_.is_ready && health_of(state_) != health::Verdict::initial;
}

void Stepper::reconcile() {
    // Who ends before it was ready has nothing to wait for, and may have a record set of an earlier
    // life.
    const bool is_ending = absence_of(state_, Reason::ending) != state_.absences.end();
    if (state_.is_leaving || !(may_join() || is_ending)) {
        return;
    }
    for (Member& member : state_.members) {
        if (state_.absences.empty()) {
            member.held.clear();
        }
        if (!member.call && !is_end(member.phase)) {
            reconcile(member);
        }
    }
}

void Stepper::reconcile(Member& member) {
    if (wants_out(member)) {
        if (!is_withdrawing(member.phase)) {
            begin_leave(member, nullptr);
        } else {
            cut_fade_short(member);
        }
    } else if (is_withdrawing(member.phase)) {
        come_back(member);
    } else if (member.phase == Phase::waiting) {
        begin_join(member);
    }
}

void Stepper::come_back(Member& member) {
    member.stored.reset();
    member.change_id.clear();
    member.insync.reset();
    member.floor.reset();
    begin_join(member);
}

void Stepper::see(Member& member, const Group& group) {
    member.siblings.clear();
    for (const model::RecordSet& record_set : group) {
        if (!is_own(record_set, target_of(member).set_identifier)) {
            member.siblings.push_back(record_set.set_identifier);
        }
    }
    weigh_siblings(member, group);
    // One that is about to be in counts already.
    const std::size_t own =
        is_withdrawing(member.phase) ? group.size() - member.siblings.size() : 1;
    member.members_seen.observe(member.siblings.size() + own, now_);
}

void Stepper::hold(Member& member, std::string why) {
    member.held = std::move(why);
    say(log::Level::warning, member,
        state_.absences.empty()
            ? fmt::format("stays in the rota: {}", member.held)  // its reason has passed
            : fmt::format("stays in the rota all the same ({}): {}", describe(state_.absences),
                          member.held));
    if (!may_join()) {
        member.held.clear();
        end(member, Phase::waiting, {});
        return;
    }
    const bool has_faded = std::exchange(member.has_faded, false);
    if (target_of(member).value.empty() || !member.stored || has_faded) {
        begin_join(member);
        return;
    }
    member.failures = 0;
    watch_later(member);
}

void Stepper::go_out(Member& member, std::string note, std::string_view text) {
    say(log::Level::info, member, std::string{text});
    if (state_.is_leaving) {
        end(member, Phase::gone, std::move(note));
        return;
    }
    end(member, Phase::out, std::move(note));
    member.stored.reset();
    member.floor.reset();
    member.was_in_service = false;
    member.may_be_written = false;
    forget_landed_delete(member);  // a drain that was proved safe may be quicker than a late DELETE
}

void Stepper::recheck(Member& member, const Group& group) {
    if (state_.is_leaving || !may_join() || !group.empty()) {
        prove(member);
        return;
    }
    const auto before = std::ranges::count_if(member.siblings, [&member](const std::string& id) {
        return id < target_of(member).set_identifier;
    });
    if (before > 0 && !member.rechecked) {
        member.rechecked = true;
        call_later(member, Phase::rechecking, ReadGroup{}, kTurn * std::min(before, kMostTurns));
        return;
    }
    member.held = "everybody else has left at the same moment";
    say(log::Level::warning, member,
        fmt::format("comes back all the same ({}): {}", describe(state_.absences), member.held));
    come_back(member);
}

}  // namespace rota::agent
