#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rota/agent/api_share.h"
#include "rota/agent/fleet.h"
#include "rota/agent/weight.h"
#include "rota/base/clock.h"
#include "rota/instance/load.h"

// Load in the lifecycle: the instance is measured in an interval, each member in service weighs
// itself by the law (weight.h), and a weight that is worth it is written: a look at the record set,
// as the watch takes, then an UPSERT that nobody waits for. docs/load.md.
namespace rota::agent {

/// Frozen at start.
struct LoadWeights {
    std::chrono::seconds interval{10};  ///< between two looks at the load
    WeightSettings law;                 ///< base and TTL are each member's own
    ApiBudget budget;
};

/// Look at the instance's load; the answer is Measured.
struct MeasureLoad {};

struct Measured {
    instance::LoadSample load;          ///< of all sources, instance::worst_of()
    std::vector<std::string> problems;  ///< sources that could not tell, in words
};

/// The instance's load.
struct Load {
    bool is_out = false;  ///< a look is
    BootTime asked_at;    ///< the last time
    std::optional<BootTime> wake;
    Measured last;
    std::optional<BootTime> at_risk_until;  ///< EC2 recommends to rebalance
};

/// What load makes of a member's weight.
struct Scale {
    WeightState law;
    WeightDecision wanted;
    std::optional<FleetReport> fleet;   ///< of the last heartbeat, not weighed in yet
    std::optional<BootTime> joined_at;  ///< nothing: an agent before this one did it
    bool starts_anew = false;           ///< the record set that is being written was not there
    bool is_publishing = false;  ///< the look that is out is to end in a change of the weight
    std::optional<BootTime> tried_at;
    std::optional<std::uint8_t> before_zero;  ///< the weight is 0 for health's sake, and was this
    bool is_urgent = false;                   ///< the next look is for a weight of health
    unsigned failed_writes = 0;               ///< in a row
    std::vector<std::uint8_t> lost;           ///< weights whose writes' answers were lost
    std::optional<std::uint8_t> overruled;    ///< the weight that somebody else has set
    std::vector<std::uint8_t> siblings;       ///< their weights, as last seen
    std::optional<BootTime> odd_since;        ///< the siblings' scale is another
    std::string odd;                          ///< said; empty: it is not, or not for long
};

}  // namespace rota::agent
