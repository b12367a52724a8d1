#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::lab {

/// What to start: this very executable with other arguments.
struct Command {
    std::string name;                                ///< for people and for the log's file name
    std::vector<std::string> arguments;              ///< after the program's name
    std::map<std::string, std::string> environment;  ///< all of it; nothing is inherited
    std::string log_path;      ///< standard error (and output, when not a pipe) go here
    bool with_stdin = false;   ///< a pipe from us; else /dev/null
    bool with_stdout = false;  ///< a pipe to us; else the log
};

/// How a process ended.
struct Ended {
    int status = 0;  ///< exit status, or the signal's number
    bool by_signal = false;
};

/// "exit status 69", "signal 9".
std::string to_string(const Ended& ended);

/// A child of ours: in a process group of its own, so that Ctrl-C reaches only us, and killed by
/// the kernel when we die, so that nothing is left behind. Destroying it kills it.
class Child {
public:
    Child() = default;

    Child(Child&& other) noexcept { *this = std::move(other); }

    Child& operator=(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    /// Starts /proc/self/exe. Call from the main thread: the kernel's death signal follows the
    /// thread that forked.
    /// @errors io.
    static Result<Child> start(const Command& command);

    /// Readable when the process has ended.
    [[nodiscard]] int exit_fd() const noexcept { return pidfd_.get(); }

    [[nodiscard]] int stdin_fd() const noexcept { return stdin_.get(); }

    [[nodiscard]] int stdout_fd() const noexcept { return stdout_.get(); }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    [[nodiscard]] bool is_running() const noexcept { return pid_ > 0; }

    void send(int signal) const noexcept;

    /// Writes a line to its standard input; a child that does not read loses it.
    void tell(std::string_view line) const noexcept;

    void close_stdin() noexcept { stdin_.reset(); }

    /// Collects the status of an ended process.
    Ended reap() noexcept;

private:
    pid_t pid_ = -1;
    Fd pidfd_;
    Fd stdin_;
    Fd stdout_;
};

/// The last `lines` lines of a file, for error messages; empty when it cannot be read.
std::string tail(const std::string& path, std::size_t lines);

}  // namespace rota::lab
