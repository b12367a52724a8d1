#include "rota/cli/members.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/status_socket.h"
#include "rota/aws/imds.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/cli/checks.h"
#include "rota/cli/durations.h"
#include "rota/cli/hook_options.h"
#include "rota/cli/instance_settings.h"
#include "rota/cli/load_options.h"
#include "rota/cli/options.h"
#include "rota/cli/rotas.h"
#include "rota/config/file.h"
#include "rota/dns/name.h"
#include "rota/health/check.h"
#include "rota/instance/address.h"
#include "rota/instance/connections.h"

namespace rota::cli {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestLease{300};  // what rota serve takes

const SettingSources& sources() {
    static const SettingSources all{.environment_prefix = "ROTA_AGENT_",
                                    .default_file = "/etc/rota/agent.toml",
                                    .tables = {"rota", "health"}};
    return all;
}

Result<std::uint16_t> read_port(const std::string& text) {
    const auto port = parse_number<std::uint16_t>(text);
    if (!port || *port == 0) {
        return fail(ErrorKind::config, fmt::format("'{}' is not a port from 1 to 65535", text));
    }
    return *port;
}

void add_rota_options(CLI::App& command, MemberOptions& options) {
    command.add_option("--zone", options.zone, "Hosted zone, by id or by name")
        ->type_name("ID|NAME");
    command.add_option("--name", options.name, "Domain name of the rota")
        ->check(complaint_unless_empty(&dns::Name::parse))
        ->type_name("NAME");
    command.add_option("--type", options.type, "A or AAAA (default: as the address)")
        ->check(complaint_unless_empty(&read_rota_type))
        ->type_name("TYPE");
    command
        .add_option("--address", options.address,
                    "public-ipv4, local-ipv4, ipv6, interface:NAME, or a literal")
        ->check(complaint_unless_empty(&instance::parse_address_source))
        ->type_name("SOURCE")
        ->capture_default_str();
    command
        .add_option("--weight", options.weight, "Weight among the members; 100 where load moves it")
        ->check(CLI::Range(0U, kMostRotaWeight))
        ->capture_default_str();
    add_duration(command, "--ttl", options.ttl, "TTL where the rota has no members yet");
    command
        .add_option("--set-identifier", options.set_identifier,
                    "Set identifier (default: the instance id)")
        ->check(complaint_unless_empty(&check_set_identifier))
        ->type_name("ID");
    repeatable(
        command.add_option("--rota", options.rotas,
                           "One of several rotas: name=…,zone=…,type=…,address=…,weight=…,ttl=…; "
                           "repeatable, the options above are its defaults"))
        ->type_name("KEY=VALUE,…")
        ->configurable(false);
}

void add_api_options(CLI::App& command, MemberOptions& options) {
    add_aws_options(command, options.aws);
    command.add_flag("--imds-v1", options.aws.imds_v1,
                     "Fall back to version 1 of the metadata service");
    command
        .add_option("--instance-settings", options.instance_settings,
                    "Take settings from user data and the instance's tags (rota:NAME): auto (where "
                    "no rota is named otherwise), always or never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->capture_default_str();
    command.add_option("--socket", options.socket, "The agent's UNIX socket")
        ->type_name("PATH")
        ->capture_default_str();
}

/// Whether the command line says something of a rota, so that what is missing is missing there.
bool describes_rota(const CLI::App& command) {
    constexpr std::array kOptions{"--zone", "--type", "--address", "--ttl", "--set-identifier"};
    return std::ranges::any_of(kOptions,
                               [&](const char* option) { return command.count(option) > 0; });
}

constexpr std::string_view kNoRota =
    "no rota is configured: give --name and --zone, [[rota]] in /etc/rota/agent.toml, or the "
    "instance's tags rota:name and rota:zone";

/// What the instance itself has to say, where it is to be asked.
Result<FoundSettings> instance_settings(const CLI::App& command, const MemberOptions& options,
                                        bool is_named, RotaNeed need) {
    const bool is_always = options.instance_settings == "always";
    const bool is_agents =
        need == RotaNeed::unused ||
        (need == RotaNeed::wanted && agent::AgentConnection::open(options.socket));
    if (is_agents || options.instance_settings == "never" || (is_named && !is_always)) {
        return FoundSettings{};
    }
    // A machine that is no instance finds out at once, or nearly so.
    const int tries = need == RotaNeed::needed ? aws::ImdsOptions{}.tries : 1;
    auto found = ask_for_instance_settings(option_keys(command), options.aws.imds_v1, tries);
    if (!found) {
        Error& error = found.error();
        if (error.kind == ErrorKind::config || error.kind == ErrorKind::bad_input) {
            return std::unexpected(std::move(error));
        }
        if (is_always) {
            error.message = fmt::format("--instance-settings always: {}", error.message);
            return std::unexpected(std::move(error));
        }
        // A service manager tries again what may pass, and leaves alone what nobody configured.
        if (need == RotaNeed::needed && error.retryable) {
            error.message = fmt::format("{}; {}", kNoRota, error.message);
            return std::unexpected(std::move(error));
        }
        return FoundSettings{.user_data = {}, .tags = {}, .remark = std::move(error.message)};
    }
    if (!*found && is_always) {
        return fail(ErrorKind::config,
                    "--instance-settings always: the metadata service is turned off "
                    "(AWS_EC2_METADATA_DISABLED)");
    }
    return std::move(*found).value_or(FoundSettings{});
}

/// Arrays of tables are not merged: the file's stand for all of that name.
const config::Table& tables_of(std::string_view name, const config::Table& file,
                               const FoundSettings& instance) {
    return file.tables(name).empty() ? instance.user_data : file;
}

std::string host_name() {
    constexpr std::size_t kLongest = 64;  // HOST_NAME_MAX, and the terminator
    std::array<char, kLongest + 1> name{};
    if (::gethostname(name.data(), kLongest) != 0) {
        return "unknown";
    }
    return name.data();
}

}  // namespace

void add_member_options(CLI::App& command, MemberOptions& options, MemberCommand shown) {
    // A script's default and what is added to it: the last one wins.
    command.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    add_config_option(command, sources());
    add_rota_options(command, options);
    add_api_options(command, options);
    const bool is_agent = shown == MemberCommand::agent;
    const std::vector<CLI::Option*> for_drain{
        repeatable(command.add_option(
                       "--port", options.ports,
                       "The service's port: a drain also waits until no client is connected to "
                       "it; repeatable"))
            ->check(complaint_unless_empty(&read_port))
            ->type_name("PORT"),
        command
            .add_option("--drain-mode", options.drain_mode,
                        "delete, or weight-zero: a TTL at weight 0 before the deletion")
            ->check(CLI::IsMember({"delete", "weight-zero"}))
            ->capture_default_str(),
        command
            .add_option("--drain-begin", options.drain_begin,
                        "Command to run when a drain begins, as to send Connection: close")
            ->type_name("COMMAND"),
        command
            .add_option("--drain-end", options.drain_end,
                        "Command to run when it has ended, or was called off")
            ->type_name("COMMAND"),
        add_duration(command, "--margin", options.margin, "Added to the TTL when draining"),
        add_duration(command, "--client-floor", options.client_floor,
                     "Added too: how long clients keep an address whatever its TTL"),
        add_duration(command, "--deadline", options.deadline, "Give up then, with exit status 75",
                     {.least = seconds{1}})};
    std::vector<CLI::Option*> for_agent{
        command
            .add_option("--drain-file", options.drain_file,
                        "While this file is there the instance stays out: see rota drain")
            ->type_name("PATH")
            ->capture_default_str(),
        command
            .add_option(
                "--ready", options.ready,
                "Join when this check passes: http://…, tcp://HOST:PORT, grpc://…, exec:COMMAND, …")
            ->check(complaint_unless_empty(&health::parse_check))
            ->type_name("CHECK"),
        add_duration(command, "--ready-interval", options.ready_interval, "Between the checks",
                     {.least = seconds{1}}),
        command.add_flag("--notices,!--no-notices", options.notices,
                         "Leave on notices of the instance's end and with its Auto Scaling state "
                         "(metadata service, every 5 s); on unless --no-notices"),
        add_duration(command, "--notice", options.notice,
                     "Lead time of the shortest notice, to warn of a TTL that cannot drain within "
                     "it (default: 120s on a spot instance)",
                     {.least = seconds{1}}),
        add_duration(command, "--lease", options.lease,
                     "Lease at rota serve, renewed in thirds of it, so that rota sweep sees a "
                     "death; 0: none",
                     {.most = kLongestLease}),
        add_duration(command, "--watch-interval", options.watch_interval,
                     "Between looks at the own record set", {.least = seconds{1}}),
        command
            .add_option("--metrics", options.metrics,
                        "Show /healthz, /metrics and /status there, without a password; a port "
                        "alone is on 127.0.0.1")
            ->type_name("[ADDRESS:]PORT"),
        command
            .add_option("--agent-check", options.agent_check,
                        "Answer HAProxy's agent-check there: up, down, drain, the weight's part")
            ->type_name("[ADDRESS:]PORT"),
        command
            .add_option("--unhealthy", options.unhealthy,
                        "What becomes of the record set while the checks fail: delete or "
                        "weight-zero")
            ->check(CLI::IsMember({"delete", "weight-zero"}))
            ->capture_default_str(),
        command.add_option("--log-format", options.log_format, "key-value or json")
            ->check(CLI::IsMember({"key-value", "json"}))
            ->capture_default_str()};
    std::ranges::copy(add_health_options(command, options.health), std::back_inserter(for_agent));
    std::ranges::copy(add_hook_options(command, options.hooks), std::back_inserter(for_agent));
    std::ranges::copy(add_load_options(command, options.load), std::back_inserter(for_agent));
    const auto hide = [](const std::vector<CLI::Option*>& hidden) {
        for (CLI::Option* const option : hidden) {
            option->group("");  // accepted, because the file is shared; not shown
        }
    };
    if (!is_agent) {
        hide(for_agent);
        command.add_flag("--json", options.json, "One JSON object on standard output")
            ->configurable(false);
    }
    if (shown == MemberCommand::status) {
        hide(for_drain);
    }
    if (shown == MemberCommand::control) {
        hide(command.get_options([](const CLI::Option* option) {
            constexpr std::array kUsed{"--help", "--config", "--socket", "--json"};
            return std::ranges::none_of(
                kUsed, [option](const char* name) { return option->check_name(name); });
        }));
    }
    if (shown == MemberCommand::join || shown == MemberCommand::leave) {
        command.add_flag("--dry-run", options.dry_run, "Say what would be done, change nothing")
            ->configurable(false);
    }
}

std::string member_config_path(const CLI::App& command) {
    return config_path(command, sources());
}

Result<agent::Config> read_member_options(CLI::App& command, const MemberOptions& options,
                                          RotaNeed need, std::vector<Given>* given) {
    const bool named_on_command_line = command.count("--name") > 0 || command.count("--rota") > 0;
    const bool is_in_command_line = named_on_command_line || describes_rota(command);
    const config::Table file = ROTA_TRY(fill_options(command, sources(), given));
    const bool is_named =
        named_on_command_line || !options.name.empty() || !file.tables("rota").empty();
    const FoundSettings instance = ROTA_TRY(instance_settings(command, options, is_named, need));
    ROTA_CHECK(take_instance_settings(command, instance, given));
    agent::Config config;
    const auto tables = named_on_command_line ? std::span<const config::Table>{}
                                              : tables_of("rota", file, instance).tables("rota");
    MemberOptions scaled = options;
    if (!options.load.sources.empty() && command.count("--weight") == 0) {
        scaled.weight = kLoadBaseWeight;
    }
    auto rotas = rotas_of(scaled, tables);
    if (!rotas && is_in_command_line && tables.empty()) {
        rotas.error().kind = ErrorKind::usage;
    }
    config.rotas = ROTA_TRY(std::move(rotas));
    if (need == RotaNeed::needed && config.rotas.empty()) {
        const bool is_configured = !file.settings().empty() && !is_in_command_line;
        return fail(
            is_configured ? ErrorKind::config : ErrorKind::usage,
            fmt::format("{}{}{}", kNoRota, instance.remark.empty() ? "" : "; ", instance.remark));
    }
    agent::Settings& settings = config.settings;
    settings.margin = ROTA_TRY(parse_duration("margin", options.margin));
    settings.client_floor = ROTA_TRY(parse_duration("client-floor", options.client_floor));
    settings.deadline = ROTA_TRY(parse_duration("deadline", options.deadline));
    settings.watch_interval = ROTA_TRY(parse_duration("watch-interval", options.watch_interval));
    settings.readiness_interval =
        ROTA_TRY(parse_duration("ready-interval", options.ready_interval));
    if (!options.ready.empty()) {
        config.readiness = ROTA_TRY(health::parse_check(options.ready));
        settings.check_readiness = true;
    }
    settings.checks = ROTA_TRY(read_checks(options.health, tables_of("health", file, instance)));
    for (const std::string& port : options.ports) {
        settings.ports.push_back(ROTA_TRY(read_port(port)));
    }
    if (settings.ports.size() > instance::kMostPorts) {
        return fail(ErrorKind::config,
                    fmt::format("--port: at most {} ports", instance::kMostPorts));
    }
    settings.lease = ROTA_TRY(parse_duration("lease", options.lease));
    settings.watch_notices = options.notices;
    if (!options.notice.empty()) {
        settings.notice = ROTA_TRY(parse_duration("notice", options.notice));
    }
    settings.unhealthy = options.unhealthy == "weight-zero" ? agent::Unhealthy::weight_zero
                                                            : agent::Unhealthy::remove;
    settings.watch_members = !settings.checks.empty();
    ROTA_CHECK(read_hooks(options.hooks, config));
    ROTA_CHECK(read_load(options.load, config));
    settings.dry_run = options.dry_run;
    settings.signature = fmt::format("rota {} on {}", ROTA_VERSION, host_name());
    config.aws = options.aws;
    config.drain_begin = options.drain_begin;
    config.drain_end = options.drain_end;
    settings.drain_mode = options.drain_mode == "weight-zero" ? agent::DrainMode::weight_zero
                                                              : agent::DrainMode::delete_record;
    settings.has_drain_commands = !options.drain_begin.empty() || !options.drain_end.empty();
    config.socket = options.socket;
    config.drain_file = options.drain_file;
    config.metrics = options.metrics;
    config.agent_check = options.agent_check;
    config.json = options.json;
    return config;
}

}  // namespace rota::cli
