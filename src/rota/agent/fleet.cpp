#include "rota/agent/fleet.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/agent/capacity.h"
#include "rota/instance/load.h"
#include "rota/route53/rota_client.h"

namespace rota::agent {
namespace {

double median(std::vector<double> figures) {
    std::ranges::sort(figures);
    const std::size_t middle = figures.size() / 2;
    return figures.size() % 2 == 1 ? figures[middle] : (figures[middle - 1] + figures[middle]) / 2;
}

}  // namespace

FleetReport fleet_report(const route53::RotaReport& report, std::chrono::seconds slow_start) {
    std::vector<double> capacities;
    std::size_t draining = 0;
    std::size_t young = 0;
    const double old = std::chrono::duration<double>{slow_start}.count();
    for (const auto& member : report.reports) {
        const auto& load = member.load;
        if (load.in_service_seconds && *load.in_service_seconds < old) {
            ++young;
        }
        if (load.draining) {
            ++draining;
        } else if (const auto figure = capacity_of(load.utilisation.value_or(0),
                                                   load.requests_per_second.value_or(0),
                                                   load.errors_per_second.value_or(0))) {
            capacities.push_back(*figure);
        }
    }
    FleetReport out{.members = report.members,
                    .reporting = report.reporting - std::min(draining, report.reporting),
                    .young = young,
                    .mean_utilisation = report.mean_utilisation,
                    .median_capacity = {}};
    if (capacities.size() >= 2) {
        out.median_capacity = median(std::move(capacities));
    }
    return out;
}

route53::LoadReport load_report(const instance::LoadSample& load, const CapacityEstimate& rates,
                                std::optional<std::chrono::seconds> in_service, bool draining) {
    return {.utilisation = load.utilisation,
            .requests_per_second = rates.requests_per_second,
            .errors_per_second = rates.errors_per_second,
            .in_flight = {},
            .in_service_seconds =
                in_service ? std::optional{std::chrono::duration<double>{*in_service}.count()}
                           : std::nullopt,
            .draining = draining};
}

std::optional<std::string> scale_warning(std::uint8_t base, std::uint8_t current,
                                         std::span<const std::uint8_t> others, double factor) {
    std::vector<double> weights;
    for (const std::uint8_t weight : others) {
        if (weight > 0) {
            weights.push_back(weight);
        }
    }
    if (weights.empty()) {
        return std::nullopt;
    }
    const double theirs = median(std::move(weights));
    const auto differs = [&](double ours) {
        return ours > 0 && (theirs > ours * factor || ours > theirs * factor);
    };
    if (!differs(base) || !differs(current)) {
        return std::nullopt;
    }
    return fmt::format(
        "the other members weigh {} in the median, this one {} (configured {}): on different "
        "scales each share follows the scale and not the load; configure one base weight for all, "
        "100 with load weights",
        theirs, current, base);
}

}  // namespace rota::agent
