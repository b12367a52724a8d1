#include "rota/agent/hooks.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/agent/stepper.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/instance/lifecycle_state.h"

namespace rota::agent {
namespace {

// The state that is aimed at may be told before the wait begins.
constexpr std::chrono::seconds kNextLook{5};
constexpr unsigned kMostLooks = 12;

std::optional<Transition> transition_to(instance::TargetState state) {
    if (instance::is_end(state)) {
        return Transition::termination;
    }
    const instance::Wish wish = instance::wish_of(state);
    const bool is_launch = wish == instance::Wish::join || wish == instance::Wish::stay_out;
    return is_launch ? std::optional{Transition::launch} : std::nullopt;
}

bool waits_for(const std::string& state, Transition transition) {
    return state.contains(transition == Transition::launch ? "Pending" : "Terminating");
}

bool is_settled(const Member& member) {
    return member.phase == Phase::in_service || member.phase == Phase::out || is_end(member.phase);
}

bool has_left(const Member& member) {
    return member.phase == Phase::out || is_end(member.phase);
}

/// Who is not ready may be launched in vain: that is for the hook's timeout to say.
bool beats(const HookWait& wait) {
    return wait.found && wait.limit;
}

}  // namespace

std::optional<BootTime> next_hook_wake(const State& state) {
    if (!state.hook_wait || state.hook_wait->is_over || state.is_hook_called) {
        return state.last_word_by;
    }
    const HookWait& wait = *state.hook_wait;
    std::optional<BootTime> next = state.last_word_by;
    for (const auto& moment : {wait.wake, wait.limit, beats(wait) ? wait.beat : std::nullopt}) {
        next = moment && (!next || *moment < *next) ? moment : next;
    }
    return next;
}

std::string_view to_string(Transition transition) noexcept {
    return transition == Transition::launch ? "launch" : "termination";
}

std::optional<Hook> choose_hook(const std::vector<Hook>& hooks, Transition transition,
                                const std::vector<std::string>& names) {
    std::vector<Hook> candidates;
    std::ranges::copy_if(hooks, std::back_inserter(candidates), [&](const Hook& hook) {
        const bool is_named = names.empty() || std::ranges::find(names, hook.name) != names.end();
        return hook.transition == transition && is_named;
    });
    const auto ours = std::ranges::find_if(
        candidates, [](const Hook& hook) { return hook.name.starts_with("rota"); });
    if (ours != candidates.end()) {
        return *ours;
    }
    return candidates.size() == 1 || (!names.empty() && !candidates.empty())
               ? std::optional{candidates.front()}
               : std::nullopt;
}

void Stepper::follow_lifecycle() {
    if (!state_.settings.follow_hooks || !state_.notices.lifecycle ||
        state_.notices.lifecycle->word == state_.lifecycle_word) {
        return;
    }
    state_.lifecycle_word = state_.notices.lifecycle->word;
    state_.hook_wait.reset();
    if (const auto transition = transition_to(state_.notices.lifecycle->state)) {
        HookWait& wait = state_.hook_wait.emplace();
        wait.transition = *transition;
        if (*transition == Transition::termination) {
            wait.limit = now_ + state_.settings.deadline;
        }
    }
}

bool Stepper::may_complete(HookWait& wait) {
    const bool is_launch = wait.transition == Transition::launch;
    if (std::ranges::all_of(state_.members, is_launch ? is_settled : has_left)) {
        wait.limit.reset();
        return true;
    }
    if (is_launch && !wait.limit && !wait.is_late && state_.is_ready) {
        wait.limit = now_ + state_.settings.deadline;
    }
    if (wait.limit && *wait.limit <= now_) {
        wait.limit.reset();
        wait.is_late = true;
        hook_says(wait, log::Level::error,
                  fmt::format("not {} the rota after {}, but the {} goes on: no want of a record "
                              "set stops it",
                              is_launch ? "in" : "out of", in_seconds(state_.settings.deadline),
                              to_string(wait.transition)));
    }
    return wait.is_late;
}

void Stepper::call_hook_where_due() {
    if (!state_.hook_wait || state_.hook_wait->is_over || state_.is_hook_called) {
        return;
    }
    HookWait& wait = *state_.hook_wait;
    const bool may = may_complete(wait);
    const bool waits_to_retry = wait.wake && *wait.wake > now_;
    if (!waits_to_retry) {
        wait.wake.reset();
    }
    if (!wait.found || !wait.hook) {
        if (!waits_to_retry) {
            state_.is_hook_called = true;
            actions_.emplace_back(FindHooks{});
        }
        return;
    }
    std::optional<CallHook::Kind> kind;
    if (may && !waits_to_retry) {
        kind = CallHook::Kind::complete;
    } else if (!may && beats(wait) && wait.beat && *wait.beat <= now_) {
        kind = CallHook::Kind::heartbeat;
    }
    if (kind) {
        wait.beat = now_ + heartbeat_interval(wait.hook->heartbeat_timeout);
        state_.is_hook_called = true;
        wait.is_completing = *kind == CallHook::Kind::complete;
        actions_.emplace_back(
            CallHook{.kind = *kind, .group = wait.found->group, .hook = wait.hook->name});
    }
}

void Stepper::on(const HooksFound& event) {
    const bool is_asked = std::exchange(state_.is_hook_called, false);
    if (!state_.hook_wait || !is_asked) {
        return;
    }
    HookWait& wait = *state_.hook_wait;
    if (!event.hooks) {
        on_hook_failure(wait, event.problem);
        return;
    }
    wait.failures = 0;
    learn_hook_clocks(event.hooks->hooks);
    wait.hook = choose_hook(event.hooks->hooks, wait.transition, state_.settings.hook_names);
    if (!waits_for(event.hooks->state, wait.transition)) {
        wait.is_over = !look_again(wait);
        return;
    }
    if (!wait.hook) {
        wait.is_over = true;
        const auto of_others =
            std::ranges::count(event.hooks->hooks, wait.transition, &Hook::transition);
        if (of_others > 0) {
            hook_says(wait, log::Level::warning,
                      fmt::format("none of the group's {} {} hooks is known to be ours: name one "
                                  "with --lifecycle-hook",
                                  of_others, to_string(wait.transition)));
        }
        return;
    }
    wait.found = event.hooks;
    wait.beat = now_;
}

/// An instance that runs already is in no wait; one that is about to be terminated will be.
bool Stepper::look_again(HookWait& wait) {
    if (wait.transition == Transition::launch || !wait.hook || wait.looks >= kMostLooks) {
        return false;
    }
    ++wait.looks;
    wait.found.reset();
    wait.wake = now_ + kNextLook;
    return true;
}

void Stepper::on(const HookCalled& event) {
    const bool is_asked = std::exchange(state_.is_hook_called, false);
    if (!state_.hook_wait || !is_asked) {
        return;
    }
    HookWait& wait = *state_.hook_wait;
    if (!wait.hook) {
        return;  // of a wait before this one
    }
    if (event.is_over) {
        const bool has_begun = wait.found && wait.found->state.ends_with(":Wait");
        wait.is_over = has_begun || ++wait.looks > kMostLooks;
        wait.found.reset();
        wait.wake = now_ + kNextLook;
        return;
    }
    if (event.problem) {
        on_hook_failure(wait, *event.problem);
        return;
    }
    wait.failures = 0;
    if (wait.is_completing) {
        wait.is_over = true;
        hook_says(wait, log::Level::info,
                  fmt::format("{} hook completed with CONTINUE", to_string(wait.transition)));
    }
}

void Stepper::on_hook_failure(HookWait& wait, const Error& problem) {
    ++wait.failures;
    if (!problem.retryable) {
        wait.is_over = true;
        hook_says(wait, log::Level::warning,
                  problem.message +
                      " (the hook is left to its timeout; --no-lifecycle-hooks asks "
                      "for none)");
        return;
    }
    const auto delay = back_off(wait.failures);
    wait.wake = now_ + delay;
    if (wait.beat) {
        wait.beat = std::max(*wait.beat, *wait.wake);
    }
    if (wait.failures == 1) {
        hook_says(wait, log::Level::warning,
                  fmt::format("{} (next try within {})", problem.message, in_seconds(delay)));
    }
}

void Stepper::learn_hook_clocks(const std::vector<Hook>& hooks) {
    const auto hook = choose_hook(hooks, Transition::termination, state_.settings.hook_names);
    if (!hook) {
        return;
    }
    state_.heartbeat_timeout = hook->heartbeat_timeout;
    state_.global_timeout = hook->global_timeout;
    for (const Member& member : state_.members) {
        if (member.phase == Phase::in_service) {
            warn_of_misfits(member, {Clock::heartbeat, Clock::global_timeout});
        }
    }
}

bool Stepper::owes_hook() const {
    return state_.hook_wait && !state_.hook_wait->is_over &&
           state_.hook_wait->transition == Transition::termination;
}

void Stepper::hook_says(const HookWait& wait, log::Level level, std::string text) {
    actions_.emplace_back(
        Say{.level = level,
            .member = std::nullopt,
            .text = wait.hook ? fmt::format("lifecycle hook {}: {}", wait.hook->name, text)
                              : "lifecycle hooks: " + std::move(text)});
}

}  // namespace rota::agent
