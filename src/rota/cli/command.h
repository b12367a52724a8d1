#pragma once

#include <functional>

namespace CLI {
class App;
}

// One file a subcommand: it adds its options to the parser and, when it is the one chosen, sets
// what to run.
namespace rota::cli {

/// Runs the chosen subcommand and gives the exit status (sysexits.h).
using Run = std::function<int()>;

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
