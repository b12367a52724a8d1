#include "rota/lab/group.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::lab {
namespace {

/// EC2 shows a terminated instance for about an hour; here for so many more launches.
constexpr std::size_t kTerminatedKept = 1000;

LifecycleState after(LifecycleState wait) noexcept {
    return wait == LifecycleState::pending_wait ? LifecycleState::in_service
                                                : LifecycleState::terminating_proceed;
}

}  // namespace

std::string_view to_string(LifecycleState state) noexcept {
    switch (state) {
        case LifecycleState::pending_wait:
            return "Pending:Wait";
        case LifecycleState::in_service:
            return "InService";
        case LifecycleState::terminating_wait:
            return "Terminating:Wait";
        case LifecycleState::terminating_proceed:
            return "Terminating:Proceed";
        case LifecycleState::terminated:
            return "Terminated";
    }
    return "";
}

Group::Group(GroupSettings settings, WallTime now)
    : settings_{std::move(settings)}, created_{now}, desired_{settings_.min} {}

Status Group::launch(std::string id, std::string address, WallTime now) {
    if (find(id)) {
        return fail(ErrorKind::conflict, fmt::format("there is an instance {} already", id));
    }
    forget_the_oldest();
    instances_.push_back({.id = std::move(id),
                          .address = std::move(address),
                          .launched = now,
                          .wait_begun = now,
                          .wait_ends = {}});
    wait(instances_.back(), LifecycleState::pending_wait, now);
    return {};
}

Status Group::terminate(std::string_view id, WallTime now) {
    GroupInstance& instance = *ROTA_TRY(find(id));
    if (instance.state < LifecycleState::terminating_wait) {
        wait(instance, LifecycleState::terminating_wait, now);
    }
    return {};
}

Status Group::gone(std::string_view id) {
    move(*ROTA_TRY(find(id)), LifecycleState::terminated);
    return {};
}

Status Group::complete(std::string_view hook, std::string_view id, bool abandons) {
    GroupInstance& instance = *ROTA_TRY(find_waiting(hook, id));
    move(instance, abandons ? LifecycleState::terminating_proceed : after(instance.state));
    return {};
}

Status Group::record_heartbeat(std::string_view hook, std::string_view id, WallTime now) {
    GroupInstance& instance = *ROTA_TRY(find_waiting(hook, id));
    instance.wait_ends = std::min(now + settings_.heartbeat_timeout,
                                  instance.wait_begun + longest_wait(settings_.heartbeat_timeout));
    return {};
}

void Group::expire(WallTime now) {
    for (GroupInstance& instance : instances_) {
        if (instance.wait_ends && *instance.wait_ends <= now) {
            move(instance, after(instance.state));
        }
    }
}

std::vector<Group::Change> Group::take_changes() {
    return std::exchange(changes_, {});
}

Result<GroupInstance*> Group::find(std::string_view id) {
    const auto found = std::ranges::find(instances_, id, &GroupInstance::id);
    if (found == instances_.end()) {
        return fail(ErrorKind::not_found, fmt::format("there is no instance {}", id));
    }
    return &*found;
}

Result<GroupInstance*> Group::find_waiting(std::string_view hook, std::string_view id) {
    const auto found = find(id);
    const auto* const at = std::ranges::find(kGroupHooks, hook, &GroupHook::name);
    if (!found || at == kGroupHooks.end() || (*found)->state != at->wait) {
        // AWS's words.
        return fail(ErrorKind::conflict,
                    fmt::format("No active Lifecycle Action found with instance ID {}", id));
    }
    return *found;
}

void Group::move(GroupInstance& instance, LifecycleState state) {
    instance.wait_ends.reset();
    if (instance.state != state) {
        instance.state = state;
        changes_.push_back({.id = instance.id, .state = state});
    }
}

void Group::wait(GroupInstance& instance, LifecycleState state, WallTime now) {
    instance.state = state;
    changes_.push_back({.id = instance.id, .state = state});
    instance.wait_begun = now;
    instance.wait_ends = now + settings_.heartbeat_timeout;
}

void Group::forget_the_oldest() {
    const auto is_over = [](const GroupInstance& instance) {
        return instance.state == LifecycleState::terminated;
    };
    if (static_cast<std::size_t>(std::ranges::count_if(instances_, is_over)) >= kTerminatedKept) {
        instances_.erase(std::ranges::find_if(instances_, is_over));
    }
}

}  // namespace rota::lab
