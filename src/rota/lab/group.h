#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::lab {

struct GroupSettings {
    std::string name;
    unsigned min = 1;
    unsigned max = 1;
    std::chrono::seconds heartbeat_timeout{60};  ///< of both hooks
};

/// Where the group has an instance.
/// @source Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle".
enum class LifecycleState : std::uint8_t {
    pending_wait,
    in_service,
    terminating_wait,
    terminating_proceed,  ///< the operating system goes down
    terminated,           ///< in the group no more; EC2 knows it for a while yet
};

/// "Pending:Wait".
std::string_view to_string(LifecycleState state) noexcept;

struct GroupInstance {
    std::string id;
    std::string address;
    LifecycleState state = LifecycleState::pending_wait;
    WallTime launched;
    WallTime wait_begun;                ///< the last wait's
    std::optional<WallTime> wait_ends;  ///< without another heartbeat
};

struct GroupHook {
    std::string_view name;
    std::string_view transition;
    LifecycleState wait;
};

/// Both go on by themselves (CONTINUE) when their wait runs out.
inline constexpr std::array kGroupHooks{
    GroupHook{.name = "rota-launch",
              .transition = "autoscaling:EC2_INSTANCE_LAUNCHING",
              .wait = LifecycleState::pending_wait},
    GroupHook{.name = "rota-leave",
              .transition = "autoscaling:EC2_INSTANCE_TERMINATING",
              .wait = LifecycleState::terminating_wait}};

/// How long a wait lasts at most, whatever the heartbeats.
/// @source Auto Scaling API Reference, LifecycleHook, GlobalTimeout.
constexpr std::chrono::seconds longest_wait(std::chrono::seconds heartbeat_timeout) noexcept {
    constexpr std::chrono::hours kMost{48};
    return std::min<std::chrono::seconds>(100 * heartbeat_timeout, kMost);
}

/// An auto-scaling group as its APIs see it: instances that wait for a hook when they are launched
/// and again before they end. Whoever owns it launches and ends the machines; it keeps the states.
class Group {
public:
    Group(GroupSettings settings, WallTime now);

    /// @errors conflict: there is such an instance.
    Status launch(std::string id, std::string address, WallTime now);

    /// Tells the instance to go; nothing when it goes already. @errors not_found.
    Status terminate(std::string_view id, WallTime now);

    /// The machine is off. @errors not_found.
    Status gone(std::string_view id);

    void set_desired(unsigned desired) noexcept { desired_ = desired; }

    /// CompleteLifecycleAction by instance, with CONTINUE: as at AWS, ABANDON of a launch ends the
    /// instance, and of a termination it makes no difference here.
    /// @errors conflict: it does not wait at this hook.
    Status complete(std::string_view hook, std::string_view id, bool abandons);

    /// RecordLifecycleActionHeartbeat. @errors conflict: it does not wait at this hook.
    Status record_heartbeat(std::string_view hook, std::string_view id, WallTime now);

    /// Ends the waits that ran out.
    void expire(WallTime now);

    struct Change {
        std::string id;
        LifecycleState state;
    };

    /// The changes since the last call, in order.
    std::vector<Change> take_changes();

    [[nodiscard]] const GroupSettings& settings() const noexcept { return settings_; }

    [[nodiscard]] unsigned desired() const noexcept { return desired_; }

    [[nodiscard]] WallTime created() const noexcept { return created_; }

    /// In order of launch; the last terminated ones among them.
    [[nodiscard]] const std::vector<GroupInstance>& instances() const noexcept {
        return instances_;
    }

private:
    Result<GroupInstance*> find(std::string_view id);
    Result<GroupInstance*> find_waiting(std::string_view hook, std::string_view id);
    void move(GroupInstance& instance, LifecycleState state);
    void wait(GroupInstance& instance, LifecycleState state, WallTime now);
    void forget_the_oldest();

    GroupSettings settings_;
    WallTime created_;
    unsigned desired_;
    std::vector<GroupInstance> instances_;
    std::vector<Change> changes_;
};

}  // namespace rota::lab
