#pragma once

#include <string>

#include "rota/agent/published.h"
#include "rota/base/clock.h"

namespace rota::agent {

/// The agent's state and figures in Prometheus' text format; docs/agent.md lists them. Without the
/// process's own.
std::string metrics_text(const Snapshot& snapshot, BootTime now);

}  // namespace rota::agent
