#include "rota/lab/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::lab {
namespace {

struct Pipe {
    Fd read_end;
    Fd write_end;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail_errno("cannot create a pipe", errno);
    }
    return Pipe{.read_end = Fd{ends[0]}, .write_end = Fd{ends[1]}};
}

Result<Fd> open_file(const std::string& path, int flags) {
    Fd file{::open(path.c_str(), flags | O_CLOEXEC, 0600)};
    if (!file) {
        return fail_errno("cannot open " + path, errno);
    }
    return file;
}

/// What the child needs, built before the fork: between fork and exec nothing may allocate, since
/// another thread may have held the allocator's lock.
struct Prepared {
    std::vector<std::string> texts;
    std::vector<char*> argv;
    std::vector<char*> envp;
    int in = -1;
    int out = -1;
    int err = -1;
    pid_t parent = -1;
};

Prepared prepare(const Command& command) {
    Prepared prepared;
    prepared.texts.emplace_back("rota");
    std::ranges::copy(command.arguments, std::back_inserter(prepared.texts));
    const std::size_t argument_count = prepared.texts.size();
    for (const auto& [name, value] : command.environment) {
        prepared.texts.push_back(fmt::format("{}={}", name, value));
    }
    for (std::size_t i = 0; i < prepared.texts.size(); ++i) {
        (i < argument_count ? prepared.argv : prepared.envp).push_back(prepared.texts[i].data());
    }
    prepared.argv.push_back(nullptr);
    prepared.envp.push_back(nullptr);
    prepared.parent = ::getpid();
    return prepared;
}

[[noreturn]] void become(const Prepared& prepared) noexcept {
    constexpr int kCannotExecute = 127;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != prepared.parent) {  // it died before the request was in force
        ::_exit(kCannotExecute);
    }
    ::setpgid(0, 0);
    sigset_t none{};
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);  // NOLINT(concurrency-mt-unsafe): one thread here
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(prepared.in, STDIN_FILENO);
    ::dup2(prepared.out, STDOUT_FILENO);
    ::dup2(prepared.err, STDERR_FILENO);
    ::execve("/proc/self/exe", prepared.argv.data(), prepared.envp.data());
    ::_exit(kCannotExecute);
}

}  // namespace

std::string to_string(const Ended& ended) {
    return fmt::format("{} {}", ended.by_signal ? "signal" : "exit status", ended.status);
}

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    std::swap(stdin_, other.stdin_);
    std::swap(stdout_, other.stdout_);
    return *this;
}

Child::~Child() {
    if (is_running()) {
        send(SIGKILL);
        reap();
    }
}

Result<Child> Child::start(const Command& command) {
    Child child;
    const Fd log = ROTA_TRY(open_file(command.log_path, O_WRONLY | O_CREAT | O_APPEND));
    const Fd nothing = ROTA_TRY(open_file("/dev/null", O_RDONLY));
    Pipe in;
    Pipe out;
    if (command.with_stdin) {
        in = ROTA_TRY(make_pipe());
        ::fcntl(in.write_end.get(), F_SETFL, O_NONBLOCK);
    }
    if (command.with_stdout) {
        out = ROTA_TRY(make_pipe());
        ::fcntl(out.read_end.get(), F_SETFL, O_NONBLOCK);
    }
    Prepared prepared = prepare(command);
    prepared.in = command.with_stdin ? in.read_end.get() : nothing.get();
    prepared.out = command.with_stdout ? out.write_end.get() : log.get();
    prepared.err = log.get();

    child.pid_ = ::fork();
    if (child.pid_ == 0) {
        become(prepared);
    }
    if (child.pid_ < 0) {
        return fail_errno("cannot start " + command.name, errno);
    }
    child.pidfd_ = Fd{static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0))};
    if (!child.pidfd_) {
        return fail_errno("cannot watch " + command.name, errno);
    }
    child.stdin_ = std::move(in.write_end);
    child.stdout_ = std::move(out.read_end);
    return child;
}

void Child::send(int signal) const noexcept {
    if (is_running()) {  // until reaped, the number is ours
        ::kill(pid_, signal);
    }
}

void Child::tell(std::string_view line) const noexcept {
    if (stdin_) {
        [[maybe_unused]] const auto written = ::write(stdin_.get(), line.data(), line.size());
    }
}

Ended Child::reap() noexcept {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    pidfd_.reset();
    stdin_.reset();
    return WIFSIGNALED(status) ? Ended{.status = WTERMSIG(status), .by_signal = true}
                               : Ended{.status = WEXITSTATUS(status), .by_signal = false};
}

std::string tail(const std::string& path, std::size_t lines) {
    std::ifstream file{path};
    std::vector<std::string> kept;
    for (std::string line; std::getline(file, line);) {
        kept.push_back(std::move(line));
        if (kept.size() > lines) {
            kept.erase(kept.begin());
        }
    }
    return fmt::format("{}", fmt::join(kept, "\n"));
}

}  // namespace rota::lab
