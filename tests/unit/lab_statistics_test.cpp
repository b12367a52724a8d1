#include <chrono>

#include <gtest/gtest.h>

#include "rota/base/clock.h"
#include "rota/lab/statistics.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kNow{1000s};

TEST(LatencyHistogram, quantiles_are_within_a_bucket_of_the_truth) {
    LatencyHistogram histogram;
    for (int i = 1; i <= 1000; ++i) {
        histogram.add(std::chrono::milliseconds{i});
    }
    EXPECT_NEAR(histogram.quantile(0.5).count(), 500, 0.09 * 500);
    EXPECT_NEAR(histogram.quantile(0.99).count(), 990, 0.09 * 990);
    EXPECT_GE(histogram.quantile(1).count(), 1000);
}

TEST(LatencyHistogram, holds_extremes) {
    LatencyHistogram histogram;
    EXPECT_EQ(histogram.quantile(0.5).count(), 0);
    histogram.add(0ns);
    EXPECT_LT(histogram.quantile(1).count(), 0.1);
    histogram.add(1h);
    EXPECT_EQ(histogram.count(), 2U);
}

TEST(ExpectedShares, follow_the_weights) {
    ExpectedShares shares{5s};
    shares.publish({{"a", 10}, {"b", 30}}, kNow);
    shares.spend(100, kNow + 60s);
    EXPECT_DOUBLE_EQ(shares.requests("a"), 25);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 75);
    EXPECT_DOUBLE_EQ(shares.requests("c"), 0);
    EXPECT_EQ(shares.total(), 100U);
}

TEST(ExpectedShares, a_newcomer_gets_traffic_as_the_caches_expire) {
    ExpectedShares shares{10s};
    shares.publish({{"a", 10}}, kNow - 100s);
    shares.publish({{"a", 10}, {"b", 10}}, kNow);
    shares.spend(100, kNow + 4s);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 20) << "in for 4 of the last 10 s, at one half";
    shares.spend(100, kNow + 10s);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 20 + 50);
}

TEST(ExpectedShares, a_leaver_gets_nothing_once_a_ttl_has_passed) {
    ExpectedShares shares{5s};
    shares.publish({{"a", 10}, {"b", 10}}, kNow - 100s);
    shares.publish({{"b", 10}}, kNow);
    shares.spend(100, kNow + 5s);
    EXPECT_DOUBLE_EQ(shares.requests("a"), 0);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 100);
}

TEST(ExpectedShares, vary_as_if_each_ttl_were_drawn_at_once) {
    ExpectedShares shares{5s};
    shares.publish({{"a", 10}, {"b", 30}}, kNow);
    for (int i = 1; i <= 4; ++i) {  // four TTLs, 100 requests each: 4 · 100² · 1/4 · 3/4
        shares.spend(100, kNow + i * 6s);
    }
    EXPECT_DOUBLE_EQ(shares.variance("a"), 4 * 100.0 * 100.0 * 0.25 * 0.75);
    EXPECT_DOUBLE_EQ(shares.variance("b"), shares.variance("a"));
    EXPECT_DOUBLE_EQ(shares.variance("c"), 0);
}

TEST(ExpectedShares, all_weights_zero_means_equal_odds) {
    ExpectedShares shares{5s};
    shares.publish({{"a", 0}, {"b", 0}}, kNow);
    shares.spend(10, kNow + 1s);
    EXPECT_DOUBLE_EQ(shares.requests("a"), 5);
}

TEST(ExpectedShares, add_up_to_all_requests_from_the_first_member_on) {
    ExpectedShares shares{10s};
    shares.spend(7, kNow - 1s);  // the clients are told of members before the listing is read
    shares.publish({}, kNow);
    shares.spend(5, kNow + 1s);
    shares.publish({{"a", 10}}, kNow + 5s);
    shares.spend(100, kNow + 7s);
    EXPECT_DOUBLE_EQ(shares.requests("a"), 112) << "no cache was filled with anybody else";
    EXPECT_EQ(shares.total(), 112U);
}

TEST(ExpectedShares, of_an_empty_rota_are_those_of_the_time_with_members) {
    ExpectedShares shares{10s};
    shares.publish({{"a", 10}}, kNow);
    shares.publish({{"a", 10}, {"b", 10}}, kNow + 10s);
    shares.publish({}, kNow + 12s);
    shares.publish({{"b", 10}}, kNow + 14s);
    shares.spend(80, kNow + 16s);  // of 8 s: 4 s a, 2 s both, 2 s b
    EXPECT_DOUBLE_EQ(shares.requests("a"), 50);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 30);
    shares.publish({}, kNow + 20s);
    shares.spend(80, kNow + 40s);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 30) << "nobody is in any cache";
}

TEST(ExpectedShares, work_without_a_ttl) {
    ExpectedShares shares{0s};
    shares.publish({{"a", 1}}, kNow);
    shares.publish({{"b", 1}}, kNow + 1s);
    shares.spend(10, kNow + 1s);
    EXPECT_DOUBLE_EQ(shares.requests("b"), 10);
}

}  // namespace
}  // namespace rota::lab
