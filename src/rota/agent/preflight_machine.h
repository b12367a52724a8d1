#pragma once

#include "rota/agent/config.h"
#include "rota/agent/preflight.h"

namespace rota::agent {

/// Looks at what the agent would use on this machine: the socket, the drain file's directory, the
/// commands (their syntax; none of the drain's is run).
void examine_machine(const Config& config, const Tell& tell);

}  // namespace rota::agent
