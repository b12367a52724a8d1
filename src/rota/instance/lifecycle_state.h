#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/error.h"

// Where Auto Scaling is moving the instance: the state that is aimed at, not the one that it is in.
// @source Amazon EC2 Auto Scaling User Guide, "Retrieve the target lifecycle state through instance
// metadata".
namespace rota::instance {

inline constexpr std::string_view kLifecycleStatePath =
    "meta-data/autoscaling/target-lifecycle-state";

enum class TargetState : std::uint8_t {
    in_service,
    terminated,
    detached,
    standby,
    warmed_hibernated,
    warmed_running,
    warmed_stopped,
    warmed_terminated,
    unknown,  ///< a word of tomorrow: told, and nothing done about it
};

struct LifecycleState {
    TargetState state = TargetState::unknown;
    std::string word;  ///< as the service wrote it

    friend bool operator==(const LifecycleState&, const LifecycleState&) = default;
};

/// Reads "InService", "Warmed:Stopped" and so on; any other single word is kept as unknown.
/// @errors bad_input: what is no word (empty, with spaces or mark-up, longer than 64 octets).
Result<LifecycleState> parse_lifecycle_state(std::string_view text);

/// What a state asks of a member of a rota.
enum class Wish : std::uint8_t {
    none,
    join,
    stay_out,  ///< until InService: the warm pool's states
    leave,     ///< Standby and Detached may come back, Terminated does not
};

Wish wish_of(TargetState state) noexcept;

/// The certain end of the instance: Terminated, from the group or from the warm pool.
constexpr bool is_end(TargetState state) noexcept {
    return state == TargetState::terminated || state == TargetState::warmed_terminated;
}

}  // namespace rota::instance
