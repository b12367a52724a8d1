#include "rota/base/clock.h"

#include <chrono>
#include <ctime>

#include <time.h>

namespace rota {

BootClock::time_point BootClock::now() noexcept {
    timespec spec{};
    ::clock_gettime(CLOCK_BOOTTIME, &spec);
    return time_point{std::chrono::seconds{spec.tv_sec} + std::chrono::nanoseconds{spec.tv_nsec}};
}

WallTime wall_now() noexcept {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace rota
