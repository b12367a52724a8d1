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
    run_as(command, run, [&command, options] { return run_agent(command, *options); });
}

}  // namespace rota::cli
