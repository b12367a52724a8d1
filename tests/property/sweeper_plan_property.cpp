#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rota/base/clock.h"
#include "rota/base/rng.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/witnesses.h"

// Hours of a fleet whose members die, come back and are replaced while the witnesses lie, with
// every plan carried out and held against a second, plainer account of what the witnesses said.
namespace rota::sweeper {
namespace {

using namespace std::chrono_literals;
using route53::RawRecordSet;

/// The account of one member, kept in the test's own words.
struct Account {
    bool passed_once = false;
    std::vector<bool> probes;
    std::vector<std::optional<InstanceState>> polls;
    bool leased_once = false;
    bool lease_is_over = false;
    BootTime first_seen;

    [[nodiscard]] bool probe_speaks(unsigned fall) const {
        return passed_once && probes.size() >= fall &&
               std::none_of(probes.end() - static_cast<std::ptrdiff_t>(fall), probes.end(),
                            [](bool passed) { return passed; });
    }

    [[nodiscard]] bool was_terminated_twice() const {
        unsigned said = 0;
        for (const auto& poll : polls) {
            if (poll == InstanceState::running) {
                said = 0;
            } else if (poll == InstanceState::terminated) {
                ++said;
            } else if (said < 2) {
                said = 0;
            }
        }
        return said >= 2;
    }

    [[nodiscard]] bool fleet_speaks(BootTime now, std::chrono::seconds young) const {
        const bool is_gone =
            polls.size() >= 2 && std::none_of(polls.end() - 2, polls.end(), [](const auto& poll) {
                return poll == InstanceState::running;
            });
        return is_gone && (was_terminated_twice() || now - first_seen >= young);
    }

    [[nodiscard]] unsigned witnesses(const Settings& settings, BootTime now) const {
        return static_cast<unsigned>(probe_speaks(settings.fall)) +
               static_cast<unsigned>(fleet_speaks(now, settings.young)) +
               static_cast<unsigned>(leased_once && lease_is_over);
    }
};

RawRecordSet weighted(std::string identifier, int address, int weight) {
    RawRecordSet made;
    made.name = "www.example.com.";
    made.type = "A";
    made.set_identifier = std::move(identifier);
    made.weight = std::to_string(weight);
    made.ttl = "60";
    made.values = {fmt::format("192.0.2.{}", address)};
    return made;
}

class World {
public:
    World(std::uint64_t seed, Settings settings) : rng_{seed}, settings_{std::move(settings)} {
        const auto members = rng_.below(12);
        for (std::uint32_t i = 0; i < members; ++i) {
            add();
        }
    }

    void run(int rounds) {
        for (int round = 0; round < rounds; ++round) {
            now_ += std::chrono::seconds{1 + rng_.below(20)};
            if (chance(20) && listed_.size() < 30) {
                add();
            }
            list();
            if (chance(90)) {
                probe();
            }
            if (chance(50)) {
                poll_fleet();
            }
            if (chance(70)) {
                tell_leases();
            }
            sweep();
        }
    }

private:
    bool chance(std::uint32_t percent) { return rng_.below(100) < percent; }

    void add() {
        // One in six is somebody else's, or an alias.
        const bool is_foreign = chance(15);
        ++number_;
        RawRecordSet made = weighted(fmt::format("{}-{}", is_foreign ? "blue" : "i", number_),
                                     static_cast<int>(number_ % 250), chance(15) ? 0 : 10);
        if (chance(5)) {
            made.values.clear();
            made.alias = route53::AliasTarget{.hosted_zone_id = "Z2", .dns_name = "x.example.com."};
        }
        listed_.emplace(*made.set_identifier, made);
    }

    void list() {
        std::vector<RawRecordSet> record_sets;
        for (const auto& [identifier, record_set] : listed_) {
            record_sets.push_back(record_set);
            accounts_.try_emplace(identifier, Account{.first_seen = now_});
        }
        if (chance(10)) {
            RawRecordSet simple = weighted("", 1, 1);
            simple.set_identifier.reset();
            simple.weight.reset();
            record_sets.push_back(std::move(simple));
        }
        see_record_sets(memory_, std::move(record_sets), now_);
    }

    void probe() {
        for (const auto& [identifier, record_set] : listed_) {
            // Runs of likes, by the identifier's own mood.
            const bool passed =
                chance(moods_.try_emplace(identifier, rng_.below(101)).first->second);
            if (chance(5)) {
                moods_[identifier] = rng_.below(2) * 100;
            }
            accounts_[identifier].passed_once |= passed;
            accounts_[identifier].probes.push_back(passed);
            see_probe(memory_, identifier, passed, "refused", now_);
        }
    }

    void poll_fleet() {
        Fleet fleet{{"i-elsewhere", InstanceState::running}};
        for (const auto& [identifier, record_set] : listed_) {
            std::optional<InstanceState> state;
            const auto word = rng_.below(10);
            if (word < 5) {
                state = InstanceState::running;
            } else if (word < 7) {
                state = InstanceState::terminated;
            }
            if (state) {
                fleet.emplace(identifier, *state);
            }
            accounts_[identifier].polls.push_back(state);
        }
        see_fleet(memory_, fleet, now_);
    }

    void tell_leases() {
        const bool is_young = chance(20);
        route53::LeaseList list;
        list.server_uptime = is_young ? 5s : 1h;
        for (const auto& [identifier, record_set] : listed_) {
            Account& account = accounts_[identifier];
            const auto word = rng_.below(10);
            if (word < 3) {  // not listed
                account.lease_is_over = account.leased_once && !is_young;
                continue;
            }
            route53::MemberLease lease;
            lease.set_identifier = identifier;
            lease.is_held = word < 7;
            lease.expires_in = lease.is_held ? 5s : -5s;
            list.leases.push_back(lease);
            account.leased_once = true;
            account.lease_is_over = !lease.is_held && !is_young;
        }
        see_leases(memory_, list, now_);
    }

    void check(const Plan& made) {
        RC_ASSERT(made.batch.changes.size() ==
                  static_cast<std::size_t>(
                      std::ranges::count(made.decisions, Verdict::remove, &Decision::verdict)));
        for (const Decision& decision : made.decisions) {
            RC_ASSERT(!decision.reason.empty());
            RC_ASSERT(decision.dangled >= 0ms);
        }
        for (const route53::RawChange& change : made.batch.changes) {
            const std::string& identifier = *change.record_set.set_identifier;
            RC_ASSERT(change.action == model::Action::del);
            RC_ASSERT(identifier.starts_with("i-"));
            RC_ASSERT(!change.record_set.alias.has_value());
            const Account& account = accounts_[identifier];
            RC_ASSERT(account.was_terminated_twice() || account.witnesses(settings_, now_) >= 2U);
        }
        const auto recent = static_cast<std::size_t>(std::ranges::count_if(
            removed_at_, [this](BootTime at) { return now_ - at < settings_.interval; }));
        const std::size_t size = listed_.size() + recent;
        RC_ASSERT(made.batch.changes.empty() ||
                  recent + made.batch.changes.size() <= std::max<std::size_t>(1, size / 5));
    }

    void sweep() {
        const Plan made = plan(memory_, settings_, now_);
        check(made);
        const auto weighted_members = [this] {
            return std::ranges::count_if(listed_,
                                         [](const auto& one) { return *one.second.weight != "0"; });
        };
        const bool had_weight = weighted_members() > 0;
        for (const route53::RawChange& change : made.batch.changes) {
            const std::string identifier = *change.record_set.set_identifier;
            RC_ASSERT(listed_.erase(identifier) == 1U);
            accounts_.erase(identifier);
            removed_at_.push_back(now_);
        }
        if (!made.batch.changes.empty()) {
            RC_ASSERT(!listed_.empty());
            RC_ASSERT(!had_weight || weighted_members() > 0);
        }
        note_removals(memory_, static_cast<unsigned>(made.batch.changes.size()), now_);
    }

    Rng rng_;
    Settings settings_;
    RotaMemory memory_;
    BootTime now_{1h};
    unsigned number_ = 0;
    std::map<std::string, RawRecordSet> listed_;
    std::map<std::string, Account> accounts_;
    std::map<std::string, std::uint32_t> moods_;
    std::vector<BootTime> removed_at_;
};

RC_GTEST_PROP(SweeperPlan, keeps_its_promises_over_hours_of_random_events, ()) {
    Settings settings;
    settings.fall = *rc::gen::inRange(1U, 6U);
    World{*rc::gen::arbitrary<std::uint64_t>(), settings}.run(200);
}

/// One thing that a witness says.
struct Word {
    enum class Kind { passed, failed, fleet, leases };
    Kind kind = Kind::passed;
    std::string identifier;
};

RC_GTEST_PROP(SweeperPlan, is_the_same_whatever_the_order_of_words_within_a_round, ()) {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    Rng rng{seed};
    std::vector<RawRecordSet> record_sets;
    const auto members = 1 + rng.below(8);
    for (std::uint32_t i = 0; i < members; ++i) {
        record_sets.push_back(weighted(fmt::format("i-{}", i), static_cast<int>(i), 10));
    }
    RotaMemory one;
    RotaMemory other;
    BootTime now{1h};
    for (int round = 0; round < 12; ++round) {
        now += 60s;
        Fleet fleet{{"i-elsewhere", InstanceState::running}};
        route53::LeaseList leases;
        leases.server_uptime = 1h;
        std::vector<Word> words{{Word::Kind::fleet, ""}, {Word::Kind::leases, ""}};
        for (const RawRecordSet& record_set : record_sets) {
            const std::string& identifier = *record_set.set_identifier;
            if (rng.below(2) == 0) {
                fleet.emplace(identifier, rng.below(2) == 0 ? InstanceState::running
                                                            : InstanceState::terminated);
            }
            route53::MemberLease lease;
            lease.set_identifier = identifier;
            lease.is_held = rng.below(2) == 0;
            lease.expires_in = lease.is_held ? 5s : -5s;
            leases.leases.push_back(lease);
            words.push_back(
                {rng.below(3) == 0 ? Word::Kind::passed : Word::Kind::failed, identifier});
        }
        const auto tell = [&](RotaMemory& memory, const std::vector<Word>& in_order) {
            see_record_sets(memory, record_sets, now);
            for (const Word& word : in_order) {
                if (word.kind == Word::Kind::fleet) {
                    see_fleet(memory, fleet, now);
                } else if (word.kind == Word::Kind::leases) {
                    see_leases(memory, leases, now);
                } else {
                    see_probe(memory, word.identifier, word.kind == Word::Kind::passed, "", now);
                }
            }
        };
        tell(one, words);
        for (std::size_t i = words.size(); i > 1; --i) {
            std::swap(words[i - 1], words[rng.below(static_cast<std::uint32_t>(i))]);
        }
        std::ranges::reverse(record_sets);
        tell(other, words);
        const Plan first = plan(one, {}, now);
        const Plan second = plan(other, {}, now);
        RC_ASSERT(first.decisions.size() == second.decisions.size());
        for (std::size_t i = 0; i < first.decisions.size(); ++i) {
            RC_ASSERT(first.decisions[i].set_identifier == second.decisions[i].set_identifier);
            RC_ASSERT(first.decisions[i].reason == second.decisions[i].reason);
            RC_ASSERT(first.decisions[i].verdict == second.decisions[i].verdict);
            RC_ASSERT(first.decisions[i].dangled == second.decisions[i].dangled);
        }
    }
}

RC_GTEST_PROP(SweeperPlan, patterns_match_what_a_plain_search_matches, ()) {
    const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b', '*', '?'));
    const std::string pattern = *letters;
    const std::string text = *rc::gen::container<std::string>(rc::gen::element('a', 'b'));
    // The set of places in the pattern that the text so far can have led to.
    const auto closure = [&pattern](std::set<std::size_t> at) {
        std::set<std::size_t> all;
        for (std::size_t place : at) {
            all.insert(place);
            while (place < pattern.size() && pattern[place] == '*') {
                all.insert(++place);
            }
        }
        return all;
    };
    std::set<std::size_t> places = closure({0});
    for (const char letter : text) {
        std::set<std::size_t> next;
        for (const std::size_t place : places) {
            if (place < pattern.size() && pattern[place] == '*') {
                next.insert(place);
            } else if (place < pattern.size() &&
                       (pattern[place] == '?' || pattern[place] == letter)) {
                next.insert(place + 1);
            }
        }
        places = closure(next);
    }
    RC_ASSERT(matches(pattern, text) == places.contains(pattern.size()));
}

}  // namespace
}  // namespace rota::sweeper
