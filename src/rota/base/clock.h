#pragma once

#include <chrono>

namespace rota {

/// Wall-clock time in UTC: for signatures, certificates, time stamps that people read. It may step.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// Time that never steps back and goes on during suspend (CLOCK_BOOTTIME): for deadlines, TTLs,
/// leases.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady =
        true;  // NOLINT(readability-identifier-naming): the standard's name
    static time_point now() noexcept;
};

using BootTime = BootClock::time_point;

WallTime wall_now() noexcept;

inline BootTime boot_now() noexcept {
    return BootClock::now();
}

}  // namespace rota
