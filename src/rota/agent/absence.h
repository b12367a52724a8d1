#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"

// Why an instance that lives is to be out of its rotas for a while, and how far that may go.
namespace rota::agent {

/// Several may hold at once; the instance is back when none does.
enum class Reason : std::uint8_t {
    unhealthy,    ///< its checks fail
    application,  ///< says so by its agent-check: drain, maint
    maintenance,  ///< an operator drains it
    standby,      ///< its Auto Scaling group has it in standby, warm or detached
    ending,       ///< it will be ended soon
};

/// "unhealthy", as in JSON.
std::string_view to_string(Reason reason) noexcept;

/// What an absence may not do to a rota. The weaker guard is the stronger reason.
enum class Guard : std::uint8_t {
    none,
    last_member,  ///< leave a name without an address
    quorum,       ///< that, or leave it less than half of the members most seen in the last hour
};

struct Absence {
    Reason reason = Reason::unhealthy;
    Guard guard = Guard::none;
    std::string text;              ///< "GET http://127.0.0.1/health: 503"
    std::optional<BootTime> ends;  ///< by itself; empty: when told
};

/// The weakest guard among them. @pre there is one
Guard guard_of(const std::vector<Absence>& absences);

/// "unhealthy: GET http://…: 503; maintenance: kernel upgrade by uid 0"
std::string describe(const std::vector<Absence>& absences);

/// How many members a rota was seen to have, for the last hour.
class MembersSeen {
public:
    /// `now` must not go back.
    void observe(std::size_t members, BootTime now);

    /// The most in the hour before `now`; zero when it was not seen.
    [[nodiscard]] std::size_t most(BootTime now) const;

private:
    struct Seen {
        std::size_t members;
        BootTime at;
    };

    std::vector<Seen> seen_;  ///< falling counts, rising times; few
};

/// How many members a removal under this guard must leave in the rota.
/// @param most  seen in the last hour, the one that goes included.
std::size_t least_to_keep(Guard guard, std::size_t most) noexcept;

}  // namespace rota::agent
