#include "rota/cli/shares.h"

#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace rota::cli {

std::vector<double> shares(std::span<const std::uint8_t> weights) {
    const unsigned sum = std::accumulate(weights.begin(), weights.end(), 0U);
    std::vector<double> out;
    for (const std::uint8_t weight : weights) {
        out.push_back(sum == 0 ? 1.0 / static_cast<double>(weights.size())
                               : static_cast<double>(weight) / static_cast<double>(sum));
    }
    return out;
}

}  // namespace rota::cli
