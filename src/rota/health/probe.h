#pragma once

#include <chrono>

#include "rota/health/check.h"
#include "rota/health/observation.h"

namespace rota::health {

/// Asks once. Blocks for at most `timeout`, whatever the target does (a command that cannot even be
/// killed: 5 s more), and keeps a few KiB of what it says. docs/health.md has the rules of each
/// kind. Certificates are not verified and proxies not used: the question is whether the
/// application answers, not who it is.
/// @pre the check came from parse_check().
Observation probe(const Check& check, std::chrono::milliseconds timeout);

}  // namespace rota::health
