#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/probing.h"
#include "rota/sweeper/watch.h"

namespace rota::sweeper {

struct Options {
    std::vector<Rota> rotas;
    Settings settings;
    std::optional<CheckTemplate> probe_template;  ///< nothing: as the heartbeats say
    std::chrono::seconds probe_interval{3};
    bool once = false;
    bool dry_run = false;
    bool json = false;
    std::string metrics;  ///< "ADDRESS:PORT"; empty: none are shown
    std::string memory;   ///< path of the file that outlives a restart; empty: none
};

/// Sweeps until SIGTERM, SIGINT or SIGHUP, or with `once` a single time, and tells by log lines,
/// the service manager and, with `once` or `dry_run`, standard output.
/// @param fleet  nothing: no fleet is asked.
/// @returns the exit status. @errors what keeps it from starting, or from a single sweep.
Result<int> run(const Options& options, const Access& access, std::unique_ptr<FleetSource> fleet);

}  // namespace rota::sweeper
