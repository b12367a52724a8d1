#include "rota/agent/absence.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::agent {
namespace {

constexpr std::chrono::hours kRemembered{1};

// Counts seen within this of each other are one, towards the larger: a few dozen in an hour.
constexpr std::chrono::minutes kGrain{2};

}  // namespace

std::string_view to_string(Reason reason) noexcept {
    switch (reason) {
        case Reason::unhealthy:
            return "unhealthy";
        case Reason::application:
            return "application";
        case Reason::maintenance:
            return "maintenance";
        case Reason::standby:
            return "standby";
        case Reason::ending:
            return "ending";
    }
    return "unknown";
}

Guard guard_of(const std::vector<Absence>& absences) {
    ROTA_ASSERT(!absences.empty());
    return std::ranges::min(absences, {}, &Absence::guard).guard;
}

std::string describe(const std::vector<Absence>& absences) {
    std::string text;
    for (const Absence& absence : absences) {
        text += fmt::format("{}{}{}{}", text.empty() ? "" : "; ", to_string(absence.reason),
                            absence.text.empty() ? "" : ": ", absence.text);
    }
    return text;
}

void MembersSeen::observe(std::size_t members, BootTime now) {
    std::erase_if(seen_, [now](const Seen& seen) { return seen.at + kRemembered <= now; });
    while (!seen_.empty() && seen_.back().members <= members) {
        seen_.pop_back();  // a later and larger count outlives it
    }
    if (!seen_.empty() && now - seen_.back().at < kGrain) {
        return;
    }
    seen_.push_back({.members = members, .at = now});
}

std::size_t MembersSeen::most(BootTime now) const {
    const auto recent = std::ranges::find_if(
        seen_, [now](const Seen& seen) { return seen.at + kRemembered > now; });
    return recent == seen_.end() ? 0 : recent->members;
}

std::size_t least_to_keep(Guard guard, std::size_t most) noexcept {
    switch (guard) {
        case Guard::none:
            return 0;
        case Guard::last_member:
            return 1;
        case Guard::quorum:
            return std::max<std::size_t>(1, (most + 1) / 2);
    }
    return 0;
}

}  // namespace rota::agent
