#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rota/api/member_age.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"
#include "rota/server/answer_times.h"
#include "rota/server/member_ages.h"
#include "rota/zone/answer.h"
#include "rota/zone/members.h"
#include "rota/zone/snapshot.h"
#include "support/dns_messages.h"

namespace rota::server {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using State = api::MemberAge::State;

model::RecordKey key(const std::string& identifier) {
    return {dns::Name::parse("www.example.com").value(), dns::Type::a, identifier};
}

/// Two workers, a zone, and a name server that does what a test says.
class MemberAgesTest : public testing::Test {
protected:
    MemberAgesTest() { begin({}); }

    void begin(MemberAges::Limits limits) {
        sets_ =
            test::record_sets("example.com. 60 SOA ns. host. 1 1 1 1 60\nexample.com. 60 NS ns.\n");
        snapshot_ = with_zone(zone::empty_snapshot(), test::hosted_zone("example.com"), sets_);
        workers_ = {std::make_unique<AnswerTimes>(), std::make_unique<AnswerTimes>()};
        ages_ = std::make_unique<MemberAges>(
            std::vector<AnswerTimes*>{workers_[0].get(), workers_[1].get()}, snapshot_, limits,
            now_);
    }

    /// Sets a member, or deletes it; every worker has it at once unless told otherwise.
    void change(const std::string& identifier, std::optional<std::uint32_t> ttl,
                bool acknowledged = true) {
        model::ZoneDelta delta;
        if (ttl) {
            for (auto& [other, set] : sets_) {
                if (!other.set_identifier.empty()) {
                    set.ttl = *ttl;
                    delta[other] = set;
                }
            }
            delta[key(identifier)] =
                model::RecordSet{key(identifier).name,       dns::Type::a, identifier,
                                 model::WeightedRouting{10}, *ttl,         {"192.0.2.1"}};
        } else {
            delta[key(identifier)] = std::nullopt;
        }
        model::apply(sets_, delta);
        snapshot_ = with_changes(snapshot_, test::hosted_zone("example.com"), sets_, delta);
        const auto generation = ages_->publish(
            snapshot_, "Z1", delta, [this](const auto&) { return ++generation_; }, now_);
        if (acknowledged) {
            ages_->acknowledge(generation);
        }
    }

    zone::MemberIndex index(const std::string& identifier) {
        return zone::find_member(*snapshot_, "Z1", key(identifier)).value().index;
    }

    void mark(zone::MemberIndex member, std::size_t worker = 0) {
        workers_[worker]->mark({.size = 100, .member = member}, tick());
    }

    /// What tick_now() would say.
    [[nodiscard]] Tick tick() const { return static_cast<Tick>((now_.count() / 100) + 1); }

    api::MemberAge age(const std::string& identifier) {
        return ages_->age("Z1", key(identifier), now_).value();
    }

    bool knows(const std::string& identifier) {
        return ages_->age("Z1", key(identifier), now_).has_value();
    }

    void expect_age(const std::string& identifier, milliseconds truth) {
        const auto since = age(identifier).since_last_answer;
        ASSERT_TRUE(since);
        EXPECT_LE(*since, truth);
        EXPECT_GE(*since, truth - 110ms);
    }

    milliseconds now_{1'000'000'000};
    std::uint64_t generation_ = 1;
    model::RecordSets sets_;
    zone::SnapshotPtr snapshot_;
    std::array<std::unique_ptr<AnswerTimes>, 2> workers_;
    std::unique_ptr<MemberAges> ages_;
};

TEST_F(MemberAgesTest, a_member_that_was_never_given_out_has_no_age) {
    change("i-1", 60);
    now_ += 5s;
    EXPECT_EQ(age("i-1").state, State::present);
    EXPECT_TRUE(age("i-1").insync);
    EXPECT_FALSE(age("i-1").since_last_answer);
    EXPECT_EQ(age("i-1").largest_ttl, 60s);
    EXPECT_EQ(age("i-1").watched_since, 5s);
}

TEST_F(MemberAgesTest, the_newest_answer_of_any_worker_counts) {
    change("i-1", 60);
    change("i-2", 60);
    mark(index("i-1"), 0);
    now_ += 7s;
    mark(index("i-1"), 1);
    now_ += 20s;
    expect_age("i-1", 20s);
    EXPECT_FALSE(age("i-2").since_last_answer);
}

TEST_F(MemberAgesTest, what_is_gone_is_remembered_until_its_ttl_and_an_hour_are_over) {
    change("i-1", 60);
    mark(index("i-1"));
    now_ += 3s;
    change("i-1", std::nullopt, false);
    EXPECT_EQ(age("i-1").state, State::gone);
    EXPECT_FALSE(age("i-1").insync);
    ages_->acknowledge(generation_);
    EXPECT_TRUE(age("i-1").insync);
    now_ += 3600s + 59s;
    expect_age("i-1", 3602s + 60s);
    now_ += 2s;
    EXPECT_FALSE(knows("i-1"));
    EXPECT_EQ(ages_->histories(), 0U);
    EXPECT_EQ(ages_->rooms(), 0U);
}

TEST_F(MemberAgesTest, a_late_answer_from_before_the_change_still_counts) {
    change("i-1", 60);
    const auto old = index("i-1");
    change("i-1", std::nullopt, false);
    now_ += 4s;
    mark(old, 1);
    now_ += 1s;
    ages_->acknowledge(generation_);
    expect_age("i-1", 1s);
}

TEST_F(MemberAgesTest, an_identity_that_comes_back_keeps_its_past) {
    change("i-1", 60);
    mark(index("i-1"));
    change("i-1", std::nullopt);
    now_ += 10s;
    change("i-1", 30);
    EXPECT_EQ(age("i-1").state, State::present);
    expect_age("i-1", 10s);
    EXPECT_EQ(age("i-1").largest_ttl, 60s);
    change("i-1", std::nullopt);
    expect_age("i-1", 10s);
    for (int i = 0; i < 1000; ++i) {  // coming and going takes no more room
        change("i-1", 30);
        change("i-1", std::nullopt);
    }
    EXPECT_LE(ages_->rooms(), 1U);
    expect_age("i-1", 10s);
}

TEST_F(MemberAgesTest, the_largest_ttl_counts_as_long_as_a_cache_may_hold_it) {
    change("i-1", 300);
    change("i-2", 20);  // one TTL for the group
    EXPECT_EQ(age("i-1").largest_ttl, 300s);
    EXPECT_EQ(age("i-2").largest_ttl, 20s);
    now_ += 3900s + 1s;
    EXPECT_EQ(age("i-1").largest_ttl, 20s);
    EXPECT_EQ(age("i-1").state, State::present);
}

TEST_F(MemberAgesTest, answers_that_are_not_told_one_by_one_count_for_all) {
    change("i-1", 60);
    workers_[1]->mark({.size = 100, .has_others = true}, tick());
    now_ += 2s;
    expect_age("i-1", 2s);
}

TEST_F(MemberAgesTest, both_draws_of_a_chain_count) {
    change("i-1", 60);
    change("i-2", 60);
    workers_[0]->mark({.size = 100, .member = index("i-1"), .via = index("i-2")}, tick());
    now_ += 2s;
    expect_age("i-1", 2s);
    expect_age("i-2", 2s);
}

TEST_F(MemberAgesTest, what_is_dropped_early_makes_the_watch_younger) {
    begin({.histories = 2, .kept = 3600s});
    now_ += 100s;
    for (const char* identifier : {"i-1", "i-2", "i-3"}) {
        change(identifier, 60);
        mark(index(identifier));
        change(identifier, std::nullopt);
        now_ += 1s;
    }
    EXPECT_FALSE(knows("i-1"));
    EXPECT_EQ(age("i-3").watched_since, 103s);
    change("i-1", 60);
    EXPECT_FALSE(age("i-1").since_last_answer);
    EXPECT_LE(age("i-1").watched_since, 1s);  // so nobody takes it for never given out
}

TEST_F(MemberAgesTest, nothing_is_dropped_that_a_worker_may_still_mark) {
    begin({.histories = 0, .kept = 0s});
    change("i-1", 60);
    const auto old = index("i-1");
    change("i-1", std::nullopt, false);
    now_ += 7200s;
    mark(old);
    expect_age("i-1", 0s);
    EXPECT_EQ(ages_->rooms(), 1U);
    ages_->acknowledge(generation_);
    EXPECT_FALSE(knows("i-1"));
    EXPECT_EQ(ages_->rooms(), 0U);
}

TEST_F(MemberAgesTest, other_zones_and_names_are_not_known) {
    change("i-1", 60);
    EXPECT_FALSE(ages_->age("Z2", key("i-1"), now_));
    EXPECT_FALSE(ages_->age("Z1", key("i-2"), now_));
    EXPECT_FALSE(
        ages_->age("Z1", {dns::Name::parse("example.com").value(), dns::Type::ns, ""}, now_));
}

TEST(AnswerTimes, keeps_each_members_time_through_growth) {
    AnswerTimes times;
    times.mark({.size = 100, .member = 5}, 7);
    EXPECT_EQ(times.last(5), 0U);  // nobody made room
    for (zone::MemberIndex end = 1; end < 5000; end = (end * 3) + 1) {
        times.reserve(end);
        times.mark({.size = 100, .member = end - 1}, end);
    }
    for (zone::MemberIndex end = 1; end < 5000; end = (end * 3) + 1) {
        EXPECT_EQ(times.last(end - 1), end);
    }
    times.drop(0);
    EXPECT_EQ(times.last(0), 0U);
    times.mark({.size = 100, .member = 0}, 9);
    EXPECT_EQ(times.last(0), 0U);
}

TEST(Tick, never_lies_before_the_moment_by_more_than_the_clocks_lag) {
    for (int i = 0; i < 1000; ++i) {
        const auto before = std::chrono::steady_clock::now().time_since_epoch();
        const Tick tick = tick_now();
        EXPECT_GE(tick * 100ms + kTickLag, std::chrono::floor<milliseconds>(before));
        EXPECT_LE(tick * 100ms, std::chrono::steady_clock::now().time_since_epoch() + 100ms);
    }
}

}  // namespace
}  // namespace rota::server
