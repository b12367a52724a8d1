#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/drain.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

constexpr std::chrono::seconds kWithdrawalSpread{3};

}  // namespace

void Stepper::begin_leave(Member& member, const Answer* last_answer) {
    // The answer to the last call of the joining half: only what it says about the world counts.
    if (last_answer != nullptr) {
        if (const auto* target = std::get_if<Target>(last_answer)) {
            member.target = *target;
        } else if (std::holds_alternative<Accepted>(*last_answer)) {
            const model::RecordSet& written = std::get<Upsert>(member.request).record_set;
            member.ttls.observe(std::chrono::seconds{written.ttl}, now_);
            member.was_in_service = true;
        }
    }
    if (member.phase == Phase::joining) {
        member.was_in_service = true;  // PENDING: some name servers may answer with it already
    }
    member.failures = 0;
    member.has_faded = false;
    member.faded_from.reset();
    if (!state_.is_leaving && guard_of(state_.absences) == Guard::quorum && member.target) {
        // What ails one ails its siblings: whoever reads last must see that the others have gone.
        call_later(member, Phase::leave_reading, ReadGroup{}, full_jitter(kWithdrawalSpread));
    } else if (member.target) {
        call(member, Phase::leave_reading, ReadGroup{});
    } else {
        call(member, Phase::leave_resolving, ResolveTarget{.with_address = false});
    }
}

void Stepper::continue_leave(Member& member, const Answer& answer) {
    if (const auto* failure = std::get_if<Failure>(&answer)) {
        on_leave_failure(member, *failure);
    } else if (const auto* target = std::get_if<Target>(&answer)) {
        member.target = *target;
        call(member, Phase::leave_reading, ReadGroup{});
    } else if (const auto* group = std::get_if<Group>(&answer)) {
        if (member.phase == Phase::rechecking) {
            recheck(member, *group);
        } else {
            on_group_before_leave(member, *group);
        }
    } else if (member.phase == Phase::fading) {
        on_faded(member);
    } else if (member.phase == Phase::restoring) {
        refuse(member, log::Level::error, std::exchange(member.note, {}));
    } else if (const auto* accepted = std::get_if<Accepted>(&answer)) {
        on_delete_accepted(member, *accepted);
    } else if (const auto* age = std::get_if<AgeSeen>(&answer)) {
        on_age(member, *age);
    } else if (const auto* own = std::get_if<OwnRecord>(&answer)) {
        if (own->record_set) {
            say(log::Level::warning, member, "the record set is there again: deleting it");
            call(member, Phase::leave_reading, ReadGroup{});
        } else {
            empty(member);
        }
    } else if (std::get<ChangeSeen>(answer).is_insync) {
        start_drain(member, now_, "INSYNC");
    } else {
        poll(member, Phase::withdrawing);
    }
}

void Stepper::on_group_before_leave(Member& member, const Group& group) {
    see(member, group);
    const auto own = std::ranges::find_if(group, [&member](const model::RecordSet& record_set) {
        return is_own(record_set, target_of(member).set_identifier);
    });
    if (own == group.end()) {
        on_absent(member);
        return;
    }
    member.ttls.observe(std::chrono::seconds{own->ttl}, now_);
    member.stored = *own;
    member.was_in_service = true;  // of an earlier life, where not of this one
    const std::size_t keep = least_to_keep(member);
    if (group.size() <= keep) {
        hold(member,
             group.size() == 1
                 ? std::string{"it is the last member"}
                 : fmt::format("{} of the {} members of the last hour are left, and {} must stay",
                               group.size(), member.members_seen.most(now_), keep));
        return;
    }
    if (!state_.is_leaving) {
        delete_stored(member);
        return;
    }
    clear_for_delete(member, group.size() == 1);
}

void Stepper::on_absent(Member& member) {
    member.stored.reset();
    if (member.delete_lost_at) {
        start_drain(member, now_ + state_.settings.assumed_propagation,
                    "the answer to our DELETE was lost, the record set is gone");
    } else if (member.was_in_service) {
        start_drain(member, now_, "someone else removed the record set");
    } else if (member.may_be_written) {
        say(log::Level::info, member, "not in the rota; looking again for a late write");
        member.floor = now_ + state_.settings.margin;
        call_later(member, Phase::draining, ReadOwn{}, state_.settings.margin);
    } else {
        go_out(member, "was not in the rota", "not in the rota: nothing to do");
    }
}

void Stepper::clear_for_delete(Member& member, bool is_last) {
    if (state_.settings.last == LastMember::remove) {
        if (is_last) {
            say(log::Level::warning, member,
                state_.settings.dry_run
                    ? "this is the last member: the name would have no address from then on"
                    : "this is the last member: the name has no address from now on");
        }
        delete_stored(member);
        return;
    }
    if (is_last) {
        refuse(member, log::Level::error,
               "this is the last member: leaving would leave the name without an address "
               "(--last remove does it all the same)");
        return;
    }
    end(member, Phase::cleared, {});
}

void Stepper::settle_refusals() {
    // With --last refuse nothing is deleted before every rota has been looked at: all or nothing.
    bool is_refused = false;
    bool any_cleared = false;
    for (const Member& member : state_.members) {
        if (member.phase <= Phase::leave_reading || member.phase == Phase::fading) {
            return;
        }
        is_refused =
            is_refused || member.phase == Phase::refused || member.phase == Phase::restoring;
        any_cleared = any_cleared || member.phase == Phase::cleared;
    }
    if (!any_cleared) {
        return;
    }
    bool any_fades = false;
    for (Member& member : state_.members) {
        if (member.phase == Phase::cleared && !is_refused && !state_.settings.dry_run) {
            any_fades = begin_fade(member) || any_fades;
        }
    }
    for (Member& member : state_.members) {
        if (member.phase != Phase::cleared) {
            continue;
        }
        if (any_fades) {
            wait_for_fading(member);
        } else if (is_refused) {
            refuse(member, log::Level::info,
                   "left in place, because another rota would lose its last member");
        } else {
            delete_stored(member);
        }
    }
}

void Stepper::refuse(Member& member, log::Level level, std::string why) {
    if (const auto before = std::exchange(member.faded_from, std::nullopt)) {
        restore_weight(member, *before, std::move(why));
        return;
    }
    say(level, member, why);
    end(member, Phase::refused, std::move(why));
}

void Stepper::delete_stored(Member& member) {
    if (state_.settings.dry_run) {
        const model::RecordSet& stored = stored_of(member);
        end(member, Phase::rehearsed,
            fmt::format("dry run, would {}delete {} TTL {} s and drain for {} s after INSYNC",
                        may_fade(member) && has_time_to_fade(member)
                            ? fmt::format("leave weight 0 for {}, ", in_seconds(fade_time(member)))
                            : std::string{},
                        stored.values.empty() ? "" : stored.values.front(), stored.ttl,
                        stored.ttl + state_.settings.margin.count()));
        say(log::Level::info, member, member.note);
        return;
    }
    if (begin_fade(member)) {
        return;
    }
    call(member, Phase::deleting,
         Delete{.record_set = stored_of(member),
                .comment = comment(member, "leave"),
                .keep_members = least_to_keep(member)});
}

void Stepper::on_delete_accepted(Member& member, const Accepted& accepted) {
    member.stored.reset();
    member.faded_from.reset();
    member.change_id = accepted.change_id;
    member.polls = 0;
    if (accepted.is_insync) {
        start_drain(member, now_, "INSYNC");
        return;
    }
    say(log::Level::info, member,
        fmt::format("removed from the rota, change {} is PENDING", accepted.change_id));
    poll(member, Phase::withdrawing);
}

void Stepper::start_drain(Member& member, BootTime insync, std::string_view why) {
    const Settings& settings = state_.settings;
    const std::chrono::seconds largest = member.ttls.largest(now_);
    insync = std::max(insync, seen_until(member).value_or(insync));
    member.insync = insync;
    member.floor = drain_floor(insync, largest, settings.margin + settings.client_floor);
    say(log::Level::info, member,
        fmt::format("{}: draining for {} ({} TTL {} s + margin {} s)", why,
                    in_seconds(*member.floor - now_),
                    settings.goal == Goal::leave ? "the stored" : "the largest live",
                    largest.count(), settings.margin.count()));
    if (state_.deadline && *member.floor > *state_.deadline) {
        say(log::Level::warning, member,
            fmt::format("the drain ends {} after the deadline",
                        in_seconds(*member.floor - *state_.deadline)));
    }
    if (least_to_keep(member) > 0) {
        member.rechecked = false;
        call(member, Phase::rechecking, ReadGroup{});
    } else {
        prove(member);
    }
}

std::optional<BootTime> Stepper::seen_until(const Member& member) const {
    const Settings& settings = state_.settings;
    const bool may_cross = member.may_be_written && member.lost_at && member.delete_lost_at &&
                           *member.lost_at + settings.margin > *member.delete_lost_at;
    if (!may_cross) {
        return std::nullopt;
    }
    return *member.delete_lost_at + settings.margin + settings.assumed_propagation;
}

void Stepper::forget_landed_delete(Member& member) {
    if (member.delete_lost_at && *member.delete_lost_at + state_.settings.margin <= now_) {
        member.delete_lost_at.reset();
    }
}

void Stepper::prove(Member& member) {
    member.failures = 0;
    if (seen_until(member).value_or(now_) > now_) {
        drain_until_floor(member);  // what is given out after the proof would not be in it
        return;
    }
    call(member, Phase::proving,
         AskAge{.margin = state_.settings.margin + state_.settings.client_floor});
}

void Stepper::on_age(Member& member, const AgeSeen& age) {
    if (age.left && now_ + *age.left < member.floor) {
        member.floor = now_ + *age.left;
        const std::string safe = age.left->count() == 0
                                     ? std::string{"safe now"}
                                     : fmt::format("safe in {}", in_seconds(*age.left));
        say(log::Level::info, member,
            age.since ? fmt::format("the address was last given out {} ago: {}",
                                    in_seconds(*age.since), safe)
                      : fmt::format("the address was given to nobody: {}", safe));
    }
    drain_until_floor(member);
}

void Stepper::drain_until_floor(Member& member) {
    call_later(member, Phase::draining, ReadOwn{}, member.floor.value_or(now_) - now_);
}

void Stepper::finish_drain(Member& member) {
    if (member.may_be_written) {
        // A quiet member may be drained before a write that was lost a moment ago has landed.
        const BootTime landed = member.lost_at.value_or(now_) + state_.settings.margin;
        if (member.lost_at && landed > now_) {
            call_later(member, Phase::draining, ReadOwn{}, landed - now_);
        } else {
            call(member, Phase::verifying, ReadOwn{});
        }
        return;
    }
    empty(member);
}

void Stepper::on_refused_delete(Member& member, const Failure& failure) {
    const auto* const refused = std::get_if<Delete>(&member.request);
    if (refused != nullptr && least_to_keep(member) < refused->keep_members) {
        // A stop, or a reason that takes more, came while the refused one was out.
        call(member, Phase::leave_reading, ReadGroup{});
        return;
    }
    hold(member, failure.error.message);
}

void Stepper::on_leave_failure(Member& member, const Failure& failure) {
    const bool may_have_happened = failure.kind == FailureKind::no_answer;
    const bool must_read_again = member.phase == Phase::deleting &&
                                 (may_have_happened || failure.kind == FailureKind::not_matching);
    if (must_read_again) {
        member.phase = Phase::leave_reading;
        member.request = ReadGroup{};
        retry_later(member, failure);
        return;
    }
    if (member.phase == Phase::fading && std::holds_alternative<Upsert>(member.request)) {
        on_fade_failure(member, failure);
        return;
    }
    if (failure.kind == FailureKind::too_few_members) {
        on_refused_delete(member, failure);
        return;
    }
    if (member.phase == Phase::proving) {
        drain_until_floor(member);  // the fixed floor needs no proof
        return;
    }
    if (failure.error.retryable || may_have_happened) {
        retry_later(member, failure);
        return;
    }
    if (member.phase == Phase::rechecking) {
        prove(member);
        return;
    }
    if (member.phase == Phase::withdrawing) {
        say(log::Level::warning, member,
            fmt::format("cannot follow change {}: {}", member.change_id, failure.error.message));
        start_drain(member, now_ + state_.settings.assumed_propagation,
                    fmt::format("assuming INSYNC within {} s",
                                state_.settings.assumed_propagation.count()));
        return;
    }
    if (state_.settings.goal == Goal::leave) {
        std::string why = failure.error.message;
        if (member.faded_from) {
            why += fmt::format(" (left at weight 0, it was {}: rota join gives it back)",
                               *member.faded_from);
        }
        say(log::Level::error, member, why);
        end(member, Phase::failed, std::move(why));
        return;
    }
    retry_later(member, failure);  // rights may come back before the deadline
}

}  // namespace rota::agent
