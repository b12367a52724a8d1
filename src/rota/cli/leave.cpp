#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/runtime.h"
#include "rota/agent/status.h"
#include "rota/agent/status_socket.h"
#include "rota/agent/voice.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/print.h"
#include "rota/cli/command.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"
#include "rota/dns/types.h"

namespace rota::cli {
namespace {

struct Options {
    MemberOptions member;
    std::string last;
};

/// Refuse where somebody is there to decide; in scripts and at shutdown the end is certain.
agent::LastMember default_last() {
    const bool is_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    return is_terminal ? agent::LastMember::refuse : agent::LastMember::remove;
}

bool is_same(const agent::RotaConfig& rota, const agent::RotaView& view) {
    const bool has_same_id = rota.set_identifier.empty() || view.set_identifier.empty() ||
                             rota.set_identifier == view.set_identifier;
    return view.name == rota.name.to_text() && view.type == dns::to_string(rota.type) &&
           has_same_id;
}

/// Whether the agent on this instance must do the leaving: it would put back what others delete.
/// @errors conflict: it holds some of the rotas and not others.
Result<bool> belongs_to_agent(const agent::Config& config, const agent::StatusView& view) {
    const auto is_held = [&view](const agent::RotaConfig& rota) {
        return std::ranges::any_of(
            view.rotas, [&rota](const agent::RotaView& held) { return is_same(rota, held); });
    };
    const auto held = std::ranges::count_if(config.rotas, is_held);
    if (held == 0 && !config.rotas.empty()) {
        return false;
    }
    const auto all = static_cast<std::ptrdiff_t>(view.rotas.size());
    if (config.rotas.empty() || held == all) {
        return true;
    }
    return fail(ErrorKind::conflict,
                fmt::format("an agent on this instance holds {} rotas, of which {} are to be left, "
                            "and would put them back: leave all of them, or stop the agent and "
                            "start it with the others",
                            all, held));
}

/// Shows what the agent says until it has ended. @returns the exit status of its leave.
Result<int> follow_agent(const agent::Config& config) {
    constexpr std::chrono::seconds kInterval{1};
    constexpr std::chrono::seconds kPatience{5};
    agent::AgentConnection agent = ROTA_TRY(agent::AgentConnection::open(config.socket));
    agent::Voice voice{config.json};
    ROTA_CHECK(agent.send_line(R"({"command":"leave"})"));
    std::string shown;
    for (BootTime heard = boot_now(); boot_now() - heard < kPatience;) {
        const auto line = agent.read_line(kInterval);
        if (!line && line.error().kind == ErrorKind::timeout) {
            ROTA_CHECK(agent.send_line(R"({"command":"status"})"));
            continue;
        }
        if (!line) {
            return std::unexpected(line.error());
        }
        heard = boot_now();
        const auto view = agent::parse_status(*line);
        if (!view) {
            return fail(ErrorKind::bad_input, "the agent's answer cannot be understood");
        }
        const std::string text = summary(*view);
        if (view->exit_status) {
            voice.line(log::Level::info, text);
            if (config.json) {
                put(stdout, "{}\n", *line);
            }
            return *view->exit_status;
        }
        if (shown.empty()) {
            voice.line(log::Level::info,
                       "the agent on this instance leaves now; this waits until it is safe to go "
                       "down");
        }
        shown = text;
        voice.progress(text, boot_now());
    }
    return fail(ErrorKind::timeout, "the agent does not answer any more; last heard: " + shown);
}

Result<int> leave(CLI::App& command, const Options& options) {
    agent::Config config = ROTA_TRY(read_member_options(command, options.member, false));
    config.settings.goal = agent::Goal::leave;
    config.settings.check_readiness = false;
    config.settings.last = default_last();
    if (!options.last.empty()) {
        config.settings.last =
            options.last == "remove" ? agent::LastMember::remove : agent::LastMember::refuse;
    }
    bool is_agents = false;
    if (const auto line = agent::ask_status(config.socket)) {
        if (const auto view = agent::parse_status(*line)) {
            is_agents = ROTA_TRY(belongs_to_agent(config, *view));
        }
    }
    if (config.rotas.empty() && !is_agents) {
        return fail(ErrorKind::config,
                    "no rota is configured and no agent runs here: give --name and --zone");
    }
    const bool looks_first =
        is_agents && config.settings.last == agent::LastMember::refuse && !config.rotas.empty();
    if (is_agents && !looks_first && !config.settings.dry_run) {
        return follow_agent(config);
    }
    auto surroundings =
        std::make_shared<const agent::Surroundings>(ROTA_TRY(agent::look_around(config.aws)));
    if (!is_agents || config.settings.dry_run) {
        return agent::run(config, std::move(surroundings));
    }
    agent::Config look = config;
    look.settings.dry_run = true;
    look.quiet = true;
    if (const int status = ROTA_TRY(agent::run(look, std::move(surroundings))); status != EX_OK) {
        return status;
    }
    return follow_agent(config);
}

}  // namespace

void add_leave(CLI::App& app, Run& run) {
    CLI::App& command = *app.add_subcommand(
        "leave", "Take this instance out of its rotas and wait until it is safe to go down");
    auto options = std::make_shared<Options>();
    add_member_options(command, options->member, MemberCommand::leave);
    command
        .add_option("--last", options->last,
                    "As the last member: remove or refuse (default: refuse at a terminal, remove "
                    "elsewhere)")
        ->check(CLI::IsMember({"remove", "refuse"}))
        ->configurable(false);
    command.callback([&command, &run, options] {
        run = [&command, options] {
            const auto status = leave(command, *options);
            return status ? *status : report(status.error());
        };
    });
}

}  // namespace rota::cli
