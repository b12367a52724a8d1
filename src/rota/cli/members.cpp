#include "rota/cli/members.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/readiness.h"
#include "rota/base/error.h"
#include "rota/cli/options.h"
#include "rota/config/file.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/instance/address.h"

namespace rota::cli {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestTtl{2147483647};
constexpr unsigned kMostWeight = 255;
constexpr std::size_t kLongestIdentifier = 128;

const SettingSources& sources() {
    static const SettingSources all{.environment_prefix = "ROTA_AGENT_",
                                    .default_file = "/etc/rota/agent.toml",
                                    .tables = {"rota"}};
    return all;
}

CLI::Option* add_duration(CLI::App& command, const std::string& flag, std::string& into,
                          const std::string& description) {
    return command.add_option(flag, into, description)
        ->type_name("DURATION")
        ->capture_default_str();
}

void add_rota_options(CLI::App& command, MemberOptions& options) {
    command.add_option("--zone", options.zone, "Hosted zone, by id or by name")
        ->type_name("ID|NAME");
    command.add_option("--name", options.name, "Domain name of the rota")->type_name("NAME");
    command.add_option("--type", options.type, "A or AAAA (default: as the address)")
        ->type_name("TYPE");
    command
        .add_option("--address", options.address,
                    "public-ipv4, local-ipv4, ipv6, interface:NAME, or a literal")
        ->type_name("SOURCE")
        ->capture_default_str();
    command.add_option("--weight", options.weight, "Weight among the members")
        ->check(CLI::Range(0U, kMostWeight))
        ->capture_default_str();
    add_duration(command, "--ttl", options.ttl, "TTL where the rota has no members yet");
    command
        .add_option("--set-identifier", options.set_identifier,
                    "Set identifier (default: the instance id)")
        ->type_name("ID");
    command
        .add_option("--rota", options.rotas,
                    "One of several rotas: name=…,zone=…,type=…,address=…,weight=…,ttl=…; "
                    "repeatable, the options above are its defaults")
        ->type_name("KEY=VALUE,…")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false)
        ->configurable(false);
}

void add_api_options(CLI::App& command, MemberOptions& options) {
    command.add_option("--endpoint-url", options.endpoint_url, "The Route 53 API's address")
        ->type_name("URL");
    command.add_option("--region", options.region, "AWS region, which decides the partition");
    command.add_option("--profile", options.profile, "Profile in AWS's shared files");
    command.add_flag("--imds-v1", options.imds_v1,
                     "Fall back to version 1 of the metadata service");
    command.add_option("--socket", options.socket, "The agent's UNIX socket")
        ->type_name("PATH")
        ->capture_default_str();
}

/// One rota's values as text; what is not said is the default's.
struct RotaText {
    std::string zone;
    std::string name;
    std::string type;
    std::string address;
    std::string weight;
    std::string ttl;
    std::string set_identifier;

    static constexpr std::array<std::string_view, 7> kKeys{
        "name", "zone", "type", "address", "weight", "ttl", "set-identifier"};

    std::string* find(std::string_view key) {
        const std::array<std::string*, 7> members{&name,   &zone, &type,          &address,
                                                  &weight, &ttl,  &set_identifier};
        const auto* const found = std::ranges::find(kKeys, key);
        return found == kKeys.end() ? nullptr
                                    : members.at(static_cast<std::size_t>(found - kKeys.begin()));
    }
};

RotaText defaults_of(const MemberOptions& options) {
    return {.zone = options.zone,
            .name = options.name,
            .type = options.type,
            .address = options.address,
            .weight = std::to_string(options.weight),
            .ttl = options.ttl,
            .set_identifier = options.set_identifier};
}

Result<agent::RotaConfig> check(const RotaText& text) {
    if (text.name.empty()) {
        return fail(ErrorKind::config, "a rota without a name: give --name");
    }
    if (text.zone.empty()) {
        return fail(
            ErrorKind::config,
            fmt::format("{}: give the hosted zone with --zone, by id or by name", text.name));
    }
    agent::RotaConfig rota;
    rota.zone = text.zone;
    rota.name = ROTA_TRY(dns::Name::parse(text.name));
    rota.address = ROTA_TRY(instance::parse_address_source(text.address));
    const bool is_ipv6 = instance::default_family(rota.address) == instance::Family::ipv6;
    rota.type = is_ipv6 ? dns::Type::aaaa : dns::Type::a;
    if (!text.type.empty()) {
        const auto type = dns::type_from_string(text.type);
        if (!type || (*type != dns::Type::a && *type != dns::Type::aaaa)) {
            return fail(ErrorKind::config,
                        fmt::format("{}: type '{}' is neither A nor AAAA", text.name, text.type));
        }
        rota.type = *type;
    }
    const auto family =
        rota.type == dns::Type::aaaa ? instance::Family::ipv6 : instance::Family::ipv4;
    if (!instance::can_give(rota.address, family)) {
        return fail(ErrorKind::config, fmt::format("{}: address {} is for type {}", text.name,
                                                   text.address, is_ipv6 ? "AAAA" : "A"));
    }
    unsigned weight = 0;
    const char* const end = text.weight.data() + text.weight.size();
    const auto parsed = std::from_chars(text.weight.data(), end, weight);
    if (parsed.ec != std::errc{} || parsed.ptr != end || weight > kMostWeight) {
        return fail(ErrorKind::config, fmt::format("{}: weight '{}' is not a number from 0 to {}",
                                                   text.name, text.weight, kMostWeight));
    }
    rota.weight = static_cast<std::uint8_t>(weight);
    rota.ttl = ROTA_TRY(parse_duration("ttl", text.ttl));
    if (rota.ttl > kLongestTtl) {
        return fail(ErrorKind::config, fmt::format("{}: ttl '{}' is more than Route 53 allows ({})",
                                                   text.name, text.ttl, kLongestTtl.count()));
    }
    if (text.set_identifier.size() > kLongestIdentifier) {
        return fail(ErrorKind::config,
                    fmt::format("{}: the set identifier is longer than {} characters", text.name,
                                kLongestIdentifier));
    }
    rota.set_identifier = text.set_identifier;
    return rota;
}

/// "name=www.example.com,weight=20" over the defaults.
Result<RotaText> parse_rota(const std::string& text, RotaText rota) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        std::string* const into = rota.find(pair.substr(0, equals));
        if (equals == std::string_view::npos || into == nullptr) {
            return fail(ErrorKind::usage,
                        fmt::format("--rota {}: '{}' is not KEY=VALUE with one of the keys {}",
                                    text, pair, fmt::join(RotaText::kKeys, ", ")));
        }
        *into = pair.substr(equals + 1);
    }
    return rota;
}

Result<RotaText> read_rota(const config::Table& table, RotaText rota) {
    const std::vector<std::string> keys{RotaText::kKeys.begin(), RotaText::kKeys.end()};
    ROTA_CHECK(table.allow_only(keys));
    for (const config::Setting& setting : table.settings()) {
        if (setting.kind != config::Kind::text && setting.kind != config::Kind::integer) {
            return table.complain(setting, "expected a string or an integer");
        }
        *rota.find(setting.key) = setting.values.front();
    }
    return rota;
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
        add_duration(command, "--margin", options.margin, "Added to the TTL when draining"),
        add_duration(command, "--deadline", options.deadline, "Give up then, with exit status 75")};
    const std::vector<CLI::Option*> for_agent{
        command
            .add_option("--ready", options.ready,
                        "Join when this check passes: http://…, tcp://HOST:PORT or exec:COMMAND")
            ->type_name("CHECK"),
        add_duration(command, "--ready-interval", options.ready_interval, "Between the checks"),
        add_duration(command, "--watch-interval", options.watch_interval,
                     "Between looks at the own record set")};
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
    if (shown == MemberCommand::join || shown == MemberCommand::leave) {
        command.add_flag("--dry-run", options.dry_run, "Say what would be done, change nothing")
            ->configurable(false);
    }
}

Result<std::vector<agent::RotaConfig>> rotas_of(const MemberOptions& options,
                                                std::span<const config::Table> tables) {
    std::vector<agent::RotaConfig> rotas;
    const bool is_single = options.rotas.empty() && tables.empty();
    const RotaText defaults = defaults_of(options);
    if (is_single && !options.name.empty()) {
        rotas.push_back(ROTA_TRY(check(defaults)));
    }
    for (const std::string& text : options.rotas) {
        const RotaText rota = ROTA_TRY(parse_rota(text, defaults));
        rotas.push_back(ROTA_TRY(check(rota)));
    }
    for (const config::Table& table : tables) {
        const RotaText text = ROTA_TRY(read_rota(table, defaults));
        auto rota = check(text);
        if (!rota) {
            return fail(ErrorKind::config,
                        fmt::format("{}:{}: {}", table.file(), table.line(), rota.error().message));
        }
        rotas.push_back(*std::move(rota));
    }
    for (auto one = rotas.begin(); one != rotas.end(); ++one) {
        const bool is_twice = std::any_of(one + 1, rotas.end(), [one](const auto& other) {
            return one->name == other.name && one->type == other.type && one->zone == other.zone;
        });
        if (is_twice) {
            return fail(ErrorKind::config,
                        fmt::format("the rota {} {} in zone {} is named twice", one->name.to_text(),
                                    dns::to_string(one->type), one->zone));
        }
    }
    return rotas;
}

Result<agent::Config> read_member_options(CLI::App& command, const MemberOptions& options,
                                          bool needs_rota) {
    const bool named_on_command_line = command.count("--name") > 0 || command.count("--rota") > 0;
    const config::Table file = ROTA_TRY(fill_options(command, sources()));
    agent::Config config;
    const auto tables =
        named_on_command_line ? std::span<const config::Table>{} : file.tables("rota");
    config.rotas = ROTA_TRY(rotas_of(options, tables));
    if (needs_rota && config.rotas.empty()) {
        return fail(ErrorKind::config,
                    "no rota is configured: give --name and --zone, or [[rota]] in "
                    "/etc/rota/agent.toml");
    }
    agent::Settings& settings = config.settings;
    settings.margin = ROTA_TRY(parse_duration("margin", options.margin));
    settings.deadline = ROTA_TRY(parse_duration("deadline", options.deadline));
    settings.watch_interval = ROTA_TRY(parse_duration("watch-interval", options.watch_interval));
    settings.readiness_interval =
        ROTA_TRY(parse_duration("ready-interval", options.ready_interval));
    const auto least =
        std::min({settings.deadline, settings.watch_interval, settings.readiness_interval});
    if (least < seconds{1}) {
        return fail(ErrorKind::config,
                    "deadline, watch-interval and ready-interval must be at least 1 s");
    }
    if (!options.ready.empty()) {
        config.readiness = ROTA_TRY(agent::parse_readiness(options.ready));
        settings.check_readiness = true;
    }
    settings.dry_run = options.dry_run;
    settings.signature = fmt::format("rota {} on {}", ROTA_VERSION, host_name());
    config.aws = {.endpoint_url = options.endpoint_url,
                  .region = options.region,
                  .profile = options.profile,
                  .imds_v1 = options.imds_v1};
    config.socket = options.socket;
    config.json = options.json;
    return config;
}

Result<seconds> parse_duration(std::string_view option, std::string_view text) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
    std::int64_t factor = 0;
    if (unit.empty() || unit == "s") {
        factor = 1;
    } else if (unit == "m") {
        factor = seconds{std::chrono::minutes{1}}.count();
    } else if (unit == "h") {
        factor = seconds{std::chrono::hours{1}}.count();
    } else if (unit == "d") {
        factor = seconds{std::chrono::days{1}}.count();
    }
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (parsed.ec != std::errc{} || factor == 0 || number < 0 || number > kMost / factor) {
        return fail(
            ErrorKind::config,
            fmt::format("{}: '{}' is not a duration such as 15, 15s, 5m or 1h", option, text));
    }
    return seconds{number * factor};
}

}  // namespace rota::cli
