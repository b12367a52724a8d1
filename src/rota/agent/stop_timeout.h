#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace rota::agent {

/// Reads systemd's "5min 30s"; nothing for "infinity" and for what it never writes.
/// @source systemd.time(7), "Displaying time spans".
std::optional<std::chrono::seconds> parse_time_span(std::string_view text);

/// TimeoutStopSec of the unit that this process is the main one of; nothing when it is in none, or
/// systemd sets no limit or does not answer within two seconds. Blocks.
std::optional<std::chrono::seconds> read_stop_timeout();

}  // namespace rota::agent
