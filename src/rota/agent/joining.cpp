#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "rota/agent/foreseen.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/agent/stepper.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/dns/types.h"
#include "rota/http/url.h"
#include "rota/instance/address.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

// Route 53's quota for the weighted members of one name and type, and where people hear of it.
constexpr std::size_t kMemberQuota = 100;
constexpr std::size_t kMemberWarning = 80;

constexpr std::chrono::hours kLongestDispute{1};

// Who is to be out and may not: how often it looks whether it may now.
constexpr std::chrono::seconds kHeldWatch{30};

std::chrono::seconds ttl_of(const model::RecordSet& record_set) {
    return std::chrono::seconds{record_set.ttl};
}

bool has_value(const model::RecordSet& record_set, const std::string& value) {
    return record_set.values.size() == 1 && record_set.values.front() == value;
}

/// Whether the API is on this machine, where the clients then may be as well.
bool is_on_this_machine(const std::string& api) {
    const auto url = http::parse_url(api);
    return url && (url->host == "localhost" || url->host == "::1" || url->host.starts_with("127."));
}

/// "192.0.2.1 weight 10 TTL 60 s".
std::string in_words(const model::RecordSet& record_set) {
    return fmt::format("{} weight {} TTL {} s",
                       record_set.values.empty() ? "" : record_set.values.front(),
                       weight_of(record_set), record_set.ttl);
}

Failure other_policy(const model::RecordSet& foreign) {
    const bool is_simple = foreign.set_identifier.empty();
    return {.kind = FailureKind::other_policy,
            .error = {.kind = ErrorKind::conflict,
                      .message = fmt::format(
                          "{} {} is held by a {} record set (value {}): a rota needs weighted "
                          "record sets alone; delete that one, or join another name",
                          foreign.name.to_text(), dns::to_string(foreign.type),
                          is_simple ? "simple" : "non-weighted",
                          foreign.values.empty() ? "none" : foreign.values.front())}};
}

}  // namespace

void Stepper::begin_join(Member& member) {
    member.failures = 0;
    call(member, Phase::resolving, ResolveTarget{.with_address = true});
}

void Stepper::continue_join(Member& member, const Answer& answer) {
    if (const auto* failure = std::get_if<Failure>(&answer)) {
        on_join_failure(member, *failure);
    } else if (const auto* target = std::get_if<Target>(&answer)) {
        if (member.phase == Phase::in_service) {
            on_address_watched(member, *target);
        } else {
            on_target(member, *target);
        }
    } else if (const auto* group = std::get_if<Group>(&answer)) {
        if (member.phase == Phase::in_service) {
            on_group_watched(member, *group);
        } else {
            on_group_before_join(member, *group);
        }
    } else if (const auto* own = std::get_if<OwnRecord>(&answer)) {
        on_watched(member, *own);
    } else if (const auto* accepted = std::get_if<Accepted>(&answer)) {
        on_write_accepted(member, *accepted);
    } else if (std::get<ChangeSeen>(answer).is_insync) {
        enter_service(member, "joined, INSYNC");
    } else {
        poll(member, Phase::joining);
    }
}

void Stepper::on_target(Member& member, const Target& target) {
    member.target = target;
    member.resolved_at = now_;
    warn_if_unreachable(member, target);
    if (state_.settings.read_first) {
        call(member, Phase::reading, ReadGroup{});
    } else {
        write(member, member.membership.ttl);
    }
}

void Stepper::on_group_before_join(Member& member, const Group& group) {
    see(member, group);
    const Target& target = target_of(member);
    const model::RecordSet* own = nullptr;
    std::chrono::seconds ttl = member.membership.ttl;
    std::size_t siblings = 0;
    for (const model::RecordSet& record_set : group) {
        if (!std::holds_alternative<model::WeightedRouting>(record_set.routing)) {
            fail_join(member, other_policy(record_set));
            return;
        }
        if (!record_set.values.empty()) {  // an alias among the members has no TTL of its own
            ttl = ttl_of(record_set);
        }
        if (is_own(record_set, target.set_identifier)) {
            own = &record_set;
        } else {
            ++siblings;
        }
    }
    if (ttl != member.membership.ttl) {
        say(log::Level::info, member,
            fmt::format("the rota's TTL is {} s, not {} s: adopted, since all members share one",
                        ttl.count(), member.membership.ttl.count()));
    }
    if (siblings + 1 >= kMemberWarning && siblings < kMemberQuota) {  // else it is refused
        say(log::Level::warning, member,
            fmt::format("the rota has {} members with this one; Route 53 allows {} weighted "
                        "record sets a name and type",
                        siblings + 1, kMemberQuota));
    }
    if (own != nullptr) {
        member.ttls.observe(ttl_of(*own), now_);
        member.stored = *own;
        if (has_value(*own, target.value) && keeps_weight(member, weight_of(*own))) {
            member.wrote_nothing = true;
            member.scale.before_zero.reset();
            enter_service(member, "already in the rota, nothing to write");
            return;
        }
        if (!has_value(*own, target.value)) {
            say(log::Level::warning, member,
                fmt::format("the set identifier is in use: was {}, becomes {}; if another instance "
                            "has it, give each its own",
                            own->values.empty() ? "an alias" : own->values.front(), target.value));
        }
    }
    write(member, ttl);
}

void Stepper::write(Member& member, std::chrono::seconds ttl) {
    const Target& target = target_of(member);
    model::RecordSet record_set{
        .name = member.membership.name,
        .type = member.membership.type,
        .set_identifier = target.set_identifier,
        .routing = model::WeightedRouting{weight_to_join_with(member)},
        .ttl = static_cast<std::uint32_t>(ttl.count()),
        .values = {target.value},
    };
    if (state_.settings.dry_run) {
        member.stored = std::move(record_set);
        end(member, Phase::rehearsed, "dry run, would join: " + in_words(stored_of(member)));
        say(log::Level::info, member, member.note);
        return;
    }
    member.wrote_nothing = false;
    member.scale.before_zero.reset();
    call(member, Phase::writing,
         Upsert{.record_set = std::move(record_set), .comment = comment(member, "join")});
}

void Stepper::on_write_accepted(Member& member, const Accepted& accepted) {
    const std::uint8_t weight_before = member.stored ? weight_of(stored_of(member)) : 0;
    member.stored = std::get<Upsert>(member.request).record_set;
    member.ttls.observe(ttl_of(stored_of(member)), now_);
    if (member.phase == Phase::in_service) {
        on_published(member, weight_before);
        return;
    }
    member.change_id = accepted.change_id;
    member.polls = 0;
    const Settings& settings = state_.settings;
    const bool waits = settings.await_insync || settings.goal != Goal::join;
    if (accepted.is_insync) {
        enter_service(member, "joined, INSYNC");
    } else if (!waits) {
        member.was_in_service = true;
        member.note = "joined, PENDING: " + in_words(stored_of(member));
        say(log::Level::info, member, member.note);
        call_later(member, Phase::joining, GetChange{member.change_id},
                   jittered(settings.watch_interval));
    } else {
        poll(member, Phase::joining);
    }
}

void Stepper::enter_service(Member& member, std::string_view how) {
    const model::RecordSet& stored = stored_of(member);
    member.was_in_service = true;
    member.note = fmt::format("{}: {}", how, in_words(stored));
    say(log::Level::info, member, member.note);
    warn_of_misfits(member);
    begin_weighing(member);
    watch_later(member);
}

void Stepper::warn_of_misfits(const Member& member, std::initializer_list<Clock> news) {
    const Settings& settings = state_.settings;
    if (settings.goal != Goal::stay) {
        return;
    }
    const Plan plan =
        plan_leave({.ttl = ttl_of(stored_of(member)),
                    .margin = settings.margin,
                    .client_floor = settings.client_floor,
                    .propagation = settings.usual_propagation,
                    .poll_interval = settings.notices_interval,
                    .deadline = settings.deadline,
                    .fade = settings.drain_mode == DrainMode::weight_zero ? fade_time(member)
                                                                          : std::chrono::seconds{0},
                    .notice = planned_notice(settings, state_.is_spot.value_or(false)),
                    .heartbeat_timeout = state_.heartbeat_timeout,
                    .global_timeout = state_.global_timeout,
                    .stop_timeout = state_.stop_timeout});
    for (const Misfit& misfit : plan.misfits) {
        if (news.size() == 0 || std::ranges::find(news, misfit.clock) != news.end()) {
            say(log::Level::warning, member, misfit.sentence);
        }
    }
}

void Stepper::on(const StopTimeoutRead& event) {
    state_.stop_timeout = event.timeout;
    for (const Member& member : state_.members) {
        if (member.phase == Phase::in_service) {
            warn_of_misfits(member, {Clock::stop_timeout});
        }
    }
}

void Stepper::watch_later(Member& member) {
    const Settings& settings = state_.settings;
    std::chrono::seconds delay = settings.watch_interval;
    if (!member.held.empty()) {
        delay = std::min(delay, kHeldWatch);
    } else if (member.delete_lost_at) {
        delay = std::min(delay, settings.assumed_propagation);  // a lost DELETE may land late
    }
    const bool reads_all = settings.watch_members || !member.held.empty();
    call_later(member, Phase::in_service, reads_all ? Request{ReadGroup{}} : Request{ReadOwn{}},
               jittered(delay));
}

void Stepper::look(Member& member, Request request) {
    // An instance that was hibernated, or that an Elastic IP came to, has another address by now.
    const bool is_address_due = member.membership.address.empty() &&
                                now_ >= member.resolved_at + state_.settings.watch_interval / 2;
    if (is_address_due) {
        member.look = std::move(request);
        request = ResolveTarget{.with_address = true};
    }
    call(member, Phase::in_service, std::move(request));
}

void Stepper::warn_if_unreachable(const Member& member, const Target& target) {
    const std::string_view why =
        instance::why_unreachable(target.value, is_on_this_machine(state_.settings.api));
    if (!why.empty()) {
        say(log::Level::warning, member,
            fmt::format("no client can reach {}: it {}", target.value, why));
    }
}

void Stepper::on_address_watched(Member& member, const Target& target) {
    const std::string before = target_of(member).value;
    if (target.value != before && target.set_identifier == target_of(member).set_identifier) {
        say(log::Level::warning, member,
            fmt::format("the instance's address is {} instead of {} now", target.value, before));
        member.moved_from = before;
        member.target = target;
        warn_if_unreachable(member, target);
    }
    member.resolved_at = now_;
    call(member, Phase::in_service, member.look);
}

void Stepper::on_group_watched(Member& member, const Group& group) {
    see(member, group);
    OwnRecord own;
    for (const model::RecordSet& record_set : group) {
        if (is_own(record_set, target_of(member).set_identifier)) {
            own.record_set = record_set;
        }
        own.is_foreign =
            own.is_foreign || !std::holds_alternative<model::WeightedRouting>(record_set.routing);
    }
    if (own.record_set && carriers(member, group) > least_to_keep(member)) {
        member.held.clear();
    }
    on_watched(member, own);
}

void Stepper::on_watched(Member& member, const OwnRecord& own) {
    const bool is_early = std::exchange(member.scale.is_publishing, false);
    const bool is_urgent = std::exchange(member.scale.is_urgent, false);
    if (own.is_foreign) {
        member.stored.reset();
        fail_join(member, {.kind = FailureKind::other_policy,
                           .error = {.kind = ErrorKind::conflict,
                                     .message = "a record set without a weight has taken the "
                                                "place of the rota"}});
        return;
    }
    if (!own.record_set) {
        member.stored.reset();
        if (member.delete_lost_at) {
            say(log::Level::warning, member,
                "our own DELETE whose answer was lost has landed: restoring the record set");
            forget_landed_delete(member);
            call(member, Phase::reading, ReadGroup{});
            return;
        }
        dispute(member, Phase::reading, ReadGroup{}, "the record set was deleted by someone else");
        return;
    }
    adopt_changes(member, *own.record_set);
    if (!has_value(*own.record_set, target_of(member).value)) {
        model::RecordSet restored = *own.record_set;
        restored.values = {target_of(member).value};
        if (has_value(*own.record_set, std::exchange(member.moved_from, {}))) {
            call(member, Phase::writing,
                 Upsert{.record_set = std::move(restored), .comment = comment(member, "join")});
            return;
        }
        dispute(member, Phase::writing,
                Upsert{.record_set = std::move(restored), .comment = comment(member, "join")},
                fmt::format(
                    "the address was changed to {} by someone else who uses this set "
                    "identifier",
                    own.record_set->values.empty() ? "nothing" : own.record_set->values.front()));
        return;
    }
    member.disputes = 0;
    if (is_early || is_urgent || urgent_weight(member)) {
        if (!publish_urgent(member) && !publish(member)) {
            watch_later(member);
        }
        return;
    }
    member.may_be_written = false;  // a lost write is older than a watch interval: it is settled
    member.delete_lost_at.reset();
    member.scale.lost.clear();
    watch_later(member);
}

void Stepper::adopt_changes(Member& member, const model::RecordSet& seen) {
    member.ttls.observe(ttl_of(seen), now_);
    if (member.stored && ttl_of(stored_of(member)) != ttl_of(seen)) {
        say(log::Level::info, member,
            fmt::format("the rota's TTL was changed from {} s to {} s: adopted", member.stored->ttl,
                        seen.ttl));
    }
    adopt_weight(member, weight_of(seen));
    member.stored = seen;
}

void Stepper::dispute(Member& member, Phase phase, Request request, std::string_view what) {
    ++member.disputes;
    // The first time is repaired at once; two who go on disagreeing must not fill the API's budget.
    std::chrono::seconds delay{0};
    if (member.disputes > 1) {
        const unsigned doublings = std::min(member.disputes - 2, 12U);
        delay = std::min<std::chrono::seconds>(state_.settings.watch_interval * (1U << doublings),
                                               kLongestDispute);
    }
    say(log::Level::warning, member,
        fmt::format("{}: {}", what,
                    delay.count() == 0 ? std::string{"restoring it"}
                                       : fmt::format("time {} in a row, restoring it in {} s",
                                                     member.disputes, delay.count())));
    call_later(member, phase, std::move(request), jittered(delay));
}

void Stepper::on_join_failure(Member& member, const Failure& failure) {
    const bool may_have_happened = failure.kind == FailureKind::no_answer;
    const bool is_write = std::holds_alternative<Upsert>(member.request);
    if (member.phase == Phase::in_service && failure.kind == FailureKind::too_few_members) {
        hold(member, failure.error.message);
        return;
    }
    if (member.phase == Phase::in_service) {
        if (std::holds_alternative<ResolveTarget>(member.request)) {
            say(log::Level::warning, member,
                fmt::format("cannot look up the own address, {} stays: {}", target_of(member).value,
                            failure.error.message));
            member.resolved_at = now_;
            call(member, Phase::in_service, member.look);
            return;
        }
        // A watch that failed changes nothing: the next one comes soon enough.
        ++member.failures;
        member.scale.is_publishing = false;
        if (is_write) {
            on_publish_failure(member, failure);
        } else {
            say(log::Level::warning, member,
                "cannot look at the own record: " + failure.error.message);
        }
        member.scale.is_urgent = urgent_weight(member).has_value();
        if (member.scale.is_urgent) {
            call_later(member, Phase::in_service, ReadGroup{},
                       back_off(member.failures + member.scale.failed_writes));
            return;
        }
        watch_later(member);
        return;
    }
    // At boot the metadata may not be complete yet, and a late address must not cost minutes.
    const bool is_booting = member.phase == Phase::resolving && state_.settings.goal == Goal::stay;
    if (failure.error.retryable || may_have_happened || is_booting) {
        retry_later(member, failure);
        return;
    }
    if (member.phase == Phase::joining) {
        say(log::Level::warning, member,
            fmt::format("cannot follow change {}: {}", member.change_id, failure.error.message));
        enter_service(member, "joined, INSYNC not confirmed");
        return;
    }
    fail_join(member, failure);
}

void Stepper::fail_join(Member& member, const Failure& failure) {
    member.last_error = failure.error;
    if (state_.settings.goal == Goal::join) {
        say(log::Level::error, member, failure.error.message);
        end(member, Phase::failed, failure.error.message);
        return;
    }
    const auto delay = jittered(state_.settings.watch_interval);
    say(log::Level::error, member,
        fmt::format("{} (not in the rota; next try in {})", failure.error.message,
                    in_seconds(delay)));
    call_later(member, Phase::blocked, ResolveTarget{.with_address = true}, delay);
}

}  // namespace rota::agent
