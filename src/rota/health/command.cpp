#include "rota/health/command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::health {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// SIGKILL works at once, but for a process that hangs in the kernel (on a dead NFS server); that
/// one is not waited for longer than this.
constexpr seconds kKillPatience{5};

int milliseconds_until(BootTime deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - boot_now()).count();
    return static_cast<int>(std::clamp<long>(left, 0, INT_MAX));
}

/// posix_spawn's two descriptions, destroyed with this.
class SpawnPlan {
public:
    explicit SpawnPlan(int output) {
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawn_file_actions_init(&files_);
        sigset_t none{};
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        sigset_t ignored{};  // perhaps by us; a command expects them to work
        ::sigemptyset(&ignored);
        ::sigaddset(&ignored, SIGPIPE);
        ::sigaddset(&ignored, SIGCHLD);
        ::posix_spawnattr_setsigdefault(&attributes_, &ignored);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    }

    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    SpawnPlan(SpawnPlan&&) = delete;
    SpawnPlan& operator=(SpawnPlan&&) = delete;

    /// @returns 0 or an errno.
    // NOLINTNEXTLINE(misc-include-cleaner): pid_t is <spawn.h>'s; <time.h> came first
    int start(std::vector<std::string>& arguments, pid_t& child) const {
        std::vector<char*> pointers;
        pointers.reserve(arguments.size() + 1);
        for (std::string& argument : arguments) {
            pointers.push_back(argument.data());
        }
        pointers.push_back(nullptr);
        return ::posix_spawnp(&child, pointers.front(), &files_, &attributes_, pointers.data(),
                              environ);
    }

private:
    posix_spawnattr_t attributes_{};
    posix_spawn_file_actions_t files_{};
};

/// The end of what comes through a pipe.
class Tail {
public:
    explicit Tail(Fd pipe) : pipe_{std::move(pipe)} {}

    /// The descriptor to wait for; negative once it has ended.
    [[nodiscard]] int descriptor() const noexcept { return pipe_.get(); }

    /// @returns false when there is nothing to read now.
    bool read_some() {
        std::array<char, 4096> chunk{};
        const auto got = ::read(pipe_.get(), chunk.data(), chunk.size());
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN) {
                pipe_.reset();
            }
            return false;
        }
        text_.append(chunk.data(), static_cast<std::size_t>(got));
        if (text_.size() > kOutputKept) {
            text_.erase(0, text_.size() - kOutputKept);
        }
        return true;
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    Fd pipe_;
    std::string text_;
};

/// Reads along until the process has ended. @returns false: the deadline came first.
bool watch(int pidfd, Tail& tail, BootTime deadline) {
    while (true) {
        std::array<pollfd, 2> waiting{{{.fd = pidfd, .events = POLLIN, .revents = 0},
                                       {.fd = tail.descriptor(), .events = POLLIN, .revents = 0}}};
        const int left = milliseconds_until(deadline);
        const int ready = ::poll(waiting.data(), waiting.size(), left);
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready > 0 && waiting[0].revents != 0) {
            return true;
        }
        if (ready > 0) {
            tail.read_some();
        }
        if (left == 0) {
            return false;
        }
    }
}

void read_rest(Tail& tail) {
    // A full pipe and no more: somebody who left the group may be writing for ever.
    constexpr int kMostReads = 16;
    for (int reads = 0; reads < kMostReads && tail.read_some(); ++reads) {
    }
}

/// Kills what is left of the group, then buries its leader: in this order, because the leader's
/// number is not given to anybody else before that. @returns its wait status; nothing when it could
/// not be killed, or has been buried for us because SIGCHLD is ignored.
std::optional<int> end_group(pid_t child, int pidfd) {
    ::kill(-child, SIGKILL);
    pollfd waiting{.fd = pidfd, .events = POLLIN, .revents = 0};
    const BootTime deadline = boot_now() + kKillPatience;
    while (pidfd >= 0 && ::poll(&waiting, 1, milliseconds_until(deadline)) < 0 && errno == EINTR) {
    }
    int status = 0;
    const int options = pidfd >= 0 ? WNOHANG : 0;
    pid_t buried = -1;
    do {
        buried = ::waitpid(child, &status, options);
    } while (buried < 0 && errno == EINTR);
    return buried == child ? std::optional{status} : std::nullopt;
}

}  // namespace

Result<CommandEnd> run_command(std::vector<std::string> arguments, milliseconds timeout) {
    const BootTime deadline = boot_now() + timeout;
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail_errno("pipe", errno);
    }
    Fd read_end{ends[0]};
    Fd write_end{ends[1]};
    ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
    Tail tail{std::move(read_end)};
    pid_t child = -1;
    if (const int number = SpawnPlan{write_end.get()}.start(arguments, child); number != 0) {
        return fail_errno(fmt::format("start {}", arguments.front()), number);
    }
    write_end.reset();
    const Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0U))};
    const int number = errno;
    const bool has_ended = pidfd && watch(pidfd.get(), tail, deadline);
    const auto status = end_group(child, pidfd.get());
    if (!pidfd && number != ESRCH) {
        return fail_errno(fmt::format("watch {}", arguments.front()), number);
    }
    if (!pidfd || (has_ended && !status)) {
        return fail(ErrorKind::io, fmt::format("{}: its exit status is lost: start this program "
                                               "without SIGCHLD ignored",
                                               arguments.front()));
    }
    read_rest(tail);
    CommandEnd end{.is_late = !has_ended, .output = tail.take()};
    if (has_ended && WIFEXITED(*status)) {
        end.exit_status = WEXITSTATUS(*status);
    } else if (has_ended && WIFSIGNALED(*status)) {
        end.signal = WTERMSIG(*status);
    }
    return end;
}

}  // namespace rota::health
