#pragma once

#include <string>

#include "rota/server/endpoint.h"

namespace rota::server {

/// "process 812 (unbound)" for whoever has the endpoint's port, at its address or at every address,
/// or "" when that cannot be seen.
std::string holder_of(Socket kind, const Endpoint& endpoint);

}  // namespace rota::server
