#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "rota/model/change_batch.h"
#include "rota/server/answer_times.h"
#include "rota/server/member_ages.h"
#include "rota/zone/members.h"
#include "rota/zone/snapshot.h"
#include "support/dns_messages.h"

namespace rota::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const dns::Name kName = dns::Name::parse("www.example.com").value();

/// Members come, go and are answered by workers that lag behind; beside it the plain truth.
class World {
public:
    World()
        : sets_{test::record_sets("example.com. 60 SOA ns. host. 1 1 1 1 60\n"
                                  "example.com. 60 NS ns.\n")},
          snapshot_{with_zone(zone::empty_snapshot(), test::hosted_zone("example.com"), sets_)},
          seen_{snapshot_},
          ages_{{&worker_}, snapshot_, {.histories = 100, .kept = seconds{3600}}, now_} {}

    void step() {
        const std::string identifier = *rc::gen::element<std::string>("i-1", "i-2", "i-3");
        switch (*rc::gen::inRange(0, 6)) {
            case 0:
                change(identifier, *rc::gen::element(10U, 60U, 300U));
                break;
            case 1:
                change(identifier, std::nullopt);
                break;
            case 2:
                now_ += milliseconds{*rc::gen::inRange(1, 20'000)};
                break;
            case 3:  // the worker takes the newest snapshot
                seen_ = snapshot_;
                ages_.acknowledge(generation_);
                break;
            default:
                answer(identifier);
        }
    }

    void check() {
        for (const std::string identifier : {"i-1", "i-2", "i-3"}) {
            const auto age = ages_.age("Z1", {kName, dns::Type::a, identifier}, now_);
            const auto truth = answered_.find(identifier);
            if (truth == answered_.end()) {
                RC_ASSERT((!age || !age->since_last_answer));
                continue;
            }
            if (!age) {
                // Only what no cache can hold is forgotten.
                RC_ASSERT(now_ - truth->second > seconds{3600});
                continue;
            }
            const milliseconds passed = now_ - truth->second;
            if (age->since_last_answer) {
                RC_ASSERT(*age->since_last_answer <= passed);
                RC_ASSERT(*age->since_last_answer >= std::max(passed - milliseconds{110}, {}));
            } else {
                RC_ASSERT(passed > seconds{3600});
            }
            RC_ASSERT(age->watched_since >= passed);
        }
    }

private:
    void change(const std::string& identifier, std::optional<std::uint32_t> ttl) {
        const model::RecordKey key{kName, dns::Type::a, identifier};
        model::ZoneDelta delta;
        if (ttl) {
            for (auto& [other, set] : sets_) {
                if (other.name == kName) {
                    set.ttl = *ttl;
                    delta[other] = set;
                }
            }
            delta[key] = model::RecordSet{
                kName, dns::Type::a, identifier, model::WeightedRouting{10}, *ttl, {"192.0.2.1"}};
        } else if (sets_.contains(key)) {
            delta[key] = std::nullopt;
        }
        model::apply(sets_, delta);
        snapshot_ = with_changes(snapshot_, test::hosted_zone("example.com"), sets_, delta);
        ages_.publish(snapshot_, "Z1", delta, [this](const auto&) { return ++generation_; }, now_);
    }

    /// From the snapshot that the worker has, which may be an old one.
    void answer(const std::string& identifier) {
        if (const auto member =
                zone::find_member(*seen_, "Z1", {kName, dns::Type::a, identifier})) {
            worker_.mark({.size = 100, .member = member->index},
                         static_cast<Tick>((now_.count() / 100) + 1));
            answered_[identifier] = now_;
        }
    }

    milliseconds now_{1'000'000};
    std::uint64_t generation_ = 1;
    model::RecordSets sets_;
    zone::SnapshotPtr snapshot_;
    zone::SnapshotPtr seen_;
    AnswerTimes worker_;
    MemberAges ages_;
    std::map<std::string, milliseconds> answered_;
};

RC_GTEST_PROP(MemberAges, never_say_more_than_the_truth_and_hardly_less, ()) {
    World world;
    for (int i = *rc::gen::inRange(0, 60); i > 0; --i) {
        world.step();
        world.check();
    }
}

}  // namespace
}  // namespace rota::server
