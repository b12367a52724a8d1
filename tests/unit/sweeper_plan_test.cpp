#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rota/base/clock.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

using namespace std::chrono_literals;
using route53::RawRecordSet;

RawRecordSet member(int number, int weight = 10) {
    RawRecordSet made;
    made.name = "www.example.com.";
    made.type = "A";
    made.set_identifier = fmt::format("i-{}", number);
    made.weight = std::to_string(weight);
    made.ttl = "60";
    made.values = {fmt::format("192.0.2.{}", number)};
    return made;
}

/// A rota of so many members, an hour after it was first seen.
class SweeperPlan : public ::testing::Test {
protected:
    void list(int members) {
        std::vector<RawRecordSet> record_sets;
        for (int number = 1; number <= members; ++number) {
            record_sets.push_back(member(number));
        }
        see_record_sets(memory_, std::move(record_sets), now_);
        now_ += 1h;
    }

    void probe(const std::string& identifier, bool passed, int times = 1) {
        for (int i = 0; i < times; ++i) {
            now_ += 3s;
            see_probe(memory_, identifier, passed, "connection refused", now_);
        }
    }

    void probe_dead(const std::string& identifier) {
        probe(identifier, true);
        probe(identifier, false, 3);
    }

    void lease(const std::string& identifier, std::chrono::milliseconds expires_in,
               std::chrono::milliseconds uptime = 1h) {
        route53::LeaseList list;
        list.server_uptime = uptime;
        for (const auto& [known, words] : memory_.members) {
            route53::MemberLease lease;
            lease.set_identifier = known;
            lease.is_held = known != identifier || expires_in > 0ms;
            lease.expires_in = known == identifier ? expires_in : 9s;
            list.leases.push_back(std::move(lease));
        }
        see_leases(memory_, list, now_);
    }

    /// Everybody runs but those.
    void poll(const std::map<std::string, InstanceState>& states,
              const std::vector<std::string>& unknown = {}) {
        now_ += 30s;
        Fleet fleet{{"i-elsewhere", InstanceState::running}};
        for (const auto& [known, words] : memory_.members) {
            fleet.emplace(known, InstanceState::running);
        }
        for (const auto& [identifier, state] : states) {
            fleet[identifier] = state;
        }
        for (const std::string& identifier : unknown) {
            fleet.erase(identifier);
        }
        see_fleet(memory_, fleet, now_);
    }

    std::vector<std::string> removed() {
        std::vector<std::string> identifiers;
        for (const route53::RawChange& change : plan(memory_, settings_, now_).batch.changes) {
            identifiers.push_back(*change.record_set.set_identifier);
        }
        return identifiers;
    }

    std::string reason(const std::string& identifier) {
        for (const Decision& decision : plan(memory_, settings_, now_).decisions) {
            if (decision.set_identifier == identifier) {
                return decision.reason;
            }
        }
        return "none";
    }

    using Removed = std::vector<std::string>;

    Settings settings_;
    RotaMemory memory_;
    BootTime now_{1h};
};

TEST_F(SweeperPlan, the_probe_and_the_lease_remove_a_member_and_tell_why) {
    list(3);
    probe_dead("i-2");
    EXPECT_EQ(removed(), Removed{});
    EXPECT_EQ(
        reason("i-2"),
        "the probe has failed 3 times in a row, for 6.0 s: connection refused; stays: this is "
        "one witness, and two are needed");
    now_ += 1s;
    lease("i-2", -2s);
    EXPECT_EQ(removed(), Removed{"i-2"});
    const Plan made = plan(memory_, settings_, now_);
    EXPECT_EQ(made.batch.changes.front().record_set.values, std::vector<std::string>{"192.0.2.2"});
    ASSERT_EQ(made.decisions.size(), 1U);
    EXPECT_EQ(made.decisions.front().dangled, 7s);
    EXPECT_EQ(made.decisions.front().reason,
              "the probe has failed 3 times in a row, for 7.0 s: connection refused; the lease ran "
              "out 2.0 s ago");
}

TEST_F(SweeperPlan, a_probe_that_never_passed_is_no_witness) {
    list(3);
    probe("i-2", false, 50);
    lease("i-2", -2s);
    EXPECT_EQ(removed(), Removed{});
    EXPECT_EQ(reason("i-2"),
              "the lease ran out 2.0 s ago; stays: this is one witness, and two are needed");
}

TEST_F(SweeperPlan, fewer_failures_than_the_threshold_are_no_witness) {
    list(3);
    probe("i-2", true);
    probe("i-2", false, 2);
    lease("i-2", -2s);
    EXPECT_EQ(removed(), Removed{});
    probe("i-2", false);
    EXPECT_EQ(removed(), Removed{"i-2"});
}

TEST_F(SweeperPlan, terminated_twice_suffices_and_once_does_not) {
    list(3);
    probe("i-2", true);
    poll({{"i-2", InstanceState::terminated}});
    EXPECT_EQ(removed(), Removed{});
    poll({{"i-2", InstanceState::terminated}});
    EXPECT_EQ(removed(), Removed{"i-2"});
    poll({}, {"i-2"});
    EXPECT_EQ(removed(), Removed{"i-2"}) << "EC2 forgets what it has terminated";
    poll({});
    EXPECT_EQ(removed(), Removed{});
}

TEST_F(SweeperPlan, an_unknown_instance_is_a_witness_only_when_it_is_old) {
    list(3);
    lease("i-2", 9s);
    poll({}, {"i-2"});
    poll({}, {"i-2"});
    EXPECT_EQ(removed(), Removed{});
    lease("i-2", -1s);
    EXPECT_EQ(removed(), Removed{"i-2"});

    std::vector<RawRecordSet> again{member(1), member(2), member(3)};
    again[1].values = {"192.0.2.99"};
    see_record_sets(memory_, again, now_);
    poll({}, {"i-2"});
    poll({}, {"i-2"});
    lease("i-2", -1s);
    EXPECT_EQ(removed(), Removed{}) << "another address is another member, a young one";
    now_ += settings_.young;
    lease("i-2", -1s);
    EXPECT_EQ(removed(), Removed{"i-2"});
}

TEST_F(SweeperPlan, a_source_that_knows_no_running_instance_is_no_witness_against_unknown_ones) {
    list(3);
    lease("i-2", -1s);
    for (int i = 0; i < 5; ++i) {
        now_ += 30s;
        see_fleet(memory_, {}, now_);
    }
    lease("i-2", -1s);
    EXPECT_EQ(removed(), Removed{});
}

TEST_F(SweeperPlan, a_restart_of_the_server_proves_nothing) {
    list(3);
    probe_dead("i-2");
    lease("i-2", 9s);
    now_ += 10s;
    lease("i-2", -1s, 5s);
    EXPECT_EQ(removed(), Removed{});
    route53::LeaseList nothing;
    nothing.server_uptime = 10s;
    see_leases(memory_, nothing, now_);
    EXPECT_EQ(removed(), Removed{});
    nothing.server_uptime = 10min;
    see_leases(memory_, nothing, now_);
    EXPECT_EQ(removed(), Removed{"i-2"})
        << "it held a lease before the restart, and never came back";
}

TEST_F(SweeperPlan, leases_that_cannot_be_asked_for_grow_stale) {
    list(3);
    probe_dead("i-2");
    lease("i-2", -1s);
    now_ += 31s;
    EXPECT_EQ(removed(), Removed{});
}

TEST_F(SweeperPlan, the_last_member_stays) {
    list(2);
    poll({{"i-1", InstanceState::terminated}, {"i-2", InstanceState::terminated}});
    poll({{"i-1", InstanceState::terminated}, {"i-2", InstanceState::terminated}});
    EXPECT_EQ(removed(), Removed{"i-1"});
    see_record_sets(memory_, {member(2)}, now_);
    EXPECT_EQ(removed(), Removed{});
    EXPECT_TRUE(reason("i-2").ends_with("; stays: it is the last member")) << reason("i-2");
}

TEST_F(SweeperPlan, the_last_member_with_a_weight_stays) {
    see_record_sets(memory_, {member(1, 0), member(2), member(3, 0)}, now_);
    poll({{"i-2", InstanceState::terminated}});
    poll({{"i-2", InstanceState::terminated}});
    EXPECT_EQ(removed(), Removed{});
    poll({{"i-1", InstanceState::terminated}});
    poll({{"i-1", InstanceState::terminated}});
    EXPECT_EQ(removed(), Removed{"i-1"});
}

TEST_F(SweeperPlan, a_fifth_goes_in_an_interval_and_the_rest_waits) {
    list(11);
    std::map<std::string, InstanceState> dead;
    for (int number = 1; number <= 5; ++number) {
        dead.emplace(fmt::format("i-{}", number), InstanceState::terminated);
    }
    poll(dead);
    poll(dead);
    EXPECT_EQ(removed(), (Removed{"i-1", "i-2"}));
    EXPECT_TRUE(reason("i-3").ends_with("stays: no more than 2 of this rota may go within 30 s"));
    note_removals(memory_, 2, now_);
    std::vector<RawRecordSet> rest;
    for (int number = 3; number <= 11; ++number) {
        rest.push_back(member(number));
    }
    see_record_sets(memory_, rest, now_);
    now_ += 10s;
    EXPECT_EQ(removed(), Removed{});
    EXPECT_TRUE(reason("i-3").ends_with("stays: the next pass is in 20.0 s")) << reason("i-3");
    now_ += 20s;
    EXPECT_EQ(removed(), Removed{"i-3"});
}

TEST_F(SweeperPlan, a_pass_follows_at_once_on_a_lease_with_what_the_cap_leaves) {
    list(10);
    probe_dead("i-1");
    probe_dead("i-2");
    probe_dead("i-3");
    lease("i-1", -1s);
    EXPECT_EQ(removed(), Removed{"i-1"});
    note_removals(memory_, 1, now_);
    std::vector<RawRecordSet> rest;
    for (int number = 2; number <= 10; ++number) {
        rest.push_back(member(number));
    }
    see_record_sets(memory_, rest, now_);
    now_ += 2s;
    lease("i-2", -1s);
    EXPECT_EQ(removed(), Removed{"i-2"});
    note_removals(memory_, 1, now_);
    rest.erase(rest.begin());
    see_record_sets(memory_, rest, now_);
    now_ += 2s;
    lease("i-3", -1s);
    EXPECT_EQ(removed(), Removed{});
    EXPECT_TRUE(reason("i-3").ends_with("stays: no more than 2 of this rota may go within 30 s"))
        << reason("i-3");
}

TEST_F(SweeperPlan, what_no_agent_made_stays) {
    std::vector<RawRecordSet> record_sets{member(1), member(2), member(3), member(4), member(5)};
    record_sets[0].set_identifier = "blue";
    record_sets[1].alias = route53::AliasTarget{.hosted_zone_id = "Z2", .dns_name = "x."};
    record_sets[2].health_check_id = "abc";
    record_sets[3].values.emplace_back("192.0.2.44");
    see_record_sets(memory_, record_sets, now_);
    std::map<std::string, InstanceState> dead{{"blue", InstanceState::terminated}};
    for (int number = 2; number <= 4; ++number) {
        dead.emplace(fmt::format("i-{}", number), InstanceState::terminated);
    }
    poll(dead);
    poll(dead);
    EXPECT_EQ(removed(), Removed{});
    EXPECT_TRUE(reason("blue").ends_with("stays: no agent's, by its set identifier or its form"));
    settings_.own = {"web-?", "blue"};
    EXPECT_EQ(removed(), Removed{"blue"});
}

TEST(SweeperPattern, stars_stand_for_anything) {
    EXPECT_TRUE(matches("i-*", "i-0abc"));
    EXPECT_TRUE(matches("i-*", "i-"));
    EXPECT_FALSE(matches("i-*", "web-i-0abc"));
    EXPECT_TRUE(matches("*-web-??", "eu-west-web-01"));
    EXPECT_FALSE(matches("*-web-??", "eu-west-web-1"));
    EXPECT_FALSE(matches("", "x"));
    EXPECT_TRUE(matches("*", ""));
}

}  // namespace
}  // namespace rota::sweeper
