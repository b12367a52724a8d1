#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rota/agent/config.h"
#include "rota/agent/gain.h"
#include "rota/agent/weight.h"
#include "rota/base/error.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

// The options of load weights: docs/load.md.
namespace rota::cli {

/// The base weight where load moves the weights and --weight is not given.
inline constexpr unsigned kLoadBaseWeight = 100;

/// As given, before it is checked.
struct LoadOptions {
    std::vector<std::string> sources;
    std::string interval = "10";
    std::string weight_interval = "60";
    std::string slow_start = "60";
    std::string connection_life = "0";
    double target = agent::WeightSettings{}.target;
    double gain = agent::WeightSettings{}.gain;
    std::optional<double> capacity;
};

/// @returns them, so that commands which have no use for them can hide them.
std::vector<CLI::Option*> add_load_options(CLI::App& command, LoadOptions& options);

/// Puts what the options say into a configuration whose rotas and ports are known.
/// @errors config: names the option; a gain above the bound of one of the rotas with the bound.
Status read_load(const LoadOptions& options, agent::Config& config);

}  // namespace rota::cli
