#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <sysexits.h>

#include "rota/agent/config.h"
#include "rota/agent/status.h"
#include "rota/base/error.h"
#include "rota/cli/command.h"
#include "rota/cli/durations.h"
#include "rota/cli/follow.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

using Request = agent::SocketRequest;

struct Options {
    MemberOptions member;
    std::string drain_for;
    std::string reason;
    bool no_wait = false;
    std::string last = "refuse";
};

bool is_out(const agent::RotaView& rota) {
    return rota.phase == "out";
}

bool is_in_service(const agent::RotaView& rota) {
    return rota.phase == "in_service";
}

bool is_held(const agent::RotaView& rota) {
    return !rota.held.empty();
}

Result<int> drain(CLI::App& command, const Options& options) {
    const agent::Config config =
        ROTA_TRY(read_member_options(command, options.member, RotaNeed::unused));
    Request request{.kind = Request::Kind::drain,
                    .reason = options.reason,
                    .takes_last = options.last == "remove"};
    if (!options.drain_for.empty()) {
        request.drain_for = ROTA_TRY(parse_duration("--for", options.drain_for));
    }
    bool is_refused = false;
    const auto ended = [&options, &is_refused](const agent::StatusView& view) {
        is_refused = std::ranges::any_of(view.rotas, is_held);
        const bool is_done = is_refused || options.no_wait || view.is_leaving ||
                             std::ranges::all_of(view.rotas, is_out);
        return is_done ? std::optional{EX_OK} : std::nullopt;
    };
    const int status = ROTA_TRY(follow_agent(
        config, request,
        "draining; the agent stays, and this waits until it is safe to stop the service", ended));
    if (!is_refused) {
        return status;
    }
    ROTA_CHECK(follow_agent(config, {.kind = Request::Kind::resume}, "",
                            [](const agent::StatusView&) { return std::optional{EX_OK}; }));
    return fail(ErrorKind::conflict,
                "not drained: this is the last member of a rota (--last remove does it all the "
                "same)");
}

Result<int> resume(CLI::App& command, const Options& options) {
    const agent::Config config =
        ROTA_TRY(read_member_options(command, options.member, RotaNeed::unused));
    const auto ended = [&options](const agent::StatusView& view) {
        if (view.is_leaving || !view.absences.empty()) {
            return std::optional{EX_TEMPFAIL};
        }
        const bool is_done = options.no_wait || std::ranges::all_of(view.rotas, is_in_service);
        return is_done ? std::optional{EX_OK} : std::nullopt;
    };
    return follow_agent(config, {.kind = Request::Kind::resume},
                        "the drain is over; this waits until the instance is in service", ended);
}

/// The options that both have.
void add_shared(CLI::App& command, Options& options) {
    add_member_options(command, options.member, MemberCommand::control);
    command.add_flag("--no-wait", options.no_wait, "End when the agent has taken the request")
        ->configurable(false);
}

}  // namespace

void add_drain(CLI::App& app, Run& run) {
    CLI::App& command = *app.add_subcommand(
        "drain", "Take this instance out of its rotas for maintenance; its agent goes on");
    auto options = std::make_shared<Options>();
    add_shared(command, *options);
    add_duration(command, "--for", options->drain_for,
                 "Come back by itself after this long (default: at rota resume)",
                 {.least = std::chrono::seconds{1}})
        ->configurable(false);
    command.add_option("--reason", options->reason, "Why, for the log and rota status")
        ->type_name("TEXT")
        ->configurable(false);
    command.add_option("--last", options->last, "As the last member: remove or refuse")
        ->check(CLI::IsMember({"remove", "refuse"}))
        ->capture_default_str()
        ->configurable(false);
    run_as(command, run, [&command, options] { return drain(command, *options); });
}

void add_resume(CLI::App& app, Run& run) {
    CLI::App& command =
        *app.add_subcommand("resume", "End a rota drain: join again and wait until in service");
    auto options = std::make_shared<Options>();
    add_shared(command, *options);
    run_as(command, run, [&command, options] { return resume(command, *options); });
}

}  // namespace rota::cli
