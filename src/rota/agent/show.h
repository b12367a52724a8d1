#pragma once

#include <memory>
#include <string>

#include "rota/agent/published.h"
#include "rota/base/error.h"
#include "rota/http/message.h"
#include "rota/http/server.h"

namespace rota::agent {

/// The answer to a request for /healthz, /metrics or /status.
http::Response show(const http::Request& request, const Snapshot& snapshot);

/// Serves them over HTTP, in a thread of its own, without a password.
/// @param address  "127.0.0.1:9464", "[::1]:9464", or a port alone, which is on 127.0.0.1.
/// @param published  outlives the server.
/// @errors as http::listen_tcp.
Result<std::unique_ptr<http::Server>> show_over_http(const std::string& address,
                                                     const Published& published);

/// "127.0.0.1:PORT" where only a port is given.
std::string on_loopback(const std::string& address);

}  // namespace rota::agent
