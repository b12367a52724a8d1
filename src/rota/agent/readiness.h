#pragma once

#include <chrono>
#include <string_view>

#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"

// The question whether the application on this instance can take traffic yet.
namespace rota::agent {

/// Reads "http://…", "https://…", "tcp://HOST:PORT" or "exec:COMMAND".
/// @errors config: names the text and what is allowed.
Result<ReadinessConfig> parse_readiness(std::string_view text);

/// Asks once: an HTTP status from 200 to 399, a TCP connection, a command (run by /bin/sh) that
/// ends with 0. Blocks for at most `timeout`; a command that takes longer is killed with its
/// children.
ReadinessChecked check_readiness(const ReadinessConfig& config, std::chrono::milliseconds timeout);

}  // namespace rota::agent
