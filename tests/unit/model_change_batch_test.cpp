#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/limits.h"
#include "rota/model/record_set.h"

namespace rota::model {
namespace {

using enum Action;
using dns::Type;
using testing::ElementsAre;
using testing::HasSubstr;

dns::Name name(std::string_view text) {
    return dns::Name::parse(text).value();
}

RecordSet simple(std::string_view owner, Type type, std::vector<std::string> values,
                 std::uint32_t ttl = 60) {
    return {.name = name(owner),
            .type = type,
            .set_identifier = "",
            .routing = SimpleRouting{},
            .ttl = ttl,
            .values = std::move(values)};
}

RecordSet weighted(std::string_view owner, std::string identifier, std::string value,
                   std::uint8_t weight = 10, std::uint32_t ttl = 60, Type type = Type::a) {
    return {.name = name(owner),
            .type = type,
            .set_identifier = std::move(identifier),
            .routing = WeightedRouting{weight},
            .ttl = ttl,
            .values = {std::move(value)}};
}

/// A zone example.com. with its SOA and NS, and what batches have made of it.
class ChangeBatchTest : public testing::Test {
protected:
    ChangeBatchTest() {
        zone_.id = "Z1";
        zone_.name = name("example.com");
        add(simple("example.com", Type::ns, {"ns1.example.net.", "ns2.example.net."}, 172800));
        add(simple("example.com", Type::soa,
                   {"ns1.example.net. hostmaster.example.com. 1 7200 900 1209600 86400"}, 900));
    }

    void add(RecordSet set) {
        auto key = key_of(set);
        sets_.insert_or_assign(std::move(key), std::move(set));
    }

    auto plan(std::vector<Change> changes) const {
        return plan_changes(zone_, sets_, {"", std::move(changes)}, kMaxRecordSetsPerZone);
    }

    /// The messages that refuse the changes; none when they are accepted and applied.
    std::vector<std::string> change(std::vector<Change> changes) {
        const auto delta = plan(std::move(changes));
        if (!delta) {
            return delta.error();
        }
        apply(sets_, *delta);
        return {};
    }

    bool holds(const RecordSet& like) const { return sets_.contains(key_of(like)); }

    const RecordSet& stored(const RecordSet& like) const { return sets_.at(key_of(like)); }

    HostedZone zone_;
    RecordSets sets_;
};

TEST_F(ChangeBatchTest, create_adds_and_refuses_what_is_there) {
    EXPECT_THAT(change({{create, weighted("geo.example.com", "Default", "192.0.2.1")}}),
                ElementsAre());
    EXPECT_THAT(
        change({{create, weighted("geo.example.com", "Default", "192.0.2.9")}}),
        ElementsAre("Tried to create resource record set [name='geo.example.com.', type='A', "
                    "set-identifier='Default'] but it already exists"));
    EXPECT_EQ(stored(weighted("geo.example.com", "Default", "")).values.front(), "192.0.2.1");
}

TEST_F(ChangeBatchTest, upsert_creates_and_replaces) {
    const auto first = simple("www.example.com", Type::a, {"192.0.2.1"});
    const auto second = simple("www.example.com", Type::a, {"192.0.2.2"}, 5);
    EXPECT_THAT(change({{upsert, first}}), ElementsAre());
    EXPECT_THAT(change({{upsert, second}}), ElementsAre());
    EXPECT_EQ(stored(first), second);
}

TEST_F(ChangeBatchTest, a_repeated_upsert_changes_nothing) {
    const auto set = simple("www.example.com", Type::a, {"192.0.2.1"});
    EXPECT_EQ(plan({{upsert, set}}).value().size(), 1U);
    add(set);
    EXPECT_TRUE(plan({{upsert, set}}).value().empty());
    EXPECT_TRUE(plan({{del, set}, {create, set}}).value().empty());
    EXPECT_TRUE(plan({}).value().empty());
}

TEST_F(ChangeBatchTest, delete_needs_every_value_in_any_order) {
    const auto set = simple("www.example.com", Type::a, {"192.0.2.1", "192.0.2.2"});
    add(set);
    const std::string mismatch =
        "Tried to delete resource record set [name='www.example.com.', type='A'] but the values "
        "provided do not match the current values";
    auto wrong = set;
    wrong.ttl = 61;
    EXPECT_THAT(change({{del, wrong}}), ElementsAre(mismatch));
    EXPECT_THAT(change({{del, simple("www.example.com", Type::a, {"192.0.2.1"})}}),
                ElementsAre(mismatch));
    EXPECT_THAT(change({{del, simple("www.example.com", Type::a, {"192.0.2.1", "192.0.2.3"})}}),
                ElementsAre(mismatch));
    EXPECT_THAT(change({{del, simple("x.example.com", Type::a, {"192.0.2.1"})}}),
                ElementsAre("Tried to delete resource record set [name='x.example.com.', type='A'] "
                            "but it was not found"));
    EXPECT_THAT(change({{del, simple("WWW.example.com.", Type::a, {"192.0.2.2", "192.0.2.1"})}}),
                ElementsAre());
    EXPECT_FALSE(holds(set));
}

TEST_F(ChangeBatchTest, delete_compares_values_by_what_they_mean) {
    add(simple("mail.example.com", Type::mx, {"10 Mail.Example.com"}));
    EXPECT_THAT(change({{del, simple("mail.example.com", Type::mx, {"10 mail.example.com."})}}),
                ElementsAre());
    add(simple("t.example.com", Type::txt, {R"("a\052" "B")"}));
    EXPECT_THAT(change({{del, simple("t.example.com", Type::txt, {R"("a*" "b")"})}}),
                ElementsAre(HasSubstr("do not match")));
    EXPECT_THAT(change({{del, simple("t.example.com", Type::txt, {R"("a*""B")"})}}), ElementsAre());
}

TEST_F(ChangeBatchTest, delete_needs_the_weight_and_the_set_identifier) {
    const auto set = weighted("www.example.com", "i-1", "192.0.2.1", 10);
    add(set);
    EXPECT_THAT(
        change({{del, weighted("www.example.com", "i-1", "192.0.2.1", 11)}}),
        ElementsAre(
            "Tried to delete resource record set [name='www.example.com.', type='A', "
            "set-identifier='i-1'] but the values provided do not match the current values"));
    EXPECT_THAT(change({{del, weighted("www.example.com", "i-2", "192.0.2.1", 10)}}),
                ElementsAre(HasSubstr("set-identifier='i-2'] but it was not found")));
    EXPECT_THAT(change({{del, simple("www.example.com", Type::a, {"192.0.2.1"})}}),
                ElementsAre(HasSubstr("but it was not found")));
    EXPECT_THAT(change({{del, set}}), ElementsAre());
}

TEST_F(ChangeBatchTest, changes_are_judged_against_the_evolving_set) {
    const auto a = simple("www.example.com", Type::a, {"192.0.2.1"});
    const auto cname = simple("www.example.com", Type::cname, {"x.example.net"});
    add(a);
    EXPECT_THAT(change({{del, a}, {create, cname}}), ElementsAre());
    EXPECT_THAT(change({{create, a}, {del, cname}}),
                ElementsAre(HasSubstr("is not permitted because")));
    EXPECT_THAT(change({{del, cname}, {del, cname}}),
                ElementsAre(HasSubstr("but it was not found")));
    EXPECT_TRUE(holds(cname));
    EXPECT_THAT(change({{del, cname}, {create, a}, {del, a}, {create, cname}, {upsert, cname}}),
                ElementsAre());
}

TEST_F(ChangeBatchTest, a_refused_batch_gives_every_reason_and_changes_nothing) {
    const auto before = sets_;
    EXPECT_THAT(
        change({{create, simple("ok.example.com", Type::a, {"192.0.2.1"})},
                {del, simple("x.example.com", Type::a, {"192.0.2.1"})},
                {create, simple("y.example.com", Type::a, {"1.2.3", "192.0.2.1", "192.0.2.1"})},
                {create, simple("www.example.org", Type::a, {"192.0.2.1"})}}),
        ElementsAre("Tried to delete resource record set [name='x.example.com.', type='A'] but it "
                    "was not found",
                    "Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is "
                    "not a valid "
                    "IPv4 address) encountered with '1.2.3''",
                    "Duplicate Resource Record: '192.0.2.1'",
                    "RRSet with DNS name www.example.org. is not permitted in zone example.com."));
    EXPECT_EQ(sets_, before);
}

TEST_F(ChangeBatchTest, simple_and_weighted_sets_do_not_mix) {
    add(simple("s.example.com", Type::a, {"192.0.2.1"}));
    add(weighted("w.example.com", "i-1", "192.0.2.1"));
    EXPECT_THAT(
        change({{upsert, weighted("s.example.com", "id", "192.0.2.2")}}),
        ElementsAre(
            "RRSet with DNS name s.example.com., type A, SetIdentifier id cannot be created as a "
            "non-weighted set exists with the same name and type."));
    EXPECT_THAT(change({{upsert, simple("w.example.com", Type::a, {"192.0.2.2"})}}),
                ElementsAre("RRSet with DNS name w.example.com., type A cannot be created as other "
                            "RRSets exist with "
                            "the same name and type."));
    EXPECT_THAT(
        change({{upsert, weighted("s.example.com", "id", "2001:db8::1", 1, 60, Type::aaaa)}}),
        ElementsAre());
}

TEST_F(ChangeBatchTest, a_cname_stands_alone) {
    add(simple("a.example.com", Type::a, {"192.0.2.1"}));
    add(simple("c.example.com", Type::cname, {"a.example.com"}));
    EXPECT_THAT(
        change({{upsert, simple("c.example.com", Type::a, {"192.0.2.1"})}}),
        ElementsAre("RRSet of type A with DNS name c.example.com. is not permitted because a "
                    "conflicting RRSet "
                    "of type  CNAME with the same DNS name already exists in zone example.com."));
    EXPECT_THAT(change({{upsert, simple("a.example.com", Type::cname, {"c.example.com"})}}),
                ElementsAre("RRSet of type CNAME with DNS name a.example.com. is not permitted as "
                            "it conflicts with "
                            "other records with the same DNS name in zone example.com."));
    EXPECT_THAT(change({{create, simple("example.com", Type::cname, {"a.example.com"})}}),
                ElementsAre("RRSet of type CNAME with DNS name example.com. is not permitted at "
                            "apex in zone example.com."));
    EXPECT_THAT(
        change({{create, weighted("w.example.com", "1", "a.example.com", 1, 60, Type::cname)},
                {create, weighted("w.example.com", "2", "c.example.com", 1, 60, Type::cname)}}),
        ElementsAre());
    EXPECT_THAT(change({{create, simple("d.example.com", Type::cname,
                                        {"a.example.com", "c.example.com"})}}),
                ElementsAre("Cannot have more than 1 record in a RRSet."));
}

TEST_F(ChangeBatchTest, the_apex_keeps_its_soa_and_ns) {
    const auto ns = stored(simple("example.com", Type::ns, {}));
    const auto soa = stored(simple("example.com", Type::soa, {}));
    EXPECT_THAT(change({{del, ns}, {del, soa}}),
                ElementsAre("A HostedZone must contain at least one NS record for the zone itself.",
                            "A HostedZone must contain exactly one SOA record."));
    const auto other = simple("example.com", Type::ns, {"ns9.example.net"}, 60);
    EXPECT_THAT(change({{del, ns}, {create, other}}), ElementsAre());
    EXPECT_EQ(stored(ns), other);
    EXPECT_THAT(change({{create, simple("a.example.com", Type::soa, {"ns. host. 1 1 1 1 1"})}}),
                ElementsAre("RRSet of type SOA with DNS name a.example.com. is not permitted in "
                            "zone example.com."));
    EXPECT_THAT(change({{upsert, simple("example.com", Type::soa,
                                        {"a. b. 1 1 1 1 1", "c. d. 1 1 1 1 1"})}}),
                ElementsAre("Cannot have more than 1 record in a RRSet."));
}

TEST_F(ChangeBatchTest, a_delegation_holds_ns_and_ds) {
    const std::string ds = "12345 13 2 " + std::string(64, 'a');
    EXPECT_THAT(change({{create, simple("sub.example.com", Type::ns, {"ns.example.net"})},
                        {create, simple("sub.example.com", Type::ds, {ds})}}),
                ElementsAre());
    EXPECT_THAT(change({{create, simple("example.com", Type::ds, {ds})}}),
                ElementsAre("RRSet of type DS with DNS name example.com. is not permitted at apex "
                            "in zone example.com."));
    EXPECT_THAT(change({{create, simple("*.example.com", Type::ns, {"ns.example.net"})}}),
                ElementsAre("RRSet of type NS with DNS name \\052.example.com. is not permitted in "
                            "zone example.com."));
    EXPECT_THAT(
        change({{create, weighted("sub2.example.com", "i", "ns.example.net", 1, 60, Type::ns)}}),
        ElementsAre(HasSubstr("sets of this type are never weighted")));
}

TEST_F(ChangeBatchTest, the_last_ttl_written_is_that_of_the_whole_group) {
    add(weighted("www.example.com", "i-1", "192.0.2.1", 10, 60));
    add(weighted("www.example.com", "i-2", "192.0.2.2", 10, 60));
    add(weighted("www.example.com", "i-1", "2001:db8::1", 10, 60, Type::aaaa));
    const auto third = weighted("www.example.com", "i-3", "192.0.2.3", 10, 5);
    const auto delta = plan({{create, third}}).value();
    EXPECT_EQ(delta.size(), 3U);
    EXPECT_TRUE(
        std::ranges::all_of(delta, [](const auto& entry) { return entry.second->ttl == 5; }));
    EXPECT_THAT(change({{create, third}}), ElementsAre());
    EXPECT_THAT(change({{del, weighted("www.example.com", "i-1", "192.0.2.1", 10, 60)}}),
                ElementsAre(HasSubstr("do not match")));
    EXPECT_THAT(change({{del, weighted("www.example.com", "i-1", "192.0.2.1", 10, 5)}}),
                ElementsAre());
    EXPECT_THAT(change({{upsert, weighted("www.example.com", "i-2", "192.0.2.2", 10, 60)},
                        {upsert, weighted("www.example.com", "i-3", "192.0.2.3", 10, 7)}}),
                ElementsAre());
    EXPECT_EQ(stored(weighted("www.example.com", "i-2", "")).ttl, 7U);
}

TEST_F(ChangeBatchTest, a_name_and_type_has_at_most_100_weighted_sets) {
    for (std::size_t i = 0; i < kMaxWeightedPerName; ++i) {
        add(weighted("www.example.com", fmt::format("i-{}", i), fmt::format("192.0.2.{}", i)));
    }
    EXPECT_THAT(change({{create, weighted("www.example.com", "one-more", "198.51.100.1")}}),
                ElementsAre("Exceeded limit on number of weighted RRSets for www.example.com., "
                            "type A in this zone."));
    EXPECT_THAT(change({{upsert, weighted("www.example.com", "i-7", "198.51.100.1")},
                        {del, weighted("www.example.com", "i-8", "192.0.2.8")},
                        {create, weighted("www.example.com", "one-more", "198.51.100.2")}}),
                ElementsAre());
}

TEST_F(ChangeBatchTest, a_zone_has_at_most_10000_record_sets) {
    for (std::size_t i = sets_.size(); i < kMaxRecordSetsPerZone; ++i) {
        add(simple(fmt::format("n{}.example.com", i), Type::a, {"192.0.2.1"}));
    }
    const auto fresh = simple("fresh.example.com", Type::a, {"192.0.2.1"});
    EXPECT_THAT(change({{create, fresh}}),
                ElementsAre("Exceeded limit MAX_RRSETS_BY_ZONE for zone: Z1"));
    EXPECT_THAT(change({{create, fresh}, {del, simple("n7.example.com", Type::a, {"192.0.2.1"})}}),
                ElementsAre());
}

TEST_F(ChangeBatchTest, the_number_of_record_sets_is_a_parameter) {
    const ChangeBatch two{"",
                          {{create, simple("a.example.com", Type::a, {"192.0.2.1"})},
                           {create, simple("b.example.com", Type::a, {"192.0.2.1"})}}};
    EXPECT_FALSE(plan_changes(zone_, sets_, two, sets_.size() + 1));
    EXPECT_TRUE(plan_changes(zone_, sets_, two, sets_.size() + 2));
}

TEST_F(ChangeBatchTest, a_batch_counts_upserts_twice) {
    const auto sets_of = [](Action action, std::size_t count, std::string_view value) {
        std::vector<Change> changes;
        for (std::size_t i = 0; i < count; ++i) {
            changes.push_back({action, simple(fmt::format("n{}.example.com", i), Type::txt,
                                              {std::string{value}})});
        }
        return changes;
    };
    EXPECT_THAT(change(sets_of(upsert, 500, "\"x\"")), ElementsAre());
    EXPECT_THAT(change(sets_of(upsert, 501, "\"x\"")),
                ElementsAre("Number of records limit of 1000 exceeded."));
    EXPECT_THAT(change(sets_of(create, 1001, "\"x\"")),
                ElementsAre("Number of records limit of 1000 exceeded."));
    const std::string long_value = fmt::format("\"{:x>158}\"", "");  // 160 characters
    EXPECT_THAT(change(sets_of(upsert, 100, long_value)), ElementsAre());
    EXPECT_THAT(change(sets_of(upsert, 101, long_value)),
                ElementsAre("RDATA character limit of 32000 exceeded."));
}

TEST_F(ChangeBatchTest, record_sets_that_no_zone_can_hold_are_refused) {
    auto policy = simple("www.example.com", Type::a, {"192.0.2.1"});
    policy.set_identifier = "i-1";
    EXPECT_THAT(change({{create, policy}}), ElementsAre(HasSubstr("or neither")));
    EXPECT_THAT(change({{create, weighted("www.example.com", "", "192.0.2.1")}}),
                ElementsAre(HasSubstr("or neither")));
    EXPECT_THAT(change({{create, weighted("www.example.com", std::string(129, 'x'), "192.0.2.1")}}),
                ElementsAre(HasSubstr("longer than 128")));
    EXPECT_THAT(change({{create, simple("www.example.com", Type::a, {})}}),
                ElementsAre(HasSubstr("must have a value")));
    EXPECT_THAT(change({{create, simple("www.example.com", Type::a, {"192.0.2.1"}, kMaxTtl + 1)}}),
                ElementsAre(HasSubstr("exceeds 2147483647")));
    EXPECT_THAT(change({{create, simple("www.example.com", Type::opt, {"x"})}}),
                ElementsAre(HasSubstr("not supported")));
    std::vector<std::string> many;
    for (int i = 0; i <= 400; ++i) {
        many.push_back(fmt::format("10.0.{}.{}", i / 256, i % 256));
    }
    EXPECT_THAT(change({{create, simple("www.example.com", Type::a, many)}}),
                ElementsAre("Cannot have more than 400 records in a RRSet."));
    many.pop_back();
    EXPECT_THAT(change({{create, simple("www.example.com", Type::a, many, kMaxTtl)}}),
                ElementsAre());
}

TEST_F(ChangeBatchTest, duplicates_are_found_by_what_they_mean) {
    EXPECT_THAT(change({{create, simple("mail.example.com", Type::mx,
                                        {"10 a.example.com", "10 A.example.com."})}}),
                ElementsAre("Duplicate Resource Record: '10 A.example.com.'"));
    EXPECT_THAT(
        change({{create, simple("v6.example.com", Type::aaaa, {"::1", "0:0:0:0:0:0:0:1"})}}),
        ElementsAre("Duplicate Resource Record: '0:0:0:0:0:0:0:1'"));
    EXPECT_THAT(change({{create, simple("t.example.com", Type::txt, {"\"a\"", "\"A\""})}}),
                ElementsAre());
}

}  // namespace
}  // namespace rota::model
