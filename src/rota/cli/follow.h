#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "rota/agent/config.h"
#include "rota/agent/status.h"
#include "rota/base/error.h"

namespace rota::cli {

/// Whether what was asked for has come about: the exit status then.
using Ended = std::function<std::optional<int>(const agent::StatusView&)>;

/// Asks the agent on this instance for something and shows how that goes on until it has ended:
/// progress for people, or with --json the last status line.
/// @param opening  said once the agent has taken the request.
/// @errors not_found: no agent runs here; timeout, unavailable: it does not answer any more; and
/// what the agent itself refuses.
Result<int> follow_agent(const agent::Config& config, const agent::SocketRequest& request,
                         std::string_view opening, const Ended& ended);

}  // namespace rota::cli
