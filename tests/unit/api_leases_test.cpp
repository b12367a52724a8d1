#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rota/api/leases.h"
#include "rota/base/clock.h"
#include "rota/dns/name.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"

namespace rota::api {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMany = 1000;

Leases::Key key(const std::string& identifier, const std::string& zone = "Z1") {
    return {zone, {dns::Name::parse("www.example.com").value(), dns::Type::a, identifier}};
}

bool everybody(const Leases::Key&) {
    return true;
}

Heartbeat beat(std::optional<double> utilisation = std::nullopt, bool draining = false) {
    Heartbeat heartbeat;
    if (utilisation || draining) {
        heartbeat.load = LoadReport{.utilisation = utilisation, .draining = draining};
    }
    return heartbeat;
}

class LeasesTest : public testing::Test {
protected:
    void renew(const std::string& identifier, Heartbeat heartbeat = beat()) {
        EXPECT_TRUE(leases_.renew(key(identifier), std::move(heartbeat), now_, kMany, everybody));
    }

    void remove(const std::string& identifier) {
        leases_.forget("Z1", {{key(identifier).second, std::nullopt}}, now_);
    }

    [[nodiscard]] bool is_held(const std::string& identifier) const {
        const auto lease = leases_.find(key(identifier));
        return lease && lease->expires > now_;
    }

    Leases leases_;
    BootTime now_{1h};
};

TEST_F(LeasesTest, a_lease_holds_for_its_time_and_each_heartbeat_renews_it) {
    renew("i-1");
    now_ += 8999ms;
    EXPECT_TRUE(is_held("i-1"));
    renew("i-1");
    now_ += 8999ms;
    EXPECT_TRUE(is_held("i-1"));
    now_ += 1ms;
    EXPECT_FALSE(is_held("i-1"));
    EXPECT_TRUE(leases_.find(key("i-1")));  // it held one once
    EXPECT_FALSE(leases_.find(key("i-2")));
}

TEST_F(LeasesTest, each_lease_that_runs_out_is_counted_once) {
    renew("i-1");
    renew("i-2");
    EXPECT_EQ(leases_.totals(now_).held, 2U);
    now_ += 10s;
    renew("i-2");  // late, so it ran out in between
    EXPECT_EQ(leases_.totals(now_).held, 1U);
    EXPECT_EQ(leases_.totals(now_).expired, 2U);
    now_ += 10s;
    EXPECT_EQ(leases_.totals(now_).held, 0U);
    EXPECT_EQ(leases_.totals(now_).expired, 3U);
}

TEST_F(LeasesTest, who_is_deleted_in_time_is_not_counted_and_not_known) {
    renew("i-1");
    renew("i-2");
    remove("i-1");
    now_ += 10s;
    remove("i-2");
    EXPECT_FALSE(leases_.find(key("i-1")));
    EXPECT_EQ(leases_.totals(now_).held, 0U);
    EXPECT_EQ(leases_.totals(now_).expired, 1U);
}

TEST_F(LeasesTest, a_change_of_a_member_leaves_its_lease) {
    renew("i-1");
    leases_.forget("Z1", {{key("i-1").second, model::RecordSet{}}}, now_);
    leases_.forget("Z2", {{key("i-1").second, std::nullopt}}, now_);
    EXPECT_TRUE(is_held("i-1"));
}

TEST_F(LeasesTest, there_are_no_more_than_record_sets) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(leases_.renew(key(fmt::format("i-{}", i)), beat(), now_, 3, everybody));
    }
    EXPECT_FALSE(leases_.renew(key("i-3"), beat(), now_, 3, everybody));
    EXPECT_TRUE(leases_.renew(key("i-2"), beat(), now_, 3, everybody));
    // Whose record set is gone makes room.
    EXPECT_TRUE(leases_.renew(key("i-3"), beat(), now_, 3,
                              [](const Leases::Key& one) { return one != key("i-0"); }));
    EXPECT_FALSE(leases_.find(key("i-0")));
    EXPECT_TRUE(leases_.find(key("i-1")));
}

TEST_F(LeasesTest, a_zones_leases_come_in_listing_order) {
    renew("i-2");
    renew("i-1");
    leases_.renew(key("i-0", "Z0"), beat(), now_, kMany, everybody);
    leases_.renew(key("i-3", "Z2"), beat(), now_, kMany, everybody);
    const auto listed = leases_.of_zone("Z1");
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].first.set_identifier, "i-1");
    EXPECT_EQ(listed[1].first.set_identifier, "i-2");
}

TEST_F(LeasesTest, a_rotas_mean_is_over_those_that_tell_hold_and_do_not_drain) {
    renew("i-1", beat(0.25));
    now_ += 8s;
    renew("i-2", beat(0.75));
    renew("i-3", beat(1.5));
    renew("i-4", beat(0.9, true));
    renew("i-5", beat());
    const auto& [zone, record] = key("");
    const auto load = [&] {
        return rota_load(leases_, zone, record.name, record.type,
                         {"i-1", "i-2", "i-3", "i-4", "i-5", "i-6"}, now_);
    };
    RotaLoad rota = load();
    EXPECT_EQ(rota.members, 6U);
    EXPECT_EQ(rota.reporting, 4U);
    EXPECT_DOUBLE_EQ(rota.mean_utilisation.value(), 2.5 / 3);
    EXPECT_EQ(rota.reports.front().age, 8s);
    now_ += 1s;  // i-1's lease runs out
    rota = load();
    EXPECT_EQ(rota.reporting, 3U);
    EXPECT_DOUBLE_EQ(rota.mean_utilisation.value(), 2.25 / 2);
    now_ += 9s;
    EXPECT_FALSE(load().mean_utilisation);
    EXPECT_TRUE(load().reports.empty());
}

}  // namespace
}  // namespace rota::api
