#include <chrono>
#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "rota/agent/drain.h"
#include "rota/base/clock.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kStart{1000s};

TEST(TtlHistory, knows_nothing_at_first) {
    const TtlHistory history;
    EXPECT_TRUE(history.empty());
    EXPECT_EQ(history.largest(kStart), 0s);
}

TEST(TtlHistory, holds_the_ttl_in_force_for_ever) {
    TtlHistory history;
    history.observe(60s, kStart);
    EXPECT_EQ(history.largest(kStart + 24h), 60s);
}

TEST(TtlHistory, counts_a_lowered_ttl_until_its_own_lifetime_has_passed) {
    TtlHistory history;
    history.observe(3600s, kStart);
    history.observe(60s, kStart + 300s);
    EXPECT_EQ(history.largest(kStart + 300s), 3600s);
    EXPECT_EQ(history.largest(kStart + 300s + 3599s), 3600s);
    EXPECT_EQ(history.largest(kStart + 300s + 3600s), 60s);
}

TEST(TtlHistory, counts_a_raised_ttl_at_once) {
    TtlHistory history;
    history.observe(60s, kStart);
    history.observe(600s, kStart + 1s);
    EXPECT_EQ(history.largest(kStart + 1s), 600s);
}

TEST(TtlHistory, never_forgets_the_largest_however_often_it_changes) {
    TtlHistory history;
    history.observe(86400s, kStart);
    for (int i = 1; i <= 100; ++i) {
        history.observe(std::chrono::seconds{60 + i}, kStart + std::chrono::seconds{i});
    }
    EXPECT_EQ(history.largest(kStart + 100s), 86400s);
    EXPECT_EQ(history.largest(kStart + 86400s + 100s), 160s);
}

TEST(DrainFloor, is_insync_and_largest_ttl_and_margin) {
    EXPECT_EQ(drain_floor(kStart, 60s, 15s), kStart + 75s);
}

/// Ten seconds of so many octets each, a count a second, in windows of five.
void add(ClientTraffic& traffic, BootTime& now, std::uint64_t octets) {
    for (int i = 0; i < 10; ++i) {
        now += 1s;
        traffic.add(octets, now, 5s);
    }
}

TEST(ClientTraffic, is_quiet_under_a_hundredth_of_the_busiest_window) {
    ClientTraffic traffic;
    BootTime now = kStart;
    traffic.add(1'000'000, now, 5s);  // of the time before: it only begins
    add(traffic, now, 1000);
    EXPECT_EQ(traffic.quiet_since(), std::nullopt);
    add(traffic, now, 10);
    EXPECT_EQ(traffic.quiet_since(), std::nullopt) << "a hundredth is not under a hundredth";
    const BootTime calm = now;
    add(traffic, now, 9);
    add(traffic, now, 0);
    EXPECT_EQ(traffic.quiet_since(), calm);
    add(traffic, now, 500);
    EXPECT_EQ(traffic.quiet_since(), std::nullopt);
}

TEST(ClientTraffic, is_quiet_where_nothing_ever_moves) {
    ClientTraffic traffic;
    BootTime now = kStart;
    traffic.add(0, now, 5s);
    add(traffic, now, 0);
    EXPECT_EQ(traffic.quiet_since(), kStart);
}

TEST(ClientTraffic, takes_a_burst_and_the_pause_after_it_together) {
    ClientTraffic traffic;
    BootTime now = kStart;
    traffic.add(0, now, 5s);
    for (int i = 0; i < 60; ++i) {
        now += 1s;
        traffic.add(i % 5 == 0 ? 1000 : 0, now, 5s);
    }
    EXPECT_EQ(traffic.quiet_since(), std::nullopt);
}

}  // namespace
}  // namespace rota::agent
