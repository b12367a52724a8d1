#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/agent/stepper.h"
#include "rota/base/clock.h"
#include "rota/base/log.h"
#include "rota/model/record_set.h"

// A leave by way of weight 0: one write, a TTL at weight 0 while new lookups go to the siblings,
// and then the DELETE with its whole floor, since weight 0 is only advice. It is a courtesy:
// whatever stands in its way (a clock, a failure, a reason that cannot wait) leads to the DELETE at
// once.
namespace rota::agent {
namespace {

bool is_gentle(const State& state) {
    return std::ranges::all_of(state.absences, [](const Absence& absence) {
        return absence.reason != Reason::unhealthy && absence.reason != Reason::ending;
    });
}

}  // namespace

bool Stepper::may_fade(const Member& member) const {
    const Settings& settings = state_.settings;
    const bool has_heir = std::ranges::any_of(member.scale.siblings,
                                              [](std::uint8_t sibling) { return sibling != 0; });
    return settings.drain_mode == DrainMode::weight_zero && !member.has_faded && has_heir &&
           is_gentle(state_) && (state_.is_leaving || may_join()) &&
           weight_of(stored_of(member)) != 0;
}

std::chrono::seconds Stepper::fade_time(const Member& member) const {
    return state_.settings.usual_propagation + member.ttls.largest(now_);
}

bool Stepper::has_time_to_fade(const Member& member) const {
    const Settings& settings = state_.settings;
    if (!state_.deadline) {
        return true;
    }
    BootTime limit = *state_.deadline;
    if (state_.stop_timeout) {
        limit = std::min(limit, limit - settings.deadline + *state_.stop_timeout);
    }
    return now_ + 2 * fade_time(member) + settings.margin + settings.client_floor + kStopReserve <=
           limit;
}

void Stepper::wait_for_fading(Member& member) {
    member.has_faded = true;
    call_later(member, Phase::fading, ReadGroup{}, fade_time(member));
}

bool Stepper::begin_fade(Member& member) {
    if (!may_fade(member)) {
        return false;
    }
    member.has_faded = true;
    if (!has_time_to_fade(member)) {
        say(log::Level::warning, member,
            fmt::format("no time for weight 0 first ({}): deleting at once",
                        in_seconds(fade_time(member))));
        return false;
    }
    model::RecordSet faded = stored_of(member);
    member.faded_from = weight_of(faded);
    faded.routing = model::WeightedRouting{0};
    call(member, Phase::fading,
         Upsert{.record_set = std::move(faded), .comment = comment(member, "leave, weight 0")});
    return true;
}

void Stepper::on_faded(Member& member) {
    // A stop may have come while the answer was out.
    const std::chrono::seconds wait =
        has_time_to_fade(member) ? fade_time(member) : std::chrono::seconds{0};
    say(log::Level::info, member,
        fmt::format("at weight 0 for {}, then it is deleted", in_seconds(wait)));
    call_later(member, Phase::fading, ReadGroup{}, wait);
    cut_fade_short(member);
}

void Stepper::on_fade_failure(Member& member, const Failure& failure) {
    if (failure.kind != FailureKind::no_answer) {
        member.faded_from.reset();  // nothing was written
    }
    say(log::Level::warning, member,
        fmt::format("cannot set the weight to 0, deleting at once: {}", failure.error.message));
    call(member, Phase::leave_reading, ReadGroup{});
}

void Stepper::restore_weight(Member& member, std::uint8_t weight, std::string why) {
    model::RecordSet restored = stored_of(member);
    restored.routing = model::WeightedRouting{weight};
    member.note = std::move(why);
    call(member, Phase::restoring,
         Upsert{.record_set = std::move(restored), .comment = comment(member, "leave, refused")});
}

void Stepper::cut_fade_short(Member& member) {
    if (member.phase == Phase::fading && !member.call && !is_gentle(state_)) {
        call_later(member, Phase::leave_reading, ReadGroup{}, BootTime::duration{0});
    }
}

}  // namespace rota::agent
