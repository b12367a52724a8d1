#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

// To be preloaded: the wall clock of a program is off by as many seconds as the file says that
// ROTA_TEST_CLOCK names. The clocks that never step are left alone, and so is every timer;
// libfaketime moves absolute timers of CLOCK_BOOTTIME with the wall clock.
namespace {

time_t seconds_off() noexcept {
    const char* const path = std::getenv("ROTA_TEST_CLOCK");
    const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    std::array<char, 32> text{};
    const ssize_t size = ::read(file, text.data(), text.size());
    ::close(file);
    time_t seconds = 0;
    std::from_chars(text.data(), text.data() + (size > 0 ? size : 0), seconds);
    return seconds;
}

}  // namespace

extern "C" int clock_gettime(clockid_t id, timespec* now) noexcept {
    const long result = ::syscall(SYS_clock_gettime, id, now);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += seconds_off();
    }
    return static_cast<int>(result);
}

extern "C" int gettimeofday(timeval* now, void* /*zone*/) noexcept {
    timespec spec{};
    const int result = clock_gettime(CLOCK_REALTIME, &spec);
    *now = {.tv_sec = spec.tv_sec, .tv_usec = spec.tv_nsec / 1000};
    return result;
}

extern "C" time_t time(time_t* now) noexcept {
    timespec spec{};
    clock_gettime(CLOCK_REALTIME, &spec);
    if (now != nullptr) {
        *now = spec.tv_sec;
    }
    return spec.tv_sec;
}
