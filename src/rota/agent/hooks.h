#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"

// The waits of Auto Scaling's lifecycle hooks: the agent ends them when the instance is in the rota
// or out of it, always with CONTINUE, and keeps them going while a drain lasts. No queue, no topic
// and no function beside it: the metadata service tells the state, the API takes the answer by
// instance id.
// @source Amazon EC2 Auto Scaling User Guide, "Complete a lifecycle action in an Auto Scaling
// group".
namespace rota::agent {

enum class Transition : std::uint8_t { launch, termination };

std::string_view to_string(Transition transition) noexcept;

struct Hook {
    std::string name;
    Transition transition = Transition::launch;
    std::chrono::seconds heartbeat_timeout{3600};
    std::chrono::seconds global_timeout{172800};
};

/// What the API says of the instance.
struct Hooks {
    std::string group;  ///< empty: the instance is in none
    std::string state;  ///< where the group has it: "Pending:Wait", "InService"
    std::vector<Hook> hooks;
};

/// Ask for the group, the state and the hooks; the answer is HooksFound.
struct FindHooks {};

/// Keep a wait going, or end it with CONTINUE; the answer is HookCalled.
struct CallHook {
    enum class Kind : std::uint8_t { heartbeat, complete };

    Kind kind = Kind::heartbeat;
    std::string group;
    std::string hook;
};

struct HooksFound {
    std::optional<Hooks> hooks;
    Error problem;  ///< why not
};

struct HookCalled {
    std::optional<Error> problem;
    bool is_over = false;  ///< there is no such wait (any more, or yet)
};

/// One wait of the instance, from the moment that its target state was read.
struct HookWait {
    Transition transition = Transition::launch;
    bool is_completing = false;  ///< the call that is out ends the wait
    bool is_over = false;
    bool is_late = false;           ///< the limit has passed
    std::optional<BootTime> limit;  ///< when the wait ends whatever the rota; counted at a launch
                                    ///< from the readiness of the instance
    unsigned failures = 0;          ///< in a row
    unsigned looks = 0;             ///< that found no wait yet
    std::optional<BootTime> wake;   ///< of the next try
    std::optional<BootTime> beat;   ///< of the next heartbeat
    std::optional<Hooks> found;
    std::optional<Hook> hook;  ///< the one that is ours
};

/// Which hook of a transition is the agent's: one that was named, else one whose name begins with
/// "rota", else the only one. @returns nothing where there is none, or no telling which.
std::optional<Hook> choose_hook(const std::vector<Hook>& hooks, Transition transition,
                                const std::vector<std::string>& names);

struct State;

/// When the wait wants to be looked at; nothing when there is none, or a call is out.
std::optional<BootTime> next_hook_wake(const State& state);

}  // namespace rota::agent
