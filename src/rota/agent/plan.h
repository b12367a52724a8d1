#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The shutdown planner: one plan of a leave from all the clocks that run against it, made at
// start-up. What does not fit is then said while it can still be changed, with the value that fits,
// and not found out by the clients at the end of the instance. Pure.
namespace rota::agent {

/// The clocks of a leave, as configured and as the instance's surroundings set them.
struct Clocks {
    std::chrono::seconds ttl{60};
    std::chrono::seconds margin{15};
    /// How long clients keep an address beyond the TTL. (Chromium: 60 s whatever the TTL.)
    std::chrono::seconds client_floor{0};
    /// From the request to INSYNC. @source Route 53 API Reference, GetChange: "generally within 60
    /// seconds"; against `rota serve` 0.
    std::chrono::seconds propagation{60};
    /// How often the metadata service is asked, so how late a notice may be seen.
    std::chrono::seconds poll_interval{5};
    std::chrono::seconds deadline{300};  ///< the agent's own, of a leave
    /// At weight 0 before the DELETE, where there is time; 0: deleted at once.
    std::chrono::seconds fade{0};
    /// The lead time of the shortest notice to survive: 120 s for spot instances; empty: none.
    std::optional<std::chrono::seconds> notice;
    std::optional<std::chrono::seconds> heartbeat_timeout;  ///< of the lifecycle hook
    /// The hook's GlobalTimeout; empty: as Auto Scaling makes it of the heartbeat timeout.
    std::optional<std::chrono::seconds> global_timeout;
    std::optional<std::chrono::seconds> stop_timeout;  ///< systemd's TimeoutStopSec; empty: none
};

/// A stretch of the leave, in order.
enum class Stage : std::uint8_t {
    notice,       ///< until a poll sees the notice
    propagation,  ///< from the DELETE to INSYNC
    caches,       ///< the TTL
    margin,
    clients,  ///< what clients keep beyond the TTL
};

/// "propagation", as in JSON.
std::string_view to_string(Stage stage) noexcept;

struct PlannedStage {
    Stage stage = Stage::propagation;
    std::chrono::seconds begin{0};  ///< from the moment of the notice or the signal
    std::chrono::seconds span{0};

    friend bool operator==(const PlannedStage&, const PlannedStage&) = default;
};

/// Which clock a leave does not fit.
enum class Clock : std::uint8_t { notice, deadline, stop_timeout, heartbeat, global_timeout };

/// One thing that does not fit.
struct Misfit {
    Clock clock = Clock::notice;
    /// What would fit: for the notice the TTL, for the others that clock itself; empty when nothing
    /// does.
    std::optional<std::chrono::seconds> suggestion;
    std::string sentence;  ///< for people, with the way out
};

struct Plan {
    std::vector<PlannedStage> stages;  ///< those that take time
    std::chrono::seconds total{0};     ///< from a signal; the wait for a poll is not in it
    std::chrono::seconds total_from_notice{0};
    /// The largest TTL with which a leave fits the notice; empty without a notice, or when none
    /// does.
    std::optional<std::chrono::seconds> largest_ttl;
    /// How often to send RecordLifecycleActionHeartbeat while leaving; empty without a hook.
    std::optional<std::chrono::seconds> heartbeat_interval;
    std::vector<Misfit> misfits;  ///< empty: everything fits
};

/// The plan of a leave that nothing disturbs.
/// A negative clock counts as 0.
Plan plan_leave(const Clocks& clocks);

/// How often to send RecordLifecycleActionHeartbeat in a wait with this timeout.
std::chrono::seconds heartbeat_interval(std::chrono::seconds timeout) noexcept;

/// The lead time that is left of a deadline once the agent has exited: what TimeoutStopSec should
/// exceed the deadline by.
inline constexpr std::chrono::seconds kStopReserve{30};

/// The most that a lifecycle action can last, heartbeats and all.
/// @source Auto Scaling API Reference, LifecycleHook, GlobalTimeout: 172800 seconds or 100 times
/// HeartbeatTimeout, whichever is smaller.
std::chrono::seconds global_cap(std::chrono::seconds heartbeat_timeout) noexcept;

}  // namespace rota::agent
