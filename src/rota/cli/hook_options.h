#pragma once

#include <string>
#include <vector>

#include "rota/agent/config.h"
#include "rota/base/error.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

// The options of Auto Scaling's lifecycle hooks: docs/lifecycle-hooks.md.
namespace rota::cli {

/// As given, before it is checked.
struct HookOptions {
    bool are_followed = true;
    std::vector<std::string> names;
    std::string group;
};

/// @returns them, so that commands which have no use for them can hide them.
std::vector<CLI::Option*> add_hook_options(CLI::App& command, HookOptions& options);

/// @errors config: names the option.
Status read_hooks(const HookOptions& options, agent::Config& config);

}  // namespace rota::cli
