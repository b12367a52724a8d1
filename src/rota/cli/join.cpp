#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/runtime.h"
#include "rota/base/error.h"
#include "rota/cli/command.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

struct Options {
    MemberOptions member;
    bool no_wait = false;
    bool no_read = false;
};

Result<int> join(CLI::App& command, const Options& options) {
    agent::Config config = ROTA_TRY(read_member_options(command, options.member));
    config.settings.goal = agent::Goal::join;
    config.settings.check_readiness = false;
    config.settings.await_insync = !options.no_wait;
    config.settings.read_first = !options.no_read;
    auto surroundings =
        std::make_shared<const agent::Surroundings>(ROTA_TRY(agent::look_around(config.aws)));
    return agent::run(config, std::move(surroundings));
}

}  // namespace

void add_join(CLI::App& app, Run& run) {
    CLI::App& command = *app.add_subcommand(
        "join", "Put this instance into its rotas, wait until every name server knows, and end");
    auto options = std::make_shared<Options>();
    add_member_options(command, options->member, MemberCommand::join);
    command
        .add_flag("--no-wait", options->no_wait, "End when the change is accepted, not when INSYNC")
        ->configurable(false);
    command
        .add_flag("--no-read", options->no_read,
                  "Write without looking first: one request, but the rota takes our TTL")
        ->configurable(false);
    run_as(
        command, run, [&command, options] { return join(command, *options); },
        [options] { return options->member.json; });
}

}  // namespace rota::cli
