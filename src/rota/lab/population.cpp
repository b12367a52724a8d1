#include "rota/lab/population.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace rota::lab {

std::vector<double> zipf_shares(unsigned count, double exponent) {
    std::vector<double> shares(count);
    double sum = 0;
    for (unsigned rank = 0; rank < count; ++rank) {
        shares[rank] = std::pow(rank + 1.0, -exponent);
        sum += shares[rank];
    }
    for (double& share : shares) {
        share /= sum;
    }
    return shares;
}

std::vector<unsigned> apportion(unsigned total, std::span<const double> shares) {
    std::vector<unsigned> parts(shares.size());
    std::vector<double> remainders(shares.size());
    unsigned given = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        const double exact = shares[i] * total;
        parts[i] = static_cast<unsigned>(exact);
        remainders[i] = exact - parts[i];
        given += parts[i];
    }
    std::vector<std::size_t> order(shares.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(
        order, [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
    for (std::size_t i = 0; given < total && !order.empty(); ++i, ++given) {
        ++parts[order[i % order.size()]];
    }
    return parts;
}

double concentration(std::span<const double> shares) noexcept {
    return std::transform_reduce(shares.begin(), shares.end(), 0.0, std::plus<>{},
                                 [](double share) { return share * share; });
}

}  // namespace rota::lab
