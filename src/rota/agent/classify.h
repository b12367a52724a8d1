#pragma once

#include "rota/agent/lifecycle.h"
#include "rota/route53/client.h"

namespace rota::agent {

/// What a failed call means to the decisions. InvalidChangeBatch is read by its messages (Route
/// 53's words); everything that got no answer may have been carried out.
Failure classify(const route53::CallError& error);

}  // namespace rota::agent
