#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/limits.h"
#include "rota/model/precondition.h"
#include "rota/model/record_set.h"

namespace rota::model {
namespace {

using dns::Type;

// A small world, so that changes meet: three names inside, one outside, a handful of values.
dns::Name name_of(const char* text) {
    return dns::Name::parse(text).value();
}

HostedZone zone() {
    HostedZone zone;
    zone.id = "Z1";
    zone.name = name_of("example.com");
    return zone;
}

std::string any_value(Type type) {
    const int i = *rc::gen::inRange(1, 4);
    switch (type) {
        case Type::a:
            return *rc::gen::weightedElement<std::string>(
                {{9, fmt::format("192.0.2.{}", i)}, {1, "1.2.3"}});
        case Type::txt:
            return fmt::format("\"{}\"", i);
        case Type::soa:
            return fmt::format("ns. host. {} 1 1 1 1", i);
        default:  // CNAME and NS, sometimes the same name in another spelling
            return fmt::format("{}{}.example.net{}", *rc::gen::element("t", "T"), i,
                               *rc::gen::element("", "."));
    }
}

RecordSet any_record_set() {
    RecordSet set;
    set.name = name_of(*rc::gen::weightedElement<const char*>({{4, "www.example.com"},
                                                               {2, "api.example.com"},
                                                               {2, "example.com"},
                                                               {1, "www.example.org"}}));
    set.type = *rc::gen::weightedElement<Type>(
        {{6, Type::a}, {2, Type::cname}, {2, Type::txt}, {1, Type::ns}, {1, Type::soa}});
    set.ttl = *rc::gen::element(5U, 60U);
    if (*rc::gen::weightedElement<bool>({{2, true}, {1, false}})) {
        set.set_identifier = *rc::gen::element<std::string>("i-1", "i-2", "i-3");
        set.routing = WeightedRouting{*rc::gen::element<std::uint8_t>(0, 10)};
    }
    for (int i = *rc::gen::weightedElement<int>({{6, 1}, {2, 2}, {1, 0}}); i > 0; --i) {
        set.values.push_back(any_value(set.type));
    }
    return set;
}

RecordSets any_zone_contents() {
    RecordSets sets;
    const auto add = [&](RecordSet set) {
        const auto delta = plan_changes(zone(), sets, {"", {{Action::create, std::move(set)}}},
                                        kMaxRecordSetsPerZone);
        if (delta) {
            apply(sets, *delta);
        }
    };
    add({name_of("example.com"), Type::ns, "", SimpleRouting{}, 60, {"ns1.example.net"}});
    add({name_of("example.com"), Type::soa, "", SimpleRouting{}, 60, {"ns. host. 1 1 1 1 1"}});
    for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
        add(any_record_set());
    }
    return sets;
}

/// Changes of which many can succeed: deletes and upserts often name what is there.
ChangeBatch any_batch(const RecordSets& sets) {
    ChangeBatch batch;
    for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
        Change change{*rc::gen::element(Action::create, Action::del, Action::upsert),
                      any_record_set()};
        if (!sets.empty() && *rc::gen::weightedElement<bool>({{2, true}, {1, false}})) {
            auto there = sets.begin();
            std::advance(there, *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(sets)));
            change.record_set = there->second;
        }
        batch.changes.push_back(std::move(change));
    }
    return batch;
}

/// What plan_changes does, written as the API's text reads: a copy of everything, one change after
/// the other, nothing when one of them fails.
class Reference {
public:
    static std::optional<RecordSets> run(const RecordSets& before, const ChangeBatch& batch) {
        Reference reference{before};
        for (const auto& change : batch.changes) {
            if (!reference.make(change)) {
                return std::nullopt;
            }
        }
        const auto apex = zone().name;
        const bool whole = reference.after_.contains({apex, Type::ns, ""}) &&
                           reference.after_.contains({apex, Type::soa, ""});
        return whole ? std::optional{reference.after_} : std::nullopt;
    }

private:
    explicit Reference(RecordSets before) : after_{std::move(before)} {}

    using Values = std::multiset<std::vector<std::uint8_t>>;

    static std::optional<Values> values_of(const RecordSet& set) {
        Values values;
        for (const auto& value : set.values) {
            const auto rdata = dns::rdata_from_text(set.type, value);
            if (!rdata || values.contains(*rdata)) {
                return std::nullopt;
            }
            values.insert(*rdata);
        }
        return values.empty() ? std::nullopt : std::optional{values};
    }

    static bool is_simple(const RecordSet& set) { return set.set_identifier.empty(); }

    static bool is_possible(const RecordSet& set) {
        const bool is_apex = set.name == zone().name;
        return set.name.is_at_or_below(zone().name) && values_of(set) &&
               !(is_apex && set.type == Type::cname) && !(!is_apex && set.type == Type::soa) &&
               (is_simple(set) || (set.type != Type::ns && set.type != Type::soa)) &&
               (set.values.size() == 1 || (set.type != Type::cname && set.type != Type::soa));
    }

    bool make(const Change& change) {
        const RecordSet& set = change.record_set;
        const auto there = after_.find(key_of(set));
        if (!is_possible(set)) {
            return false;
        }
        if (change.action == Action::del) {
            if (there == after_.end() || there->second.ttl != set.ttl ||
                there->second.routing != set.routing ||
                values_of(there->second) != values_of(set)) {
                return false;
            }
            after_.erase(there);
            return true;
        }
        return !(change.action == Action::create && there != after_.end()) && put(set);
    }

    bool put(const RecordSet& set) {
        for (auto& [key, other] : after_) {
            if (key.name != set.name) {
                continue;
            }
            if (key.type != set.type && (key.type == Type::cname || set.type == Type::cname)) {
                return false;
            }
            if (key.type == set.type && is_simple(other) != is_simple(set)) {
                return false;
            }
        }
        for (auto& [key, other] : after_) {
            if (key.name == set.name && key.type == set.type) {
                other.ttl = set.ttl;
            }
        }
        after_[key_of(set)] = set;
        return true;
    }

    RecordSets after_;
};

RC_GTEST_PROP(PlanChanges, agrees_with_making_the_changes_one_by_one, ()) {
    const auto before = any_zone_contents();
    const auto batch = any_batch(before);
    const auto expected = Reference::run(before, batch);
    const auto delta = plan_changes(zone(), before, batch, kMaxRecordSetsPerZone);
    RC_TAG(delta ? "accepted" : "refused");
    RC_ASSERT(delta.has_value() == expected.has_value());
    if (delta) {
        auto after = before;
        apply(after, *delta);
        RC_ASSERT(after == *expected);
    } else {
        RC_ASSERT(!delta.error().empty());
    }
}

RC_GTEST_PROP(PlanChanges, a_delta_names_exactly_what_differs, ()) {
    const auto before = any_zone_contents();
    const auto delta = plan_changes(zone(), before, any_batch(before), kMaxRecordSetsPerZone);
    RC_PRE(delta.has_value());
    auto after = before;
    apply(after, *delta);
    for (const auto& [key, outcome] : *delta) {
        const auto was = before.find(key);
        const auto is = after.find(key);
        RC_ASSERT((is != after.end()) == outcome.has_value());
        // RapidCheck's || has no short circuit; the inner parentheses bring it back.
        RC_ASSERT((!outcome || key_of(*outcome) == key));
        RC_ASSERT((was == before.end() || is == after.end() || was->second != is->second));
        RC_ASSERT(was != before.end() || is != after.end());
    }
    // And nothing else: what is not named is as it was.
    for (const auto& [key, set] : before) {
        RC_ASSERT((delta->contains(key) || (after.contains(key) && after.at(key) == set)));
    }
}

RC_GTEST_PROP(PlanChanges, what_a_zone_holds_stays_consistent, ()) {
    auto sets = any_zone_contents();
    for (int i = 0; i < 4; ++i) {
        if (const auto delta = plan_changes(zone(), sets, any_batch(sets), kMaxRecordSetsPerZone)) {
            apply(sets, *delta);
        }
    }
    std::map<dns::Name, std::set<Type>> types;
    std::map<std::pair<dns::Name, Type>, const RecordSet*> groups;
    for (const auto& [key, set] : sets) {
        RC_ASSERT(key == key_of(set));
        types[key.name].insert(key.type);
        const auto [first, is_new] = groups.try_emplace({key.name, key.type}, &set);
        RC_ASSERT((is_new || (!set.set_identifier.empty() && first->second->ttl == set.ttl)));
        RC_ASSERT(set.set_identifier.empty() == std::holds_alternative<SimpleRouting>(set.routing));
    }
    for (const auto& [name, here] : types) {
        RC_ASSERT(!here.contains(Type::cname) || here.size() == 1);
    }
    RC_ASSERT(types[zone().name].contains(Type::soa) && types[zone().name].contains(Type::ns));
}

/// How many members of a rota are answered at all, by weight.
std::size_t weighing(const RecordSets& sets, const dns::Name& name, Type type) {
    return static_cast<std::size_t>(std::ranges::count_if(sets, [&](const auto& entry) {
        const auto* const weighted = std::get_if<WeightedRouting>(&entry.second.routing);
        return entry.first.name == name && entry.first.type == type && weighted != nullptr &&
               weighted->weight != 0;
    }));
}

std::size_t members(const RecordSets& sets, const dns::Name& name, Type type) {
    return static_cast<std::size_t>(std::ranges::count_if(sets, [&](const auto& entry) {
        return entry.first.name == name && entry.first.type == type &&
               !entry.second.set_identifier.empty();
    }));
}

RC_GTEST_PROP(MembersMissing, speaks_exactly_when_a_rota_that_loses_a_member_is_too_small, ()) {
    const auto before = any_zone_contents();
    const auto delta = plan_changes(zone(), before, any_batch(before), kMaxRecordSetsPerZone);
    RC_PRE(delta.has_value());
    auto after = before;
    apply(after, *delta);
    const auto keep = *rc::gen::inRange<std::size_t>(1, 4);
    bool is_short = false;
    for (const auto& [key, set] : before) {
        const auto* const was = std::get_if<WeightedRouting>(&set.routing);
        if (was == nullptr) {
            continue;
        }
        const auto now = after.find(key);
        const bool is_gone = now == after.end();
        const bool is_out = is_gone || (was->weight != 0 &&
                                        std::get<WeightedRouting>(now->second.routing).weight == 0);
        const std::size_t left = weighing(before, key.name, key.type) == 0
                                     ? members(after, key.name, key.type)
                                     : weighing(after, key.name, key.type);
        is_short = is_short || (is_out && left < keep);
    }
    const auto missing = members_missing(before, *delta, keep);
    RC_TAG(missing ? "missing" : "fine");
    RC_ASSERT(missing.has_value() == is_short);
}

RC_GTEST_PROP(MembersMissing, whoever_asks_to_keep_some_never_leaves_fewer_in_any_order, ()) {
    RecordSets sets;
    const int size = *rc::gen::inRange(1, 6);
    for (int i = 0; i < size; ++i) {
        RecordSet set{name_of("www.example.com"), Type::a, fmt::format("i-{}", i),
                      WeightedRouting{10},        60,      {fmt::format("192.0.2.{}", i)}};
        sets.emplace(key_of(set), set);
    }
    const auto keep = *rc::gen::inRange<std::size_t>(1, 4);
    // Everybody wants to leave, at once or by weight 0 first, again and again, in any order.
    for (const int i : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, size))) {
        const auto there = sets.find({name_of("www.example.com"), Type::a, fmt::format("i-{}", i)});
        if (there == sets.end()) {
            continue;
        }
        Change change{Action::del, there->second};
        if (*rc::gen::arbitrary<bool>()) {
            change.action = Action::upsert;
            change.record_set.routing = WeightedRouting{0};
        }
        const auto delta = plan_changes(zone(), sets, {"", {change}}, kMaxRecordSetsPerZone);
        RC_ASSERT(delta.has_value());
        if (!members_missing(sets, *delta, keep)) {
            apply(sets, *delta);
        }
    }
    const auto left = weighing(sets, name_of("www.example.com"), Type::a);
    RC_ASSERT(left >= std::min(keep, static_cast<std::size_t>(size)));
}

}  // namespace
}  // namespace rota::model
