#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "rota/agent/capacity.h"
#include "rota/instance/load.h"
#include "rota/route53/rota_client.h"

// What an agent can know of its siblings: their reports against `rota serve`, their weights
// anywhere.
namespace rota::agent {

struct FleetReport {
    std::size_t members = 0;
    std::size_t reporting = 0;         ///< of those, with a fresh report and not draining
    std::optional<std::size_t> young;  ///< in service for less than the slow start; if known
    std::optional<double> mean_utilisation;
    /// Requests a second at a utilisation of 1, the median of those that tell enough; two at least.
    std::optional<double> median_capacity;
};

/// What the answer to a heartbeat says for the weight law.
/// @param slow_start  members in service for less are young.
FleetReport fleet_report(const route53::RotaReport& report,
                         std::chrono::seconds slow_start = std::chrono::seconds{60});

/// What this instance tells its fleet in a heartbeat.
/// @param in_service  for how long; nothing where that is not known.
route53::LoadReport load_report(const instance::LoadSample& load, const CapacityEstimate& rates,
                                std::optional<std::chrono::seconds> in_service, bool draining);

/// Whether the siblings weigh themselves on another scale, as 10 against 100: then shares follow
/// the mistake and not the load.
/// @param base, current  ours: the configured weight and the one in force; a scale differs when the
/// median of the others is `factor` times off from both, so that a slow start is none.
/// @param others  the weights of the other members; zeros are left aside.
/// @returns a sentence for the log; nothing when all is well.
std::optional<std::string> scale_warning(std::uint8_t base, std::uint8_t current,
                                         std::span<const std::uint8_t> others, double factor = 4);

}  // namespace rota::agent
