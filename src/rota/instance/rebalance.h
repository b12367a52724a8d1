#pragma once

#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"

// The signal that a spot instance is at an elevated risk of interruption. A risk is no end: it may
// come long before the two-minute notice, together with it, or alone.
// @source EC2 User Guide, "EC2 instance rebalance recommendations".
namespace rota::instance {

inline constexpr std::string_view kRebalancePath = "meta-data/events/recommendations/rebalance";

/// Reads {"noticeTime":"2020-10-27T08:22:00Z"}: when the signal was sent.
/// @errors bad_input: names the item.
Result<WallTime> parse_rebalance(std::string_view text);

}  // namespace rota::instance
