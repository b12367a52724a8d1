#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "rota/base/rng.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/zone/answer.h"
#include "rota/zone/batch.h"
#include "rota/zone/members.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"
#include "support/dns_messages.h"

namespace rota::zone {
namespace {

using test::Octets;

constexpr auto kApex = "example.com";

/// Few labels, so that names meet: ancestors, wildcards, cuts and what is below them.
rc::Gen<std::string> any_owner() {
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(
                            rc::gen::elementOf(std::vector<std::string>{"a", "b", "*", "c"})),
                        [](const std::vector<std::string>& labels) {
                            std::string name;
                            for (std::size_t i = 0; i < std::min(labels.size(), std::size_t{4});
                                 ++i) {
                                name += labels[i] + ".";
                            }
                            return name + kApex;
                        });
}

rc::Gen<model::RecordSet> any_record_set() {
    return rc::gen::exec([] {
        model::RecordSet set;
        set.name = dns::Name::parse(*any_owner()).value();
        set.ttl = *rc::gen::inRange<std::uint32_t>(0, 1000);
        const auto address = "192.0.2." + std::to_string(*rc::gen::inRange(0, 255));
        const auto target = *any_owner();
        switch (*rc::gen::inRange(0, 6)) {
            case 0:
                set.type = dns::Type::ns;
                set.values = {target, "ns.elsewhere.example."};
                break;
            case 1:
                set.type = dns::Type::cname;
                set.values = {target};
                break;
            case 2:
                set.type = dns::Type::mx;
                set.values = {"10 " + target, "20 mail.elsewhere.example."};
                break;
            case 3:
                set.set_identifier = "i-" + std::to_string(*rc::gen::inRange(0, 5));
                set.routing = model::WeightedRouting{*rc::gen::arbitrary<std::uint8_t>()};
                set.values = {address};
                break;
            case 4:
                set.type = dns::Type::txt;
                set.set_identifier = "t-" + std::to_string(*rc::gen::inRange(0, 3));
                set.routing = model::WeightedRouting{1};
                set.values = {"\"one\"", "\"" + std::string(40, 'x') + "\""};
                break;
            default:
                set.type = dns::Type::aaaa;
                set.values = {"2001:db8::1", "2001:db8::2", "2001:db8::3"};
        }
        return set;
    });
}

/// Any change: some record sets come, some go. Not every zone that comes of it could be made over
/// the API; answers must be sound all the same.
model::ZoneDelta any_delta(const model::RecordSets& current) {
    model::ZoneDelta delta;
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
        if (!current.empty() && *rc::gen::arbitrary<bool>()) {
            const auto at = *rc::gen::inRange<std::size_t>(0, current.size());
            const auto gone = std::next(current.begin(), static_cast<std::ptrdiff_t>(at));
            if (gone->first.type != dns::Type::soa) {
                delta[gone->first] = std::nullopt;
            }
        } else {
            const auto set = *any_record_set();
            delta[model::key_of(set)] = set;
        }
    }
    return delta;
}

model::RecordSets bare_zone() {
    return test::record_sets(
        "example.com. 900 SOA ns1.example.com. host.example.com. 1 2 3 4 300\n"
        "example.com. 900 NS ns1.example.com.\n");
}

std::vector<Octets> queries() {
    std::vector<Octets> all;
    const std::vector<std::string> labels{"", "a.", "b.", "*.", "x."};
    for (const auto& first : labels) {
        for (const auto& second : labels) {
            for (const auto& third : labels) {
                for (const auto* const type : {"A", "NS", "DS", "ANY"}) {
                    all.push_back(test::query(first + second + third + kApex, type));
                }
            }
        }
    }
    return all;
}

/// The outcome of a draw depends on where a member's slot lies, which both must agree on too: the
/// same seed gives the same octets.
RC_GTEST_PROP(Snapshot, changes_one_after_the_other_give_what_a_fresh_compile_gives, ()) {
    static const auto kQueries = queries();
    const auto zone = test::hosted_zone(kApex);
    auto sets = bare_zone();
    auto changed = with_zone(empty_snapshot(), zone, sets);
    for (int round = *rc::gen::inRange(1, 12); round > 0; --round) {
        const auto delta = any_delta(sets);
        model::apply(sets, delta);
        changed = with_changes(changed, zone, sets, delta);
    }
    const auto fresh = with_zone(empty_snapshot(), zone, sets);
    std::size_t names = 0;
    std::size_t fresh_names = 0;
    for (const auto& shard : changed->zones().front()->shards()) {
        names += shard->items().size();
    }
    for (const auto& shard : fresh->zones().front()->shards()) {
        fresh_names += shard->items().size();
    }
    RC_ASSERT(names == fresh_names);
    for (const Octets& query : kQueries) {
        const auto [reply, answer] = test::ask(*changed, query, 7);
        const auto [fresh_reply, fresh_answer] = test::ask(*fresh, query, 7);
        RC_ASSERT(test::to_text(reply) == test::to_text(fresh_reply));
        RC_ASSERT((answer.member == kNoMember) == (fresh_answer.member == kNoMember));
        if (answer.member != kNoMember) {
            RC_ASSERT(member_key(*changed, answer.member) ==
                      member_key(*fresh, fresh_answer.member));
        }
    }
}

RC_GTEST_PROP(Snapshot, a_member_keeps_its_index_and_none_is_used_twice, ()) {
    const auto zone = test::hosted_zone(kApex);
    auto sets = bare_zone();
    auto snapshot = with_zone(empty_snapshot(), zone, sets);
    std::map<model::RecordKey, MemberIndex> known;
    std::set<MemberIndex> used;
    for (int round = 0; round < 10; ++round) {
        const auto delta = any_delta(sets);
        model::apply(sets, delta);
        snapshot = with_changes(snapshot, zone, sets, delta);
        std::map<model::RecordKey, MemberIndex> now;
        for (MemberIndex i = 0; i < snapshot->next_member(); ++i) {
            if (const auto key = member_key(*snapshot, i)) {
                RC_ASSERT(now.emplace(*key, i).second);
            }
        }
        for (const auto& [key, index] : now) {
            const auto before = known.find(key);
            const bool is_new = before == known.end();
            RC_ASSERT((is_new ? used.insert(index).second : before->second == index));
        }
        known = now;
    }
}

SnapshotPtr sample() {
    auto sets = bare_zone();
    model::apply(sets, [] {
        model::ZoneDelta delta;
        for (const auto& [key, set] : test::record_sets(R"(
            *.example.com. 60 A 192.0.2.1
            a.example.com. 60 CNAME b.example.com.
            b.example.com. 60 MX 10 mail.b.example.com.
            [i-1 10] c.example.com. 60 A 192.0.2.2
            [i-2 20] c.example.com. 60 A 192.0.2.3
            [i-1 10] m.example.com. 60 CNAME a.example.com.
            [i-2 20] m.example.com. 60 CNAME c.example.com.
            sub.example.com. 60 NS ns.sub.example.com.
            ns.sub.example.com. 60 A 192.0.2.4
        )")) {
            delta[key] = set;
        }
        return delta;
    }());
    return with_zone(empty_snapshot(), test::hosted_zone(kApex), sets);
}

/// A query with some octets changed, inserted or cut off.
Octets mutated() {
    auto query = test::query(
        *any_owner(),
        *rc::gen::elementOf(std::vector<std::string>{"A", "MX", "CNAME", "DS", "ANY", "TYPE252"}),
        {.edns = *rc::gen::arbitrary<bool>(), .payload = *rc::gen::arbitrary<std::uint16_t>()});
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        const auto at = *rc::gen::inRange<std::size_t>(0, query.size());
        const auto octet = *rc::gen::arbitrary<std::uint8_t>();
        switch (*rc::gen::inRange(0, 3)) {
            case 0:
                query[at] = octet;
                break;
            case 1:
                query.insert(query.begin() + static_cast<std::ptrdiff_t>(at), octet);
                break;
            default:
                query.resize(at + 1);
        }
    }
    return query;
}

RC_GTEST_PROP(Answer, keeps_within_its_buffer_and_gives_messages_that_parse, ()) {
    static const auto kSample = sample();
    // On the heap and of the exact size: AddressSanitizer sees any octet beyond.
    const auto query = mutated();
    const auto exact = std::make_unique<std::uint8_t[]>(query.size());
    std::ranges::copy(query, exact.get());
    Octets reply(*rc::gen::inRange<std::size_t>(512, 1300) + 16, 0xa5);
    const std::size_t room = reply.size() - 16;
    Rng rng{*rc::gen::arbitrary<std::uint64_t>()};
    const auto transport =
        *rc::gen::elementOf(std::vector<Transport>{Transport::udp, Transport::tcp});
    const Answer answer = zone::answer(*kSample, {exact.get(), query.size()},
                                       std::span{reply}.first(room), transport, rng);
    RC_ASSERT(answer.size <= room);
    RC_ASSERT(transport == Transport::tcp || answer.size <= 1232);
    RC_ASSERT(std::all_of(reply.begin() + static_cast<std::ptrdiff_t>(room), reply.end(),
                          [](std::uint8_t octet) { return octet == 0xa5; }));
    if (answer.size != 0) {
        const auto text = test::to_text(std::span{reply}.first(answer.size));
        RC_ASSERT(text.find("broken: ") == std::string::npos);
        RC_ASSERT(answer.truncated ==
                  (text.substr(0, text.find('\n')).find(" tc") != std::string::npos));
    }
}

RC_GTEST_PROP(Answer, of_a_batch_is_the_same_as_one_by_one, ()) {
    static const auto kSample = sample();
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    std::vector<Octets> asked;
    for (int i = *rc::gen::inRange(1, 20); i > 0; --i) {
        asked.push_back(mutated());
    }
    std::vector<Octets> replies(asked.size(), Octets(1232));
    std::vector<BatchItem> items;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        items.push_back({asked[i], replies[i], {}});
    }
    std::vector<Prepared> prepared(items.size());
    Rng batch_rng{seed};
    answer_batch(*kSample, items, prepared, Transport::udp, batch_rng);
    Rng rng{seed};
    for (std::size_t i = 0; i < asked.size(); ++i) {
        Octets reply(1232);
        const Answer one = zone::answer(*kSample, asked[i], reply, Transport::udp, rng);
        RC_ASSERT(one.size == items[i].answer.size);
        RC_ASSERT(one.member == items[i].answer.member);
        RC_ASSERT(std::equal(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(one.size),
                             replies[i].begin()));
    }
}

/// Through everything: record sets, compiler, alias table, response.
TEST(Answer, gives_members_their_shares_and_says_which_it_drew) {
    const std::vector<int> weights{0, 1, 5, 10, 100, 255};
    std::string lines = "example.com. 60 SOA ns. host. 1 1 1 1 60\n";
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const auto number = std::to_string(i);
        const auto mark = "[i-" + number + " " + std::to_string(weights[i]) + "] ";
        // Even members at the apex; uneven ones (two values, or none so many) beside it.
        lines += mark + "example.com. 60 A 192.0.2." + number + "\n";
        lines += mark + "txt.example.com. 60 TXT \"" + std::string(i + 1, 'x') + "\"\n";
        lines += mark + "txt.example.com. 60 TXT \"second\"\n";
    }
    const auto snapshot = test::snapshot("example.com", lines);
    constexpr int kDraws = 60000;
    for (const auto* const type : {"A", "TXT"}) {
        const auto query = test::query(type[0] == 'A' ? "example.com" : "txt.example.com", type);
        std::map<MemberIndex, int> hits;
        std::map<MemberIndex, std::set<std::string>> texts;
        Rng rng{99};
        Octets reply(1232);
        for (int i = 0; i < kDraws; ++i) {
            const Answer answer = zone::answer(*snapshot, query, reply, Transport::udp, rng);
            ++hits[answer.member];
            texts[answer.member].insert(test::to_text(std::span{reply}.first(answer.size)));
        }
        double seen = 0;
        for (const auto& [member, count] : hits) {
            const auto key = member_key(*snapshot, member);
            ASSERT_TRUE(key);
            EXPECT_EQ(texts[member].size(), 1U);  // sorted lines: all of the member's values
            const auto weight =
                weights.at(static_cast<std::size_t>(std::stoi(key->set_identifier.substr(2))));
            const double p = weight / 371.0;
            EXPECT_NEAR(count, kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << type << weight;
            seen += p;
        }
        EXPECT_NEAR(seen, 1, 1e-9);
    }
}

}  // namespace
}  // namespace rota::zone
