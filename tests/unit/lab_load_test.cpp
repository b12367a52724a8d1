#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rota/lab/load_curve.h"
#include "rota/lab/population.h"
#include "rota/lab/record.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;

TEST(LoadCurve, is_low_at_both_ends_and_high_on_the_plateau) {
    const LoadCurve curve{.low = 50, .high = 250, .period = 60s};
    EXPECT_DOUBLE_EQ(load_at(curve, 0s), 50);
    EXPECT_DOUBLE_EQ(load_at(curve, 24s), 250);
    EXPECT_DOUBLE_EQ(load_at(curve, 45s), 50);
    EXPECT_DOUBLE_EQ(load_at(curve, 59s), 50);
    EXPECT_DOUBLE_EQ(load_at(curve, 84s), 250) << "the second wave";
}

TEST(LoadCurve, never_jumps) {
    double before = wave(0);
    for (int i = 1; i <= 3000; ++i) {
        const double now = wave(i / 1000.0);
        EXPECT_NEAR(now, before, 0.02) << i;
        EXPECT_GE(now, 0);
        EXPECT_LE(now, 1);
        before = now;
    }
}

TEST(LoadCurve, fits_as_many_waves_as_leave_time_to_drain) {
    EXPECT_EQ(fit_curve(1, 2, 60s, 6s).period, 60s);
    EXPECT_EQ(fit_curve(1, 2, 30s, 6s).period, 30s) << "at least one wave, however short the run";
    EXPECT_EQ(fit_curve(1, 2, 600s, 6s).period, 60s);
    EXPECT_EQ(fit_curve(1, 2, 1800s, 75s).period, 900s);
}

TEST(LoadCurve, a_run_too_short_for_its_ttl_is_warned_of) {
    EXPECT_EQ(caveat(completed({})), "");
    RunSettings settings;
    settings.ttl = 60s;
    settings.margin = 15s;
    EXPECT_NE(caveat(completed(settings)).find("--duration 750s"), std::string::npos);
    settings.duration = 750s;
    EXPECT_EQ(caveat(completed(settings)), "");
}

TEST(Population, zipf_shares_fall_and_sum_to_one) {
    const std::vector<double> shares = zipf_shares(60, 0.8);
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
    EXPECT_NEAR(shares[0] / shares[1], 1.741, 0.001);
    EXPECT_TRUE(std::is_sorted(shares.rbegin(), shares.rend()));
}

TEST(Population, apportion_gives_everybody_a_resolver) {
    const std::vector<double> shares = zipf_shares(60, 0.8);
    const std::vector<unsigned> parts = apportion(300, shares);
    EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), 0U), 300U);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        EXPECT_NEAR(parts[i], 300 * shares[i], 1);
    }
}

TEST(Population, concentration_of_equal_resolvers_is_one_over_their_number) {
    EXPECT_NEAR(concentration(std::vector<double>(40, 1.0 / 40)), 1.0 / 40, 1e-12);
    EXPECT_NEAR(concentration(zipf_shares(1000, 1)), 0.0293, 0.0001) << "the published figure";
}

}  // namespace
}  // namespace rota::lab
