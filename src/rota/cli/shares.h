#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rota::cli {

/// The part of the answers that each weight gets: its part of the sum; equal parts when all are 0.
/// @source Route 53 Developer Guide, "Weighted routing".
std::vector<double> shares(std::span<const std::uint8_t> weights);

}  // namespace rota::cli
