#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/runtime.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/cli/command.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"
#include "rota/cli/preflight.h"

namespace rota::cli {
namespace {

Result<int> run_agent(CLI::App& command, const MemberOptions& options) {
    agent::Config config = ROTA_TRY(read_member_options(command, options));
    log::configure(log::Level::info,
                   options.log_format == "json" ? log::Format::json : log::Format::key_value);
    config.settings.goal = agent::Goal::stay;
    auto surroundings =
        std::make_shared<const agent::Surroundings>(ROTA_TRY(agent::look_around(config.aws)));
    return agent::run(config, std::move(surroundings));
}

}  // namespace

void add_agent(CLI::App& app, Run& run) {
    CLI::App& command =
        *app.add_subcommand("agent", "Join when ready, stay in, and leave with a drain on SIGTERM");
    auto options = std::make_shared<MemberOptions>();
    add_member_options(command, *options, MemberCommand::agent);
    auto check = std::make_shared<bool>(false);
    CLI::Option* const only_check =
        command
            .add_flag("--check", *check,
                      "Look at everything that an agent needs here, say what to fix, and end; "
                      "changes nothing")
            ->configurable(false);
    command.add_flag("--json", options->json, "With --check: one JSON object on standard output")
        ->needs(only_check)
        ->configurable(false);
    run_as(command, run, [&command, options, check]() -> Result<int> {
        if (*check) {
            return run_preflight(command, *options, options->json ? Output::json : Output::text);
        }
        return run_agent(command, *options);
    });
}

}  // namespace rota::cli
