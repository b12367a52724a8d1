#include <memory>
#include <string>
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

struct Options {
    MemberOptions member;
    std::string log_format = "key-value";
};

Result<int> run_agent(CLI::App& command, const Options& options) {
    agent::Config config = ROTA_TRY(read_member_options(command, options.member));
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
    auto options = std::make_shared<Options>();
    add_member_options(command, options->member, MemberCommand::agent);
    command.add_option("--log-format", options->log_format, "key-value or json")
        ->check(CLI::IsMember({"key-value", "json"}))
        ->capture_default_str();
    command.callback([&command, &run, options] {
        run = [&command, options] {
            const auto status = run_agent(command, *options);
            return status ? *status : report(status.error());
        };
    });
}

}  // namespace rota::cli
