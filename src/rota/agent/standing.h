#pragma once

#include <string>

#include "rota/agent/lifecycle.h"
#include "rota/agent/published.h"
#include "rota/base/clock.h"
#include "rota/health/agent_check.h"

// What the agent says of its instance to those who do not ask the DNS: a probe of /healthz,
// HAProxy.
namespace rota::agent {

struct Standing {
    bool is_in = false;
    std::string text;  ///< why not, or "in service"
};

/// Whether the instance is in all of its rotas and is to stay there: what the DNS says, /healthz
/// says. One that stays in although it is sick, being the last, is in; so is one that is about to
/// find out whether it is the last.
Standing standing_of(const State& state, BootTime now);

/// The same for HAProxy, which asks for traffic of its own: an instance that is ready and well is
/// up whether the API could be told of it or not, and is drained when it is to be out.
health::AgentCheckReport agent_check_of(const Snapshot& snapshot, BootTime now);

}  // namespace rota::agent
