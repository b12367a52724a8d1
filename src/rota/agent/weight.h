#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "rota/agent/capacity.h"
#include "rota/agent/fleet.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/agent_check.h"
#include "rota/instance/load.h"

// The weight law: what an instance takes of the traffic follows what it can carry, slowly enough
// that agents who decide alone, on figures that are a TTL old, do not swing. Feed-forward first (an
// estimate of capacity, which has no feedback), then a small trim, then a slow start. docs/load.md.
namespace rota::agent {

/// Frozen at start.
struct WeightSettings {
    std::uint8_t base = 100;  ///< the weight of a member like the others
    double target = 0.6;      ///< utilisation above which a member alone sheds load
    /// Requests a second at a utilisation of 1 that `base` stands for; where none is set, the
    /// median of the fleet's reports is it, and without those capacity does not move the weight.
    std::optional<double> reference_capacity;
    std::chrono::seconds ttl{60};
    std::chrono::seconds slow_start{60};  ///< zero: none
    double dead_band = 0.10;  ///< of the utilisation; smaller differences are not corrected
    double share_noise = 0;   ///< CV of the members' shares, if known: the dead band is twice this
    double gain = 0.2;
    std::chrono::seconds connection_life{0};  ///< mean
    /// The least between two changes; the TTL where that is longer.
    std::chrono::seconds interval{60};
};

/// @errors config: names the setting and its range; a gain above the bound with the bound.
Status validate(const WeightSettings& settings);

/// What one look brings.
struct WeightInput {
    instance::LoadSample load;                ///< of all sources, instance::worst_of()
    std::optional<FleetReport> fleet;         ///< as of now; an answer to a heartbeat counts once
    std::optional<health::AgentWeight> word;  ///< of an agent-check, in force
    double part = 1;                          ///< of the weight, while the instance is at risk
};

/// Over one window between two steps of the law.
struct LoadWindow {
    BootTime begin;
    double utilisation_seconds = 0;
    double covered = 0;  ///< seconds with a figure
    double fleet_seconds = 0;
    double fleet_covered = 0;
};

struct WeightState {
    CapacityEstimate capacity;
    std::optional<double> fleet_capacity;  ///< smoothed
    std::optional<FleetReport> fleet;
    BootTime fleet_at;
    double trim = 0;  ///< logarithm of a factor
    LoadWindow window;
    std::optional<BootTime> looked_at;
    std::optional<BootTime> in_service_since;
    bool is_warm = false;  ///< no slow start (any more)
    std::optional<std::uint8_t> published;
    BootTime published_at;
    std::string trim_note;  ///< why the trim last moved or rested
};

struct WeightDecision {
    std::uint8_t weight = 1;     ///< wanted: 1 to 255
    bool may_publish = false;    ///< it is worth a change, and time for one
    bool asks_for_none = false;  ///< an agent-check's weight of 0: out of the rota, if anything
    std::string reason;          ///< for the log
};

/// Takes one look in and decides. Deterministic; `now` must not go back. Looks are best 10 s apart,
/// and no further than 30 s.
WeightDecision observe(WeightState& state, const WeightSettings& settings, const WeightInput& input,
                       BootTime now);

/// The weight that a record set about to be written begins with; observe() gives those that follow.
std::uint8_t first_weight(const WeightState& state, const WeightSettings& settings,
                          WeightInput input, BootTime now);

/// The instance's record set was written with that weight, which observe() gave: slow start begins.
void joined(WeightState& state, std::uint8_t weight, BootTime now);

/// The instance is in the rota already with that weight, as after a restart of the agent: no slow
/// start.
void resumed(WeightState& state, std::uint8_t weight, BootTime now);

/// A weight was written to a member in service, or seen there.
void published(WeightState& state, std::uint8_t weight, BootTime now);

/// Out of the rota: the next slow start will begin with joined(). What is known of the instance's
/// capacity stays.
void left(WeightState& state);

}  // namespace rota::agent
