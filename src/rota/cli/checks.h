#pragma once

#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/config/file.h"
#include "rota/health/check.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace rota::cli {

/// As given, before it is checked.
struct HealthOptions {
    std::vector<std::string> checks;  ///< --health CHECK
    std::string interval = "10";
};

/// Adds --health and --health-interval.
std::vector<CLI::Option*> add_health_options(CLI::App& command, HealthOptions& options);

/// The checks of the options, and those of the file's [[health]] tables, each with the keys check,
/// interval, timeout, rise, fall, initial-rise, status and body.
/// @errors config: names the option, or the file, line and key.
Result<std::vector<health::Check>> read_checks(const HealthOptions& options,
                                               const config::Table& file);

}  // namespace rota::cli
