#pragma once

#include <memory>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/preflight.h"

namespace rota::agent {

/// Asks everybody whom the agent would ask, once each and one after the other: the metadata
/// service, the API, the checks, Auto Scaling. An API that does not answer is not asked again. Each
/// call ends within 5 s, a check within its own timeout.
///
/// Changes nothing. What proves a right without using it is a call that is refused after it has
/// been authorised: a change batch that no API may carry out (a DELETE of a record set that is not
/// there, by a random set identifier, and an UPSERT of a value that is no address), GetChange of a
/// change that does not exist, a lifecycle action of a hook that does not exist.
void examine_surroundings(const Config& config,
                          const std::shared_ptr<const Surroundings>& surroundings,
                          const Tell& tell);

}  // namespace rota::agent
