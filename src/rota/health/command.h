#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "rota/base/error.h"

namespace rota::health {

/// How a command ended.
struct CommandEnd {
    int exit_status = -1;  ///< negative: it did not end by itself
    int signal = 0;        ///< that killed it
    bool is_late = false;  ///< it took too long
    std::string output;    ///< the end of what it wrote to standard output and standard error
};

/// How much of a command's output is kept.
inline constexpr std::size_t kOutputKept = 1024;

/// Runs a program (looked up in PATH) with /dev/null for input, in a process group of its own,
/// without our signal mask and our ignored signals. Whatever of the group is there when the program
/// ends or its time is over is killed; a process that has left the group is not.
/// @errors io: it cannot be started, or how it ended cannot be seen.
Result<CommandEnd> run_command(std::vector<std::string> arguments,
                               std::chrono::milliseconds timeout);

}  // namespace rota::health
