#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace rota::agent {

/// Reads systemd's "5min 30s"; nothing for "infinity" and for what it never writes.
/// @source systemd.time(7), "Displaying time spans".
std::optional<std::chrono::seconds> parse_time_span(std::string_view text);

/// TimeoutStopSec of the unit that this process is the main one of; nothing when it is in none, or
/// systemd sets no limit or does not answer within two seconds. Blocks.
std::optional<std::chrono::seconds> read_stop_timeout();

/// The same of a unit by its name, wherever this process runs; nothing also when there is none.
std::optional<std::chrono::seconds> read_stop_timeout(const std::string& unit);

/// Reads what systemctl says of a unit's LoadState and TimeoutStopUSec, a line each.
std::optional<std::chrono::seconds> parse_unit_timeout(std::string_view text);

}  // namespace rota::agent
