#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/cli/command.h"
#include "rota/cli/follow.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"
#include "rota/dns/name.h"
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

/// What the command line says that an agent takes from its own configuration.
std::vector<std::string> given_for_agent(const CLI::App& command) {
    constexpr std::array kOptions{"--margin",  "--deadline",  "--endpoint-url", "--region",
                                  "--profile", "--imds-v1",   "--address",      "--weight",
                                  "--ttl",     "--drain-mode"};
    std::vector<std::string> given;
    std::ranges::copy_if(kOptions, std::back_inserter(given),
                         [&command](const char* option) { return command.count(option) > 0; });
    return given;
}

void warn_of_ignored(const std::vector<std::string>& given, const agent::StatusView& view,
                     agent::Voice& voice) {
    for (const std::string& option : given) {
        const auto& figure = option == "--margin"     ? view.margin
                             : option == "--deadline" ? view.deadline
                                                      : std::optional<std::chrono::seconds>{};
        voice.line(
            log::Level::warning,
            fmt::format("{} has no effect: the agent on this instance does the leaving, with "
                        "its own{}",
                        option, figure ? fmt::format(", {} s", figure->count()) : ""));
    }
}

/// The rotas that an agent holds, for a look at the API by ourselves.
std::vector<agent::RotaConfig> rotas_of(const agent::StatusView& view) {
    std::vector<agent::RotaConfig> rotas;
    for (const agent::RotaView& held : view.rotas) {
        const auto name = dns::Name::parse(held.name);
        const auto type = dns::type_from_string(held.type);
        if (name && type && !held.zone.empty()) {
            agent::RotaConfig rota;
            rota.zone = held.zone;
            rota.name = *name;
            rota.type = *type;
            rota.set_identifier = held.set_identifier;
            rotas.push_back(std::move(rota));
        }
    }
    return rotas;
}

/// A dry run says what the agent would do: its rotas, its margin.
void rehearse_as_agent(agent::Config& config, const agent::StatusView& view) {
    if (config.rotas.empty()) {
        config.rotas = rotas_of(view);
    }
    const auto in_seconds = [](const std::optional<std::chrono::seconds>& figure) {
        return figure ? fmt::format(" {} s", figure->count()) : std::string{};
    };
    agent::Voice{config.json}.line(
        log::Level::info,
        fmt::format("the agent on this instance would do the leaving, with its own margin{} and "
                    "deadline{}",
                    in_seconds(view.margin), in_seconds(view.deadline)));
    config.settings.margin = view.margin.value_or(config.settings.margin);
    config.settings.deadline = view.deadline.value_or(config.settings.deadline);
}

/// Shows what the agent says until it has ended. @returns the exit status of its leave.
Result<int> follow_leave(const agent::Config& config) {
    return follow_agent(config, {.kind = agent::SocketRequest::Kind::leave},
                        "the agent on this instance leaves now; this waits until it is safe to go "
                        "down",
                        [](const agent::StatusView& view) { return view.exit_status; });
}

Result<int> leave(CLI::App& command, const Options& options) {
    const std::vector<std::string> given = given_for_agent(command);
    agent::Config config = ROTA_TRY(read_member_options(command, options.member, RotaNeed::wanted));
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
            if (is_agents) {
                agent::Voice voice{config.json};
                warn_of_ignored(given, *view, voice);
            }
            if (is_agents && config.settings.dry_run) {
                rehearse_as_agent(config, *view);
            }
        }
    }
    if (config.rotas.empty() && !is_agents) {
        return fail(ErrorKind::config,
                    "no rota is configured and no agent runs here: give --name and --zone");
    }
    const bool looks_first =
        is_agents && config.settings.last == agent::LastMember::refuse && !config.rotas.empty();
    if (is_agents && !looks_first && !config.settings.dry_run) {
        return follow_leave(config);
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
    return follow_leave(config);
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
    run_as(
        command, run, [&command, options] { return leave(command, *options); },
        [options] { return options->member.json; });
}

}  // namespace rota::cli
