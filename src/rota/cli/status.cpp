#include "rota/agent/status.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/status_socket.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/print.h"
#include "rota/cli/command.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

// As the LSB defines them for `status` of an init script.
constexpr int kInService = 0;
constexpr int kNotInService = 3;
constexpr int kUnknown = 4;

void show(const agent::StatusView& view, bool from_agent) {
    for (const agent::RotaView& rota : view.rotas) {
        put(stdout, "{}: {}{}\n", rota.label, rota.text,
            rota.record.empty() ? "" : fmt::format(" ({})", rota.record));
        if (!rota.load.empty()) {
            put(stdout, "  {}\n", rota.load);
        }
    }
    if (!from_agent) {
        put(stdout, "no agent runs on this instance; this is what the API says\n");
    }
}

int status_of(const agent::StatusView& view) {
    const bool in_service =
        !view.rotas.empty() && std::ranges::all_of(view.rotas, [](const agent::RotaView& rota) {
            return rota.phase == to_string(agent::Phase::in_service);
        });
    return in_service ? kInService : kNotInService;
}

Result<int> show_line(const agent::Config& config, const std::string& line, bool from_agent) {
    const auto view = agent::parse_status(line);
    if (!view) {
        return fail(ErrorKind::bad_input, "the agent's answer cannot be understood");
    }
    if (config.json) {
        put(stdout, "{}\n", line);
    } else {
        show(*view, from_agent);
    }
    return status_of(*view);
}

/// One rota as the API has it, put into a member so that it is shown like an agent's.
Result<agent::Member> read_member(const agent::RotaConfig& rota,
                                  std::shared_ptr<const agent::Surroundings> surroundings) {
    constexpr std::chrono::seconds kPatience{10};
    agent::Member member;
    member.membership = {
        .name = rota.name, .type = rota.type, .weight = rota.weight, .ttl = rota.ttl};
    agent::Caller caller{rota, std::move(surroundings)};
    caller.set_timeout(kPatience);
    agent::Answer answer = caller(agent::ResolveTarget{.with_address = false});
    if (const auto* target = std::get_if<agent::Target>(&answer)) {
        member.target = *target;
        answer = caller(agent::ReadOwn{});
    }
    if (auto* failure = std::get_if<agent::Failure>(&answer)) {
        return std::unexpected(std::move(failure->error));
    }
    member.stored = std::get<agent::OwnRecord>(answer).record_set;
    member.phase = member.stored ? agent::Phase::in_service : agent::Phase::gone;
    member.note = "not in the rota";
    return member;
}

Result<int> from_api(const agent::Config& config) {
    auto surroundings =
        std::make_shared<const agent::Surroundings>(ROTA_TRY(agent::look_around(config.aws)));
    agent::State state = agent::initial_state(config.settings, {});
    for (const agent::RotaConfig& rota : config.rotas) {
        state.members.push_back(ROTA_TRY(read_member(rota, surroundings)));
    }
    return show_line(config, status_json(state, boot_now()), false);
}

Result<int> status(CLI::App& command, const MemberOptions& options) {
    const agent::Config config = ROTA_TRY(read_member_options(command, options, RotaNeed::wanted));
    const auto line = agent::ask_status(config.socket);
    if (!line) {
        if (line.error().kind != ErrorKind::not_found) {
            return std::unexpected(line.error());
        }
        if (!config.rotas.empty()) {
            return from_api(config);
        }
        return fail(ErrorKind::not_found,
                    fmt::format("{}, and no rota is configured: give --name and --zone, or "
                                "--socket",
                                line.error().message));
    }
    return show_line(config, *line, true);
}

}  // namespace

void add_status(CLI::App& app, Run& run) {
    CLI::App& command = *app.add_subcommand(
        "status", "Show whether this instance is in its rotas: 0 in service, 3 not, 4 unknown");
    auto options = std::make_shared<MemberOptions>();
    add_member_options(command, *options, MemberCommand::status);
    command.callback([&command, &run, options] {
        run = [&command, options] {
            const auto result = status(command, *options);
            if (!result) {
                report(result.error(), options->json ? Output::json : Output::text);
                return kUnknown;
            }
            return *result;
        };
    });
}

}  // namespace rota::cli
