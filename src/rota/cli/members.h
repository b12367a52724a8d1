#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rota/agent/config.h"
#include "rota/base/error.h"
#include "rota/cli/checks.h"
#include "rota/cli/hook_options.h"
#include "rota/cli/load_options.h"
#include "rota/cli/options.h"

namespace CLI {
class App;
}

// The options that `rota agent`, `join`, `leave` and `status` share: which rotas this instance
// belongs to, and how the API is reached. One file (/etc/rota/agent.toml) and one set of variables
// (ROTA_AGENT_*) serves them all, so that `rota leave` by hand needs no options.
namespace rota::cli {

/// As given, before it is checked.
struct MemberOptions {
    std::string zone;
    std::string name;
    std::string type;
    std::string address = "public-ipv4";
    unsigned weight = 10;
    std::string ttl = "60";
    std::string set_identifier;
    std::vector<std::string> rotas;  ///< --rota name=…,zone=…
    std::string instance_settings = "auto";
    agent::AwsOptions aws;
    std::string margin = "15";
    std::string client_floor = "0";
    std::string deadline = "300";
    std::string socket = "/run/rota/agent.sock";
    std::string drain_mode = "delete";
    std::string drain_begin;
    std::string drain_end;
    std::string drain_file = "/var/lib/rota-agent/drain";
    std::string metrics;
    std::string agent_check;
    HealthOptions health;
    HookOptions hooks;
    LoadOptions load;
    std::vector<std::string> ports;
    std::string lease = "9";
    bool notices = true;
    std::string notice;
    std::string unhealthy = "delete";
    std::string ready;
    std::string ready_interval = "5";
    std::string watch_interval = "300";
    std::string log_format = "key-value";
    bool json = false;
    bool dry_run = false;
};

/// The subcommands that differ in which of the options they show; all accept all of them.
enum class MemberCommand : std::uint8_t { agent, join, leave, status, control };

void add_member_options(CLI::App& command, MemberOptions& options, MemberCommand shown);

/// The configuration file that these options are read from, or would be if it were there.
std::string member_config_path(const CLI::App& command);

/// What a command does with the rotas.
enum class RotaNeed : std::uint8_t {
    needed,
    wanted,  ///< unless an agent runs here, which knows them
    unused,
};

/// Fills the options from environment, file and the instance's own settings, and checks them.
/// @param need  anything but needed: a configuration without a rota is no error.
/// @param given  receives what every option was given, and by whom; nullptr: nobody asks.
/// @errors config, usage: names the option, or the file, line and key, or the tag; unavailable,
/// timeout, permission: no rota is configured, and the metadata service cannot be asked for one.
Result<agent::Config> read_member_options(CLI::App& command, const MemberOptions& options,
                                          RotaNeed need = RotaNeed::needed,
                                          std::vector<Given>* given = nullptr);

}  // namespace rota::cli
