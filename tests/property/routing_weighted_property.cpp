#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "rota/base/rng.h"
#include "rota/routing/weighted.h"

namespace rota::routing {
namespace {

using Weights = std::vector<std::uint8_t>;

rc::Gen<Weights> any_weights() {
    const auto weight =
        rc::gen::weightedOneOf<std::uint8_t>({{2, rc::gen::just(std::uint8_t{0})},
                                              {2, rc::gen::just(std::uint8_t{10})},
                                              {3, rc::gen::arbitrary<std::uint8_t>()},
                                              {1, rc::gen::just(std::uint8_t{255})}});
    return rc::gen::mapcat(
        rc::gen::weightedElement<std::size_t>({{4, 1}, {4, 3}, {4, 10}, {2, 100}, {1, 300}}),
        [weight](std::size_t size) { return rc::gen::container<Weights>(size, weight); });
}

/// The share of each weight that the table gives, by adding up its slots.
std::vector<double> shares(const AliasTable& table, std::size_t weights) {
    std::vector<double> shares(weights);
    const double slot = 1.0 / static_cast<double>(table.slots.size());
    for (std::size_t i = 0; i < table.slots.size(); ++i) {
        const double stays = static_cast<double>(table.slots[i].threshold) / table.total;
        shares[table.candidates[i]] += slot * stays;
        shares[table.candidates[table.slots[i].alias]] += slot * (1 - stays);
    }
    return shares;
}

RC_GTEST_PROP(WeightedRouting, a_table_gives_every_weight_its_share, ()) {
    const Weights weights = *any_weights();
    const AliasTable table = build_alias_table(weights);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    const auto given = shares(table, weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double wanted =
            sum == 0 ? 1.0 / static_cast<double>(weights.size()) : weights[i] / sum;
        // Exact but for the rounding of sums above 65,535: half a coin in each slot.
        const double slack = sum <= 65535 ? 1e-12 : 1.0 / 65535;
        RC_ASSERT(std::abs(given[i] - wanted) <= slack);
    }
}

RC_GTEST_PROP(WeightedRouting, a_zero_weight_is_never_drawn_while_a_nonzero_one_exists, ()) {
    const Weights weights = *any_weights();
    Rng rng{*rc::gen::arbitrary<std::uint64_t>()};
    const AliasTable table = build_alias_table(weights);
    const bool all_zero = std::accumulate(weights.begin(), weights.end(), 0) == 0;
    for (int i = 0; i < 1000; ++i) {
        const std::size_t drawn = choose(table, rng);
        RC_ASSERT(drawn < weights.size());
        RC_ASSERT(all_zero || weights[drawn] != 0);
    }
}

RC_GTEST_PROP(WeightedRouting, draws_lie_within_the_binomial_bounds_of_the_weights, ()) {
    const Weights weights = *any_weights();
    Rng rng{*rc::gen::arbitrary<std::uint64_t>()};
    const AliasTable table = build_alias_table(weights);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    constexpr int kDraws = 20000;
    std::vector<int> hits(weights.size());
    for (int i = 0; i < kDraws; ++i) {
        ++hits[choose(table, rng)];
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double p = sum == 0 ? 1.0 / static_cast<double>(weights.size()) : weights[i] / sum;
        // Seven standard deviations and the Poisson tail of small shares: one false alarm in 10^10.
        const double slack = (7 * std::sqrt(kDraws * p * (1 - p))) + 12;
        RC_ASSERT(std::abs(hits[i] - (kDraws * p)) <= slack);
    }
}

TEST(WeightedRouting, draws_evenly_when_all_weights_are_zero) {
    const AliasTable table = build_alias_table(Weights{0, 0, 0, 0});
    EXPECT_EQ(table.slots.size(), 4U);
    for (const double share : shares(table, 4)) {
        EXPECT_DOUBLE_EQ(share, 0.25);
    }
}

TEST(WeightedRouting, stays_fair_with_as_many_candidates_as_there_may_be) {
    Weights weights(kMaxCandidates + 10);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = static_cast<std::uint8_t>(1 + (i % 255));
    }
    const AliasTable table = build_alias_table(weights);
    EXPECT_EQ(table.slots.size(), kMaxCandidates);
    const auto given = shares(table, weights.size());
    EXPECT_NEAR(given[254] / given[0], 255, 1);
}

}  // namespace
}  // namespace rota::routing
