#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rota/agent/lifecycle.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/health/check.h"
#include "rota/instance/address.h"
#include "rota/instance/load.h"

namespace rota::agent {

/// One rota as configured, before the metadata service and the API have been asked.
struct RotaConfig {
    std::string zone;  ///< id or name
    dns::Name name;
    dns::Type type = dns::Type::a;
    instance::AddressSource address;
    std::uint8_t weight = 10;
    std::chrono::seconds ttl{60};
    std::string set_identifier;  ///< empty: the instance id
};

/// How AWS's side is reached, over what the environment says.
struct AwsOptions {
    std::string endpoint_url;
    std::string region;
    std::string profile;
    bool imds_v1 = false;
};

struct Config {
    Settings settings;
    std::vector<RotaConfig> rotas;
    AwsOptions aws;
    std::optional<health::Check> readiness;
    std::vector<instance::LoadSource> load_sources;
    std::string drain_begin;  ///< shell commands of these moments; empty: none
    std::string drain_end;
    std::string auto_scaling_group;  ///< empty: asked for
    std::string socket;              ///< path; empty: no status socket
    std::string drain_file;          ///< path; empty: none is looked for
    std::string metrics;      ///< "ADDRESS:PORT" or "PORT"; empty: the agent shows itself nowhere
    std::string agent_check;  ///< the same; empty: HAProxy is not answered
    bool json = false;
    bool quiet = false;  ///< warnings and errors only
};

}  // namespace rota::agent
