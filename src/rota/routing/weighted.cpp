#include "rota/routing/weighted.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace rota::routing {

namespace {

/// A slot before its threshold is brought into 16 bits.
struct WideSlot {
    std::uint64_t threshold = 0;
    std::size_t alias = 0;
};

/// Every slot has the capacity `total`; `load[i]` is what candidate i has to place, and the loads
/// sum up to the capacity of all slots.
std::vector<WideSlot> fill(std::vector<std::uint64_t> load, std::uint64_t total) {
    std::vector<WideSlot> slots(load.size());
    std::vector<std::size_t> small;
    std::vector<std::size_t> large;
    for (std::size_t i = 0; i < load.size(); ++i) {
        (load[i] < total ? small : large).push_back(i);
    }
    while (!small.empty()) {
        // Integers add up exactly, so a small one always finds a large one.
        const std::size_t poor = small.back();
        const std::size_t rich = large.back();
        small.pop_back();
        slots[poor] = {load[poor], rich};
        load[rich] -= total - load[poor];
        if (load[rich] < total) {
            large.pop_back();
            small.push_back(rich);
        }
    }
    for (const std::size_t full : large) {
        slots[full] = {total, full};
    }
    return slots;
}

}  // namespace

AliasTable build_alias_table(std::span<const std::uint8_t> weights) {
    weights = weights.first(std::min(weights.size(), kMaxCandidates));
    const bool all_zero = std::ranges::all_of(weights, [](std::uint8_t w) { return w == 0; });
    AliasTable table;
    std::vector<std::uint64_t> load;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (all_zero || weights[i] != 0) {
            table.candidates.push_back(static_cast<std::uint16_t>(i));
            load.push_back(all_zero ? 1 : weights[i]);
        }
    }
    const std::uint64_t sum = std::accumulate(load.begin(), load.end(), std::uint64_t{0});
    for (std::uint64_t& weight : load) {
        weight *= table.candidates.size();
    }
    constexpr std::uint64_t kMaxTotal = 65535;
    table.total = static_cast<std::uint32_t>(std::min(sum, kMaxTotal));
    for (const WideSlot& slot : fill(std::move(load), sum)) {
        const std::uint64_t threshold = ((slot.threshold * table.total) + (sum / 2)) / sum;
        table.slots.push_back(
            {static_cast<std::uint16_t>(threshold), static_cast<std::uint16_t>(slot.alias)});
    }
    return table;
}

}  // namespace rota::routing
