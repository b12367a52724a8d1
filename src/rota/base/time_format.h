#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rota/base/clock.h"

namespace rota {

/// "2026-11-22T16:40:00Z" (RFC 3339), whole seconds.
std::string format_rfc3339(WallTime time);
/// "2026-11-22T16:40:00.123Z": as Route 53 writes SubmittedAt.
std::string format_rfc3339_millis(WallTime time);
/// "20261122T164000Z": the X-Amz-Date of SigV4.
std::string format_basic(WallTime time);
/// "Sun, 22 Nov 2026 16:40:00 GMT" (RFC 9110 section 5.6.7, IMF-fixdate).
std::string format_http_date(WallTime time);

/// Reads RFC 3339 in UTC ("Z" or +00:00), with or without a fraction; nothing for any other text or
/// an impossible date.
std::optional<WallTime> parse_rfc3339(std::string_view text);
/// Reads "20261122T164000Z".
std::optional<WallTime> parse_basic(std::string_view text);
/// Reads an IMF-fixdate.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace rota
