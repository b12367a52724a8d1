#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "rota/base/clock.h"

// An account has five requests a second at Route 53, for every agent of every fleet and everything
// else. Each agent keeps to its part of what its fleet may take; health and drain do not wait, but
// what they spend is spent.
namespace rota::agent {

struct ApiBudget {
    /// @source Route 53 Developer Guide, "Quotas": five requests a second an account.
    double requests_per_second = 5;
    double part = 0.2;  ///< of them, for this fleet's weights and looks
};

/// The time between two calls of one agent of a fleet of `members` (0 is taken for 1), so that all
/// together keep to the budget; at most a day.
std::chrono::milliseconds api_interval(std::size_t members, const ApiBudget& budget) noexcept;

/// What `rota serve` is asked at most, which has no quota: so that a fleet does not ask at once.
inline constexpr double kOwnServersRequests = 50;

enum class ApiUse : std::uint8_t {
    urgent,     ///< join, health, drain, leave
    leisurely,  ///< a weight that load moved, a look at the siblings
};

struct ApiShare {
    BootTime free_at;  ///< when the calls so far are paid
};

/// Whether a call of this use may go out now: an urgent one always.
constexpr bool may_call(const ApiShare& share, ApiUse use, BootTime now) noexcept {
    return use == ApiUse::urgent || now >= share.free_at;
}

/// Notes calls that went out, of either use. What urgent ones owe is bounded by 20 intervals.
void called(ApiShare& share, unsigned calls, std::size_t members, const ApiBudget& budget,
            BootTime now) noexcept;

}  // namespace rota::agent
