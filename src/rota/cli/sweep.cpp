#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/cli/command.h"
#include "rota/cli/durations.h"
#include "rota/cli/options.h"
#include "rota/config/file.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/route53/client.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/fleet_aws.h"
#include "rota/sweeper/probing.h"
#include "rota/sweeper/runtime.h"
#include "rota/sweeper/watch.h"

namespace rota::cli {
namespace {

using std::chrono::seconds;

struct Options {
    sweeper::Options sweep;
    std::string zone;
    std::vector<std::string> names;
    std::string type;
    std::string interval = "30";
    std::string young = "300";
    std::string probe;
    std::string probe_interval = "3";
    std::string fleet;
    agent::AwsOptions aws;
    std::string log_format = "key-value";
};

const SettingSources& sources() {
    static const SettingSources all{.environment_prefix = "ROTA_SWEEP_",
                                    .default_file = "/etc/rota/sweep.toml",
                                    .tables = {"rota"}};
    return all;
}

constexpr DurationRange kIntervals{.least = seconds{1}, .most = std::chrono::days{1}};

/// A and AAAA unless one is given: each is a rota of its own.
Status add_rotas(const std::string& zone, const std::string& name, const std::string& type,
                 std::vector<sweeper::Rota>& into) {
    if (zone.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("{}: give the hosted zone with --zone, by id or by name", name));
    }
    const dns::Name parsed = ROTA_TRY(dns::Name::parse(name));
    for (const dns::Type one : {dns::Type::a, dns::Type::aaaa}) {
        if (!type.empty() && type != dns::to_string(one)) {
            continue;
        }
        for (const sweeper::Rota& known : into) {
            if (known.name == parsed && known.type == one && known.zone == zone) {
                return fail(ErrorKind::config,
                            fmt::format("the rota {} {} in zone {} is named twice", name,
                                        dns::to_string(one), zone));
            }
        }
        into.push_back({.zone = zone, .name = parsed, .type = one});
    }
    return {};
}

/// One [[rota]]: name, and zone and type where they are not those above it.
Status read_table(const config::Table& table, const Options& options,
                  std::vector<sweeper::Rota>& into) {
    const std::array<std::string, 3> keys{"name", "zone", "type"};
    ROTA_CHECK(table.allow_only(keys));
    const auto name = ROTA_TRY(table.text("name"));
    const auto zone = ROTA_TRY(table.text("zone"));
    const auto type = ROTA_TRY(table.text("type"));
    const std::string place = fmt::format("{}:{}: ", table.file(), table.line());
    if (!name) {
        return fail(ErrorKind::config, place + "a rota without a name");
    }
    if (type && *type != "A" && *type != "AAAA") {
        return fail(ErrorKind::config,
                    fmt::format("{}type '{}' is neither A nor AAAA", place, *type));
    }
    if (Status added =
            add_rotas(zone.value_or(options.zone), *name, type.value_or(options.type), into);
        !added) {
        added.error().kind = ErrorKind::config;
        added.error().message.insert(0, place);
        return added;
    }
    return {};
}

Status read_rotas(const CLI::App& command, Options& options, const config::Table& file) {
    std::vector<sweeper::Rota>& rotas = options.sweep.rotas;
    const bool is_on_command_line = command.count("--name") > 0;
    const auto tables = file.tables("rota");
    if (is_on_command_line || tables.empty()) {
        for (const std::string& name : options.names) {
            if (Status added = add_rotas(options.zone, name, options.type, rotas); !added) {
                added.error().kind = is_on_command_line ? ErrorKind::usage : ErrorKind::config;
                return added;
            }
        }
    } else {
        for (const config::Table& table : tables) {
            ROTA_CHECK(read_table(table, options, rotas));
        }
    }
    if (rotas.empty()) {
        return fail(file.settings().empty() ? ErrorKind::usage : ErrorKind::config,
                    "no rota to sweep: give --zone and --name, or [[rota]] in "
                    "/etc/rota/sweep.toml");
    }
    return {};
}

/// In the directory that systemd's StateDirectory= made; empty outside of a unit that has it.
std::string memory_of_service() {
    const char* const value = ::getenv("STATE_DIRECTORY");  // NOLINT(concurrency-mt-unsafe)
    const std::string_view directories = value == nullptr ? "" : value;
    const std::string_view first = directories.substr(0, directories.find(':'));
    return first.starts_with('/') ? fmt::format("{}/memory.json", first) : std::string{};
}

/// No lease is held at Amazon's, and no agent says there how it is probed; of a group or a list an
/// instance that has ended is merely unknown. None of that suffices alone.
bool can_have_two_witnesses(const route53::Endpoint& endpoint, bool has_probe,
                            const std::optional<sweeper::FleetChoice>& fleet) {
    using enum sweeper::FleetKind;
    const bool says_terminated = fleet && (fleet->kind == ec2 || fleet->kind == file);
    return !route53::is_amazons(endpoint) || says_terminated || (has_probe && fleet);
}

Result<int> sweep(CLI::App& command, Options& options) {
    const config::Table file = ROTA_TRY(fill_options(command, sources()));
    ROTA_CHECK(read_rotas(command, options, file));
    sweeper::Options& settings = options.sweep;
    settings.settings.interval = ROTA_TRY(parse_duration("interval", options.interval));
    settings.settings.young = ROTA_TRY(parse_duration("young", options.young));
    settings.probe_interval = ROTA_TRY(parse_duration("probe-interval", options.probe_interval));
    if (settings.memory.empty()) {
        settings.memory = memory_of_service();
    }
    if (!options.probe.empty()) {
        settings.probe_template = ROTA_TRY(sweeper::CheckTemplate::parse(options.probe));
    }
    log::configure(log::Level::info,
                   options.log_format == "json" ? log::Format::json : log::Format::key_value);
    const agent::Surroundings surroundings = ROTA_TRY(agent::look_around(options.aws));
    std::optional<sweeper::FleetChoice> choice;
    std::unique_ptr<sweeper::FleetSource> fleet;
    if (!options.fleet.empty()) {
        choice = ROTA_TRY(sweeper::parse_fleet_choice(options.fleet));
        fleet = ROTA_TRY(sweeper::open_fleet(*choice, {.environment = surroundings.environment,
                                                       .imds = surroundings.imds,
                                                       .credentials = surroundings.credentials,
                                                       .http = surroundings.http}));
    }
    const sweeper::Access access{.endpoint = surroundings.endpoint,
                                 .credentials = surroundings.credentials,
                                 .http = surroundings.http,
                                 .find_zone = [](route53::Client& client, std::string_view zone) {
                                     return agent::find_zone(client, zone);
                                 }};
    if (!can_have_two_witnesses(access.endpoint, !options.probe.empty(), choice)) {
        log::warning(
            "nobody will be removed: at Route 53 there are no leases, and this leaves one "
            "witness where two are needed: set --fleet ec2, or --fleet with --probe");
    }
    return sweeper::run(settings, access, std::move(fleet));
}

void add_rota_options(CLI::App& command, Options& options) {
    command.add_option("--zone", options.zone, "Hosted zone, by id or by name")
        ->type_name("ID|NAME");
    command.add_option("--name", options.names, "Domain name of a rota; repeatable")
        ->check(complaint(&dns::Name::parse))
        ->type_name("NAME")
        ->allow_extra_args(false);
    command.add_option("--type", options.type, "One type only (default: A and AAAA)")
        ->check(CLI::IsMember({"A", "AAAA"}).description(""))
        ->type_name("TYPE");
    command
        .add_option("--own", options.sweep.settings.own,
                    "Set identifiers that may be removed, * for anything; repeatable (default i-*)")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
}

void add_witness_options(CLI::App& command, Options& options) {
    command
        .add_option("--probe", options.probe,
                    "Check of a member: http://{address}:8080/health, tcp://{address}:80, … "
                    "(default: what its heartbeats say)")
        ->check(complaint(&sweeper::CheckTemplate::parse))
        ->type_name("CHECK");
    add_duration(command, "--probe-interval", options.probe_interval, "Between probes of a member",
                 kIntervals);
    command
        .add_option("--fall", options.sweep.settings.fall,
                    "Failed probes in a row that bear witness")
        ->check(CLI::Range(1U, 100U).description(""))
        ->type_name("INT")
        ->capture_default_str();
    command
        .add_option("--fleet", options.fleet,
                    "Which instances there are: ec2, asg:GROUP,…, list:ID,… or file:PATH (default: "
                    "nobody knows)")
        ->check(complaint(&sweeper::parse_fleet_choice))
        ->type_name("SOURCE");
    add_duration(command, "--young", options.young,
                 "An instance that the fleet does not know may be so young that it will",
                 kIntervals);
}

}  // namespace

void add_sweep(CLI::App& app, Run& run) {
    CLI::App& command = *app.add_subcommand("sweep", "Remove members that died without leaving");
    auto options = std::make_shared<Options>();
    add_config_option(command, sources());
    add_rota_options(command, *options);
    add_witness_options(command, *options);
    add_duration(command, "--interval", options->interval,
                 "Between passes, each of which removes at most a fifth of a rota", kIntervals);
    command.add_flag("--once", options->sweep.once, "Look once, sweep, end")->configurable(false);
    command
        .add_flag("--dry-run", options->sweep.dry_run,
                  "Say what would be removed and why; change nothing")
        ->configurable(false);
    command
        .add_flag("--json", options->sweep.json,
                  "One JSON object on standard output, with --once or --dry-run")
        ->configurable(false);
    command
        .add_option("--metrics", options->sweep.metrics,
                    "Show /metrics and /healthz at this address")
        ->type_name("ADDRESS:PORT");
    command
        .add_option("--memory", options->sweep.memory,
                    "File for what is to outlive a restart (default: memory.json in "
                    "$STATE_DIRECTORY, where the service manager gives one)")
        ->type_name("PATH");
    add_aws_options(command, options->aws);
    command.add_flag("--imds-v1", options->aws.imds_v1,
                     "Fall back to version 1 of the metadata service");
    command.add_option("--log-format", options->log_format, "key-value or json")
        ->check(CLI::IsMember({"key-value", "json"}).description(""))
        ->type_name("FORMAT")
        ->capture_default_str();
    run_as(
        command, run, [&command, options] { return sweep(command, *options); },
        [options] { return options->sweep.json; });
}

}  // namespace rota::cli
