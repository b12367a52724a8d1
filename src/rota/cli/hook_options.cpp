#include "rota/cli/hook_options.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "rota/agent/config.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

constexpr std::size_t kLongestName = 255;  // of a hook and of a group

/// @source Auto Scaling API Reference, LifecycleHook and AutoScalingGroup: 1 to 255 characters.
Status check_name(std::string_view option, std::string_view text) {
    const bool is_printable =
        std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    if (text.empty() || text.size() > kLongestName || !is_printable) {
        return fail(ErrorKind::config,
                    fmt::format("{}: '{}' is no name of 1 to {} printable characters", option,
                                excerpt(text), kLongestName));
    }
    return {};
}

}  // namespace

std::vector<CLI::Option*> add_hook_options(CLI::App& command, HookOptions& options) {
    return {command.add_flag("--lifecycle-hooks,!--no-lifecycle-hooks", options.are_followed,
                             "End the waits of the group's lifecycle hooks with CONTINUE, once in "
                             "the rota or drained; on unless --no-lifecycle-hooks"),
            repeatable(command.add_option(
                           "--lifecycle-hook", options.names,
                           "Which hook is the agent's (default: one whose name begins with rota, "
                           "else the only one); repeatable"))
                ->type_name("NAME"),
            command
                .add_option("--auto-scaling-group", options.group,
                            "The group (default: Auto Scaling is asked)")
                ->type_name("NAME")};
}

Status read_hooks(const HookOptions& options, agent::Config& config) {
    for (const std::string& name : options.names) {
        ROTA_CHECK(check_name("lifecycle-hook", name));
    }
    if (!options.group.empty()) {
        ROTA_CHECK(check_name("auto-scaling-group", options.group));
    }
    config.settings.follow_hooks = options.are_followed;
    config.settings.hook_names = options.names;
    config.auto_scaling_group = options.group;
    return {};
}

}  // namespace rota::cli
