#pragma once

#include <chrono>
#include <string_view>

// Tells the service manager how we do, as sd_notify(3): one datagram to $NOTIFY_SOCKET. Without the
// variable every call does nothing, so that callers need not ask whether they run under systemd.
namespace rota::sd_notify {

/// The service answers; with a status line for `systemctl status`.
void ready(std::string_view status_text);

/// The service has begun to end. It is not waited for, so say it before anything slow.
void stopping(std::string_view status_text);

/// Replaces the status line.
void status(std::string_view text);

/// Asks for that much more time, from now, to start or to stop (EXTEND_TIMEOUT_USEC).
void extend_timeout(std::chrono::microseconds more);

/// Sends any assignments, separated by newlines: "READY=1\nSTATUS=…".
/// @returns false when there is no service manager to tell, or telling failed.
bool send(std::string_view state);

}  // namespace rota::sd_notify
