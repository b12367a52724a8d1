#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rota/base/rng.h"

// Routing policies choose among the record sets of one name and type; pure, one file a policy.
namespace rota::routing {

/// One slot of an alias table: a coin below `threshold` (of `total`) stays, any other goes to
/// `alias`.
struct AliasSlot {
    std::uint16_t threshold = 0;
    std::uint16_t alias = 0;

    friend bool operator==(const AliasSlot&, const AliasSlot&) = default;
};

/// Weights made ready to draw from in constant time with one random number (Vose's alias method).
/// The table is over the candidates that can be drawn at all: those with a weight above zero, or
/// all of them when every weight is zero.
struct AliasTable {
    std::vector<AliasSlot> slots;
    std::vector<std::uint16_t> candidates;  ///< for each slot, an index into the weights
    std::uint32_t total = 0;                ///< coins are in [0, total), total <= 65535
};

/// At most this many candidates; Route 53 allows 100 a name and 10,000 records a zone.
inline constexpr std::size_t kMaxCandidates = 65535;

/// Builds the table. Shares are exact while the sum of the drawable weights is at most 65,535; from
/// there on each is off by less than 1 / (65,535 × candidates).
/// @param weights  0 to 255 each, at least one, at most kMaxCandidates (more are left out).
/// @source Vose, "A linear algorithm for generating random numbers with a given distribution",
/// 1991; Route 53 Developer Guide, "Weighted routing".
AliasTable build_alias_table(std::span<const std::uint8_t> weights);

/// Where one random number lands in a table of `slots` slots.
struct Landing {
    std::uint32_t slot = 0;
    std::uint32_t coin = 0;
};

inline Landing land(std::uint32_t slots, std::uint32_t total, Rng& rng) noexcept {
    const std::uint64_t random = rng.next();
    return {static_cast<std::uint32_t>(((random >> 32U) * slots) >> 32U),
            static_cast<std::uint32_t>(((random & 0xffffffffU) * total) >> 32U)};
}

/// Draws one candidate with probability weight / sum of weights; a candidate of weight zero only
/// when all are zero, and then each with the same probability.
/// @returns an index into the weights that the table was built from.
inline std::size_t choose(const AliasTable& table, Rng& rng) noexcept {
    const Landing at = land(static_cast<std::uint32_t>(table.slots.size()), table.total, rng);
    const AliasSlot slot = table.slots[at.slot];
    return table.candidates[at.coin < slot.threshold ? at.slot : slot.alias];
}

}  // namespace rota::routing
