#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/instance/address.h"
#include "rota/instance/lifecycle_state.h"
#include "rota/instance/scheduled_events.h"
#include "rota/instance/spot_action.h"

// The ends of an instance that can be foreseen, as the metadata service tells them. Each source is
// a small file that turns one item into one type; this one asks for all of them.
namespace rota::instance {

/// AWS recommends 5 s for spot notices; the others ride along.
/// @source EC2 User Guide, "Spot Instance interruption notices".
inline constexpr std::chrono::seconds kNoticeInterval{5};

struct Notices {
    std::optional<SpotAction> spot;
    std::optional<WallTime> rebalance;  ///< when it was recommended
    std::vector<ScheduledEvent> events;
    std::optional<LifecycleState> lifecycle;
    /// Items that could not be read or understood this time, in words; they are as they were
    /// before.
    std::vector<std::string> problems;

    friend bool operator==(const Notices&, const Notices&) = default;
};

/// Asks for the four items, the most urgent first; an absent one is nothing. When the service does
/// not answer, the rest is not asked for.
/// @param before  what was read the last time: an item that cannot be read or understood stays as
/// it was, since silence does not call an end off.
/// @errors the metadata's own, when not one item could be read.
Result<Notices> read_notices(const Metadata& metadata, const Notices& before = {});

}  // namespace rota::instance
