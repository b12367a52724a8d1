#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "rota/agent/preflight.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"

namespace CLI {
class App;
}

// `rota agent --check`: everything that an agent needs, looked at before it is started.
namespace rota::cli {

/// What a file of the agent's may contain, for its mode.
enum class FileRole : std::uint8_t {
    configuration,  ///< says which commands are run
    keys,
};

/// What is known of a file on the disk.
struct FileOwnership {
    uid_t owner = 0;
    mode_t mode = 0;
};

/// Whether others could write what the agent believes, or read its keys.
/// @param user  who the agent runs as.
agent::Finding judge_file(const std::string& path, FileRole role, const FileOwnership& file,
                          uid_t user);

/// Looks at everything and prints it, a line a point, or as one JSON object. Changes nothing.
/// @returns the exit status: 0, also with warnings; else agent::exit_status.
int run_preflight(CLI::App& command, const MemberOptions& options, Output output);

}  // namespace rota::cli
