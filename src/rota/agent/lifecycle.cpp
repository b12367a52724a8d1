#include "rota/agent/lifecycle.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <sysexits.h>

#include "rota/agent/absence.h"
#include "rota/agent/hooks.h"
#include "rota/agent/stepper.h"
#include "rota/agent/zone_id.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/rng.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Full jitter (random between nothing and a ceiling that doubles), with a floor against a hot loop.
constexpr milliseconds kFirstBackOff{500};
constexpr seconds kHurriedCeiling{20};
constexpr seconds kPatientCeiling{60};
constexpr milliseconds kLeastBackOff{50};

// Route 53 mostly takes half a minute, `rota serve` a few milliseconds: look early, then rarely,
// because a fleet that joins at once shares 5 requests a second. A change that takes 20 to 60 s is
// looked at 11 to 17 times, twice more than if the first look came after 100 ms.
constexpr milliseconds kFirstPoll{20};
constexpr seconds kPollCeiling{5};
constexpr unsigned kPatientPolls = 14;
constexpr seconds kPatientPollCeiling{10};

// Once everybody has left, Auto Scaling and the operator's command get this much and no more.
constexpr seconds kLastWord{10};

/// base × 2^times, at most `ceiling`.
nanoseconds doubled(nanoseconds base, unsigned times, nanoseconds ceiling) {
    for (unsigned i = 0; i < times && base < ceiling; ++i) {
        base *= 2;
    }
    return std::min(base, ceiling);
}

bool is_power_of_two(unsigned number) {
    return number != 0 && (number & (number - 1)) == 0;
}

std::string_view operation_of(const Request& request) {
    struct Names {
        std::string_view operator()(const ResolveTarget&) const { return "ListHostedZonesByName"; }

        std::string_view operator()(const ReadGroup&) const { return "ListResourceRecordSets"; }

        std::string_view operator()(const ReadOwn&) const { return "ListResourceRecordSets"; }

        std::string_view operator()(const Upsert&) const { return "ChangeResourceRecordSets"; }

        std::string_view operator()(const Delete&) const { return "ChangeResourceRecordSets"; }

        std::string_view operator()(const GetChange&) const { return "GetChange"; }

        std::string_view operator()(const AskAge&) const { return "ages"; }
    };

    return std::visit(Names{}, request);
}

/// Whom an outstanding call may be waiting for.
std::string asked_of(std::string_view api, const Member& member) {
    const auto* const resolve = std::get_if<ResolveTarget>(&member.request);
    if (resolve == nullptr) {
        return fmt::format("{} to {}", api, operation_of(member.request));
    }
    const Membership& known = member.membership;
    const bool asks_metadata =
        known.set_identifier.empty() || (resolve->with_address && known.address.empty());
    const bool asks_api = !known.zone.empty() && !zone_id_in(known.zone);
    return fmt::format(
        "{}{}{}", asks_metadata ? "the metadata service" : "",
        asks_metadata && asks_api ? " or " : "",
        asks_api ? fmt::format("{} to {}", api, operation_of(member.request)) : std::string{});
}

/// A call that is out, as the error that it has become.
Error unanswered(std::string_view api, const Member& member, BootTime now) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - member.called_at);
    return {
        .kind = ErrorKind::timeout,
        .message = fmt::format("no answer from {} for {}", asked_of(api, member), in_seconds(age)),
        .retryable = true};
}

}  // namespace

State initial_state(Settings settings, std::vector<Membership> memberships) {
    State state;
    state.settings = std::move(settings);
    for (Membership& membership : memberships) {
        Member member;
        member.membership = std::move(membership);
        state.members.push_back(std::move(member));
    }
    return state;
}

std::vector<Action> step(State& state, const Event& event, BootTime now, Rng& rng) {
    if (state.exit_status) {
        return {};
    }
    return Stepper{state, now, rng}.run(event);
}

std::optional<BootTime> next_wake(const State& state) {
    if (state.exit_status) {
        return std::nullopt;
    }
    // Once everybody is at an end, the deadline has been, and only the last word is waited for.
    std::optional<BootTime> next = state.last_word_by ? std::nullopt : state.deadline;
    const auto consider = [&next](const std::optional<BootTime>& candidate) {
        if (candidate && (!next || *candidate < *next)) {
            next = candidate;
        }
    };
    consider(state.readiness_wake);
    consider(state.notices_wake);
    consider(next_hook_wake(state));
    consider(state.clients.wake);
    consider(state.load.wake);
    for (const Examination& examination : state.examinations) {
        consider(examination.wake);
    }
    for (const Absence& absence : state.absences) {
        consider(absence.ends);
    }
    for (const Member& member : state.members) {
        consider(member.wake);
        consider(member.heart.wake);
    }
    return next;
}

bool is_end(Phase phase) noexcept {
    return phase >= Phase::gone;
}

std::vector<Action> Stepper::run(const Event& event) {
    std::visit([this](const auto& alternative) { on(alternative); }, event);
    end_absences();
    probe_where_due();
    ask_notices_where_due();
    act_where_due();
    reconcile();
    measure_where_due();
    publish_where_due();
    call_hook_where_due();
    beat_where_due();
    count_where_due();
    settle_refusals();
    expire_at_deadline();
    command_where_due();
    announce();
    finish_at_the_end();
    return std::move(actions_);
}

void Stepper::on(const Started& /*event*/) {
    const Settings& settings = state_.settings;
    if (settings.goal == Goal::leave) {
        on(LeaveRequested{"rota leave"});
        return;
    }
    if (settings.goal == Goal::join) {
        state_.deadline = now_ + settings.deadline;
    }
    if (settings.goal == Goal::stay) {
        begin_examinations();
        if (settings.load) {
            state_.load.wake = now_;
        }
        if (settings.watch_notices) {
            state_.notices_wake = now_;
        }
    }
    if (settings.check_readiness) {
        state_.is_checking_readiness = true;
        actions_.emplace_back(CheckReadiness{});
        return;
    }
    state_.is_ready = true;
}

void Stepper::on(const Woke& /*event*/) {}

void Stepper::on(const ReadinessChecked& event) {
    if (!state_.is_checking_readiness) {
        return;
    }
    state_.is_checking_readiness = false;
    if (state_.is_leaving || state_.is_ready) {
        return;
    }
    const bool is_news = state_.readiness_detail != event.detail;
    state_.readiness_detail = event.detail;
    if (!event.passed) {
        state_.readiness_wake = now_ + jittered(state_.settings.readiness_interval);
        if (is_news) {
            actions_.emplace_back(Say{.level = log::Level::info,
                                      .member = std::nullopt,
                                      .text = "waiting for readiness: " + event.detail});
        }
        return;
    }
    state_.is_ready = true;
    actions_.emplace_back(
        Say{.level = log::Level::info, .member = std::nullopt, .text = "ready: " + event.detail});
}

void Stepper::on(const Answered& event) {
    if (event.member >= state_.members.size()) {
        return;
    }
    Member& member = state_.members[event.member];
    if (member.call != event.call) {
        return;
    }
    member.call.reset();
    if (const auto* failure = std::get_if<Failure>(&event.answer)) {
        member.last_error = failure->error;
        if (failure->kind == FailureKind::no_answer) {
            note_lost_answer(member);
        }
    } else {
        member.failures = 0;
        member.last_error.reset();
    }
    const bool goes_on_out = is_withdrawing(member.phase) && !may_join();
    if (wants_out(member) || goes_on_out) {
        if (is_withdrawing(member.phase)) {
            continue_leave(member, event.answer);
        } else {
            begin_leave(member, &event.answer);
        }
    } else if (is_withdrawing(member.phase)) {
        come_back(member);
    } else {
        continue_join(member, event.answer);
    }
}

void Stepper::note_lost_answer(Member& member) {
    if (std::holds_alternative<Delete>(member.request)) {
        member.delete_lost_at = now_;
    } else if (const auto* const upsert = std::get_if<Upsert>(&member.request)) {
        member.may_be_written = true;
        member.lost_at = now_;
        std::vector<std::uint8_t>& lost = member.scale.lost;
        const std::uint8_t weight = weight_of(upsert->record_set);
        if (std::ranges::find(lost, weight) == lost.end()) {
            lost.push_back(weight);
        }
    }
}

void Stepper::on(const LeaveRequested& event) {
    if (state_.is_leaving) {
        return;
    }
    state_.is_leaving = true;
    state_.leave_reason = event.reason;
    state_.deadline = now_ + state_.settings.deadline;
    state_.readiness_wake.reset();
    end_examinations();
    state_.notices_wake.reset();
    for (Member& member : state_.members) {
        member.held.clear();
        // A drain that an absence began may have been going on for minutes.
        member.may_be_written = member.may_be_written || is_going_out(member);
        if (!member.call) {  // a call that is out must come back first: an UPSERT may land late
            hurry_out(member);
        }
    }
}

void Stepper::hurry_out(Member& member) {
    switch (member.phase) {
        case Phase::cleared:
        case Phase::draining:
        case Phase::verifying:
            return;
        case Phase::emptying:
            finish_drain(member);
            return;
        case Phase::fading:
        case Phase::deleting:
        case Phase::withdrawing:
            member.wake = now_;
            return;
        case Phase::rechecking:
            prove(member);
            return;
        case Phase::proving:
            drain_until_floor(member);
            return;
        default:
            begin_leave(member, nullptr);
    }
}

void Stepper::act_where_due() {
    if (state_.readiness_wake && *state_.readiness_wake <= now_) {
        state_.readiness_wake.reset();
        state_.is_checking_readiness = true;
        actions_.emplace_back(CheckReadiness{});
    }
    for (Member& member : state_.members) {
        if (member.wake && *member.wake <= now_ && !is_end(member.phase)) {
            wake(member);
        }
    }
}

void Stepper::wake(Member& member) {
    member.wake.reset();
    if (member.phase == Phase::blocked) {
        begin_join(member);
    } else if (member.phase == Phase::draining) {
        finish_drain(member);
    } else if (member.phase == Phase::emptying) {
        look_at_clients(member);
    } else if (member.phase == Phase::in_service) {
        look(member, member.request);
    } else {
        call(member, member.phase, member.request);
    }
}

bool Stepper::has_joined(const Member& member) const {
    return member.phase == Phase::in_service ||
           (member.phase == Phase::joining && state_.settings.goal == Goal::join &&
            !state_.settings.await_insync);
}

void Stepper::expire_at_deadline() {
    if (!state_.deadline || now_ < *state_.deadline) {
        return;
    }
    const bool is_joining = !state_.is_leaving;
    for (Member& member : state_.members) {
        if (is_end(member.phase) || (is_joining && has_joined(member))) {
            continue;
        }
        if (member.call && !member.last_error) {
            member.last_error = unanswered(state_.settings.api, member, now_);
        }
        std::string note = describe(state_, member, now_);
        if (member.last_error) {
            note += ": " + member.last_error->message;
        }
        say(log::Level::error, member,
            fmt::format("the deadline of {} has passed; still: {}",
                        in_seconds(state_.settings.deadline), note));
        end(member, Phase::expired, std::move(note));
    }
}

void Stepper::announce() {
    const auto is_settled = [](const Member& member) {
        return member.phase == Phase::in_service || member.phase == Phase::out;
    };
    if (!state_.announced && std::ranges::all_of(state_.members, is_settled)) {
        state_.announced = true;
        actions_.emplace_back(AllInService{});
    }
}

void Stepper::finish_at_the_end() {
    const bool joins_once = state_.settings.goal == Goal::join && !state_.is_leaving;
    int status = EX_OK;
    for (const Member& member : state_.members) {
        if (!is_end(member.phase) && !(joins_once && has_joined(member))) {
            return;
        }
        if (member.phase == Phase::expired) {
            status = EX_TEMPFAIL;
        } else if (member.phase == Phase::refused && status == EX_OK) {
            status = exit_status(Error{.kind = ErrorKind::conflict, .message = {}});
        } else if (member.phase == Phase::failed && status == EX_OK && member.last_error) {
            status = exit_status(*member.last_error);
        }
    }
    if (waits_for_last_word()) {
        return;
    }
    state_.exit_status = status;
    actions_.emplace_back(Finish{status});
}

bool Stepper::waits_for_last_word() {
    if (!owes_hook() && !state_.drain_commands.is_out) {
        return false;
    }
    if (!state_.last_word_by) {
        state_.last_word_by = now_ + kLastWord;
    }
    return now_ < *state_.last_word_by;
}

void Stepper::call(Member& member, Phase phase, Request request) {
    member.phase = phase;
    member.wake.reset();
    member.call = ++state_.last_call;
    member.called_at = now_;
    member.request = request;
    count_call(member);
    actions_.emplace_back(
        Call{.member = index_of(member), .id = *member.call, .request = std::move(request)});
}

void Stepper::call_later(Member& member, Phase phase, Request request, BootTime::duration delay) {
    member.phase = phase;
    member.call.reset();
    member.wake = now_ + delay;
    member.request = std::move(request);
}

void Stepper::poll(Member& member, Phase phase) {
    const bool patient = member.polls >= kPatientPolls;
    const nanoseconds delay =
        doubled(kFirstPoll, member.polls, patient ? kPatientPollCeiling : kPollCeiling);
    ++member.polls;
    call_later(member, phase, GetChange{member.change_id}, jittered(delay));
}

void Stepper::retry_later(Member& member, const Failure& failure) {
    ++member.failures;
    const nanoseconds delay = back_off(member.failures);
    if (is_power_of_two(member.failures)) {
        say(log::Level::warning, member,
            fmt::format("{} (failure {} in a row; next try within {})", failure.error.message,
                        member.failures, in_seconds(delay)));
    }
    call_later(member, member.phase, member.request, delay);
}

void Stepper::end(Member& member, Phase phase, std::string note) {
    member.phase = phase;
    member.call.reset();
    member.wake.reset();
    member.note = std::move(note);
}

void Stepper::say(log::Level level, const Member& member, std::string text) {
    actions_.emplace_back(Say{.level = level, .member = index_of(member), .text = std::move(text)});
}

std::size_t Stepper::index_of(const Member& member) const {
    return static_cast<std::size_t>(&member - state_.members.data());
}

std::string Stepper::comment(const Member& member, std::string_view verb) const {
    constexpr std::size_t kLongest = 256;  // Route 53's limit for a comment
    std::string text = fmt::format("rota {}: {}", verb, target_of(member).set_identifier);
    if (state_.is_leaving && state_.leave_reason != "rota leave") {
        text += fmt::format(" ({})", state_.leave_reason);
    } else if (!state_.is_leaving && !state_.absences.empty()) {
        text += fmt::format(" ({})", describe(state_.absences));
    }
    if (!state_.settings.signature.empty()) {
        text += " by " + state_.settings.signature;
    }
    text.resize(std::min(text.size(), kLongest));
    return text;
}

nanoseconds Stepper::back_off(unsigned failures) {
    const bool is_hurried = state_.is_leaving || state_.settings.goal != Goal::stay;
    const nanoseconds ceiling =
        doubled(kFirstBackOff, failures - 1, is_hurried ? kHurriedCeiling : kPatientCeiling);
    return std::max<nanoseconds>(kLeastBackOff, full_jitter(ceiling));
}

nanoseconds Stepper::full_jitter(nanoseconds most) {
    return nanoseconds{std::llround(static_cast<double>(most.count()) * rng_.unit())};
}

nanoseconds Stepper::jittered(nanoseconds around) {
    constexpr double kSpread = 0.2;
    const double factor = 1.0 - kSpread + 2.0 * kSpread * rng_.unit();
    return nanoseconds{std::llround(static_cast<double>(around.count()) * factor)};
}

std::uint8_t weight_of(const model::RecordSet& record_set) {
    const auto* weighted = std::get_if<model::WeightedRouting>(&record_set.routing);
    return weighted == nullptr ? std::uint8_t{0} : weighted->weight;
}

bool is_own(const model::RecordSet& record_set, const std::string& set_identifier) noexcept {
    return record_set.set_identifier == set_identifier &&
           std::holds_alternative<model::WeightedRouting>(record_set.routing);
}

}  // namespace rota::agent
