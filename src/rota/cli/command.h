#pragma once

#include <functional>

#include "rota/base/error.h"

namespace CLI {
class App;
}

// One file a subcommand: it adds its options to the parser and, when it is the one chosen, sets
// what to run.
namespace rota::cli {

/// Runs the chosen subcommand and gives the exit status (sysexits.h).
using Run = std::function<int()>;

/// Makes `act` what runs when the subcommand is the one chosen. Its error is reported; for a
/// program too where `is_json`, asked afterwards, says so.
void run_as(CLI::App& command, Run& run, std::function<Result<int>()> act,
            std::function<bool()> is_json = {});

// Each adds its subcommand to the parser; the one chosen puts itself into `run`.
void add_agent(CLI::App& app, Run& run);
void add_drain(CLI::App& app, Run& run);
void add_join(CLI::App& app, Run& run);
void add_keys(CLI::App& app, Run& run);
void add_lab(CLI::App& app, Run& run);
void add_leave(CLI::App& app, Run& run);
void add_list(CLI::App& app, Run& run);
void add_resume(CLI::App& app, Run& run);
void add_serve(CLI::App& app, Run& run);
void add_status(CLI::App& app, Run& run);
void add_sweep(CLI::App& app, Run& run);

}  // namespace rota::cli
