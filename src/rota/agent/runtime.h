#pragma once

#include <memory>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"

namespace rota::agent {

/// Runs the state machine to its end: signals, timers, the socket and the workers in, calls, log
/// lines and sd_notify out. Blocks SIGTERM, SIGINT and SIGHUP for the process: the first one makes
/// an agent leave and ends a one-shot command, the second ends at once.
/// @returns the exit status. When a call is still out at the end, the process ends in here.
/// @errors conflict: another agent runs on this socket.
Result<int> run(const Config& config, std::shared_ptr<const Surroundings> surroundings);

}  // namespace rota::agent
