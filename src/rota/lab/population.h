#pragma once

#include <span>
#include <vector>

namespace rota::lab {

/// Shares of `count` resolvers by Zipf's law: the j-th carries a share proportional to 1 / j^s.
/// They sum to 1, largest first.
std::vector<double> zipf_shares(unsigned count, double exponent);

/// Splits `total` clients by `shares` (which sum to 1), whole numbers, largest remainder first;
/// the parts sum to `total`.
std::vector<unsigned> apportion(unsigned total, std::span<const double> shares);

/// The concentration H = sum of q_r² of the resolvers' shares; 1 / H is how many equal resolvers
/// would spread the load as evenly.
double concentration(std::span<const double> shares) noexcept;

}  // namespace rota::lab
