#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "rota/zone/answer.h"
#include "rota/zone/members.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"
#include "support/dns_messages.h"

// Query in, records out. What each clause rests on is in docs/conformance.md.
namespace rota::zone {
namespace {

using test::answer_text;
using test::ask;
using test::query;
using test::QueryOptions;
using test::to_text;

constexpr auto kSoa =
    "authority example.com. 300 SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 "
    "300\n";

const Snapshot& zones() {
    static const SnapshotPtr kZones = [] {
        auto first = test::snapshot("example.com", R"(
            example.com. 900 SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300
            example.com. 172800 NS ns1.example.com.
            example.com. 172800 NS ns2.example.net.
            example.com. 60 A 192.0.2.80
            example.com. 300 MX 10 mail.example.com.
            example.com. 300 MX 20 mail.example.net.
            www.example.com. 60 A 192.0.2.1
            www.example.com. 60 AAAA 2001:db8::1
            alias.example.com. 60 CNAME www.example.com.
            alias2.example.com. 60 CNAME alias.example.com.
            away.example.com. 60 CNAME www.example.org.
            dangling.example.com. 60 CNAME nowhere.example.com.
            to-apex.example.com. 60 CNAME example.com.
            to-net.example.com. 60 CNAME www.example.net.
            to-child.example.com. 60 CNAME deep.www.child.example.com.
            to-cut.example.com. 60 CNAME host.sub.example.com.
            loop1.example.com. 60 CNAME loop2.example.com.
            loop2.example.com. 60 CNAME loop1.example.com.
            self.example.com. 60 CNAME self.example.com.
            a.ent.example.com. 60 TXT "deep"
            *.wild.example.com. 60 A 192.0.2.7
            *.wild.example.com. 60 MX 5 mail.wild.example.com.
            known.wild.example.com. 60 TXT "known"
            below.known2.wild.example.com. 60 TXT "makes known2 an empty non-terminal"
            *.walias.example.com. 60 CNAME www.example.com.
            x.*.starent.example.com. 60 TXT "an empty non-terminal named *"
            sub.example.com. 3600 NS ns.sub.example.com.
            sub.example.com. 3600 NS ns1.example.com.
            sub.example.com. 3600 NS ns.other.example.
            sub.example.com. 3600 DS 12345 8 2 0000000000000000000000000000000000000000000000000000000000000000
            ns.sub.example.com. 3600 A 192.0.2.60
            ns.sub.example.com. 3600 AAAA 2001:db8::60
            ns1.example.com. 3600 A 192.0.2.53
            unsigned.example.com. 3600 NS ns.other.example.
            srv.example.com. 60 SRV 1 2 443 www.example.com.
        )");
        auto child =
            with_zone(first, test::hosted_zone("child.example.com", "Z2"), test::record_sets(R"(
            child.example.com. 900 SOA ns1.example.com. hostmaster.example.com. 2 7200 900 1209600 60
            child.example.com. 900 NS ns1.example.com.
            child.example.com. 60 A 192.0.2.90
            deep.www.child.example.com. 60 A 192.0.2.91
            up.child.example.com. 60 CNAME www.example.com.
        )"));
        return with_zone(child, test::hosted_zone("example.net", "Z3"), test::record_sets(R"(
            example.net. 900 SOA ns1.example.com. hostmaster.example.com. 3 7200 900 1209600 86400
            www.example.net. 60 A 198.51.100.1
            back.example.net. 60 CNAME alias.example.com.
        )"));
    }();
    return *kZones;
}

TEST(Answer, gives_the_records_of_a_name_and_type) {
    EXPECT_EQ(answer_text(zones(), "www.example.com", "A"),
              "NOERROR qr aa\nanswer www.example.com. 60 A 192.0.2.1\n");
    EXPECT_EQ(answer_text(zones(), "www.example.com", "AAAA"),
              "NOERROR qr aa\nanswer www.example.com. 60 AAAA 2001:db8::1\n");
    EXPECT_EQ(answer_text(zones(), "example.com", "MX"),
              "NOERROR qr aa\n"
              "answer example.com. 300 MX 10 mail.example.com.\n"
              "answer example.com. 300 MX 20 mail.example.net.\n");
    EXPECT_EQ(answer_text(zones(), "example.com", "SOA"),
              "NOERROR qr aa\nanswer example.com. 900 SOA ns1.example.com. "
              "hostmaster.example.com. 1 7200 900 1209600 300\n");
    EXPECT_EQ(answer_text(zones(), "srv.example.com", "SRV"),
              "NOERROR qr aa\nanswer srv.example.com. 60 SRV 1 2 443 www.example.com.\n");
}

TEST(Answer, echoes_the_question_in_the_clients_case_and_finds_the_name_in_any) {
    const auto asked = query("wWw.eXAMPLE.cOm", "A");
    const auto [reply, answer] = ask(zones(), asked);
    ASSERT_GE(reply.size(), asked.size());
    EXPECT_TRUE(std::equal(asked.begin() + 12, asked.end(), reply.begin() + 12));
    EXPECT_EQ(to_text(reply), "NOERROR qr aa\nanswer www.example.com. 60 A 192.0.2.1\n");
}

TEST(Answer, copies_id_opcode_and_rd_and_clears_ra_ad_cd_z) {
    QueryOptions options;
    options.id = 0xbeef;
    options.flags_high = 0x01;
    options.flags_low = 0xf0;
    const auto [reply, answer] = ask(zones(), query("www.example.com", "A", options));
    EXPECT_EQ(reply[0], 0xbe);
    EXPECT_EQ(reply[1], 0xef);
    EXPECT_EQ(to_text(reply), "NOERROR qr aa rd\nanswer www.example.com. 60 A 192.0.2.1\n");
}

TEST(Answer, compresses_names_in_rdata_of_the_old_types_and_no_others) {
    const auto size = [](std::string_view name, std::string_view type) {
        return ask(zones(), query(name, type)).first.size();
    };
    constexpr std::size_t kQuestion = 12 + 4;
    constexpr std::size_t kHead = 12;
    EXPECT_EQ(size("alias.example.com", "CNAME"), kQuestion + 19 + kHead + 4 + 2);
    EXPECT_EQ(size("srv.example.com", "SRV"), kQuestion + 17 + kHead + 6 + 17);
}

TEST(Answer, drops_what_is_no_query) {
    QueryOptions response;
    response.flags_high = 0x80;
    EXPECT_EQ(ask(zones(), query("www.example.com", "A", response)).second.size, 0U);
    EXPECT_EQ(ask(zones(), {}).second.size, 0U);
    EXPECT_EQ(ask(zones(), test::Octets(11, 0)).second.size, 0U);
}

TEST(Answer, says_notimp_to_other_operations) {
    for (const unsigned opcode : {1U, 2U, 4U, 5U, 6U, 15U}) {
        QueryOptions options;
        options.flags_high = static_cast<std::uint8_t>(opcode << 3U);
        const std::string told = "NOTIMP qr opcode=" + std::to_string(opcode) + "\n";
        const auto asked = query("example.com", "SOA", options);
        const auto [reply, answer] = ask(zones(), asked);
        EXPECT_EQ(to_text(reply), told);
        EXPECT_EQ(reply.size(), asked.size()) << "the question is echoed";
        auto unreadable = asked;
        unreadable[12] = 0xc0;
        EXPECT_EQ(ask(zones(), unreadable).first.size(), 12U);
    }
}

TEST(Answer, carries_opt_with_notimp_and_formerr_where_the_query_had_one) {
    const auto size_with_opt = query("www.example.com", "A", {.edns = true}).size();
    auto notify = query("www.example.com", "A", {.flags_high = 4U << 3U, .edns = true});
    EXPECT_EQ(ask(zones(), notify).first.size(), size_with_opt);
    EXPECT_TRUE(to_text(ask(zones(), notify).first).starts_with("NOTIMP qr opcode=4"));
    EXPECT_EQ(ask(zones(), notify).first[11], 1);
    notify.push_back(0);
    EXPECT_EQ(ask(zones(), notify).first.size(), size_with_opt);
    auto trailing = query("www.example.com", "A", {.edns = true});
    trailing.push_back(0);
    const auto [reply, answer] = ask(zones(), trailing);
    EXPECT_TRUE(to_text(reply).starts_with("FORMERR qr"));
    EXPECT_EQ(reply.size(), size_with_opt);
    EXPECT_EQ(reply[11], 1);
    auto twice = query("www.example.com", "A", {.edns = true});
    const test::Octets opt(twice.end() - 11, twice.end());
    twice.insert(twice.end(), opt.begin(), opt.end());
    twice[11] = 2;
    EXPECT_TRUE(to_text(ask(zones(), twice).first).starts_with("FORMERR qr"));
    EXPECT_EQ(ask(zones(), twice).first.size(), size_with_opt);
}

TEST(Answer, says_formerr_to_no_question_and_to_two) {
    auto asked = query("www.example.com", "A");
    asked[5] = 0;
    EXPECT_EQ(to_text(ask(zones(), asked).first), "FORMERR qr\n");
    asked[5] = 2;
    EXPECT_EQ(to_text(ask(zones(), asked).first), "FORMERR qr\n");
    EXPECT_EQ(to_text(ask(zones(), test::Octets(12, 0)).first), "FORMERR qr\n");
}

TEST(Answer, says_formerr_to_a_broken_question_without_echoing_it) {
    auto asked = query("www.example.com", "A");
    asked.resize(asked.size() - 1);
    EXPECT_EQ(ask(zones(), asked).first.size(), 12U);
    asked = query("www.example.com", "A");
    asked[12] = 0xc0;
    EXPECT_EQ(ask(zones(), asked).first.size(), 12U);
    asked[12] = 0x43;
    EXPECT_EQ(ask(zones(), asked).first.size(), 12U);
}

TEST(Answer, says_formerr_with_the_question_when_records_are_broken) {
    auto trailing = query("www.example.com", "A");
    trailing.push_back(0);
    auto missing = query("www.example.com", "A");
    missing[11] = 1;
    auto in_answer = query("www.example.com", "A", {.edns = true});
    std::swap(in_answer[7], in_answer[11]);
    auto named = query("www.example.com", "A", {.edns = true});
    named.insert(named.end() - 11, {1, 'x'});
    const auto half_option = query("www.example.com", "A", {.edns = true, .options = {0, 3, 0, 9}});
    for (const auto& asked : {trailing, missing, in_answer, named, half_option}) {
        const auto [reply, answer] = ask(zones(), asked);
        EXPECT_EQ(to_text(reply), "FORMERR qr\n");
        EXPECT_EQ(reply.size(), 12U + 17 + 4);
    }
}

TEST(Answer, refuses_names_outside_its_zones_and_other_classes) {
    EXPECT_EQ(answer_text(zones(), "www.example.org", "A"), "REFUSED qr\n");
    EXPECT_EQ(answer_text(zones(), "com", "NS"), "REFUSED qr\n");
    EXPECT_EQ(answer_text(zones(), ".", "NS"), "REFUSED qr\n");
    EXPECT_EQ(answer_text(zones(), "badexample.com", "A"), "REFUSED qr\n");
    EXPECT_EQ(answer_text(zones(), "www.example.com", "A", {.klass = 3}), "REFUSED qr\n");
    EXPECT_EQ(answer_text(zones(), "www.example.com", "A", {.klass = 255}), "REFUSED qr\n");
    EXPECT_EQ(answer_text(*empty_snapshot(), "www.example.com", "A"), "REFUSED qr\n");
}

TEST(Answer, refuses_zone_transfers) {
    EXPECT_EQ(answer_text(zones(), "example.com", "TYPE252"), "REFUSED qr\n");
    EXPECT_EQ(answer_text(zones(), "example.com", "TYPE251"), "REFUSED qr\n");
}

TEST(Answer, says_nxdomain_with_the_soa_and_the_smaller_of_its_ttls) {
    EXPECT_EQ(answer_text(zones(), "nowhere.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "a.b.c.d.nowhere.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    // example.net's SOA lives 900 s, its minimum is a day.
    EXPECT_EQ(answer_text(zones(), "nowhere.example.net", "A"),
              "NXDOMAIN qr aa\nauthority example.net. 900 SOA ns1.example.com. "
              "hostmaster.example.com. 3 7200 900 1209600 86400\n");
}

TEST(Answer, says_nodata_for_types_that_a_name_has_not) {
    const std::string nodata = std::string{"NOERROR qr aa\n"} + kSoa;
    for (const auto* const type : {"TXT", "TYPE0", "TYPE41", "TYPE65280", "DS"}) {
        EXPECT_EQ(answer_text(zones(), "www.example.com", type), nodata) << type;
    }
    EXPECT_EQ(answer_text(zones(), "example.com", "DS"), nodata);
}

TEST(Answer, knows_empty_non_terminals) {
    EXPECT_EQ(answer_text(zones(), "ent.example.com", "A"), std::string{"NOERROR qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "b.ent.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "ent.example.com", "ANY"),
              std::string{"NOERROR qr aa\n"} + kSoa);
}

TEST(Answer, follows_cnames_within_the_zone) {
    EXPECT_EQ(answer_text(zones(), "alias2.example.com", "A"),
              "NOERROR qr aa\n"
              "answer alias.example.com. 60 CNAME www.example.com.\n"
              "answer alias2.example.com. 60 CNAME alias.example.com.\n"
              "answer www.example.com. 60 A 192.0.2.1\n");
    EXPECT_EQ(answer_text(zones(), "alias.example.com", "CNAME"),
              "NOERROR qr aa\nanswer alias.example.com. 60 CNAME www.example.com.\n");
    EXPECT_EQ(answer_text(zones(), "to-apex.example.com", "MX"),
              "NOERROR qr aa\n"
              "answer example.com. 300 MX 10 mail.example.com.\n"
              "answer example.com. 300 MX 20 mail.example.net.\n"
              "answer to-apex.example.com. 60 CNAME example.com.\n");
}

TEST(Answer, ends_a_chain_with_the_rcode_and_soa_of_its_last_name) {
    EXPECT_EQ(answer_text(zones(), "dangling.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"
                          "answer dangling.example.com. 60 CNAME nowhere.example.com.\n"} +
                  kSoa);
    EXPECT_EQ(
        answer_text(zones(), "alias.example.com", "TXT"),
        std::string{"NOERROR qr aa\nanswer alias.example.com. 60 CNAME www.example.com.\n"} + kSoa);
}

TEST(Answer, follows_cnames_through_all_its_zones) {
    EXPECT_EQ(answer_text(zones(), "to-net.example.com", "A"),
              "NOERROR qr aa\n"
              "answer to-net.example.com. 60 CNAME www.example.net.\n"
              "answer www.example.net. 60 A 198.51.100.1\n");
    EXPECT_EQ(answer_text(zones(), "back.example.net", "A"),
              "NOERROR qr aa\n"
              "answer alias.example.com. 60 CNAME www.example.com.\n"
              "answer back.example.net. 60 CNAME alias.example.com.\n"
              "answer www.example.com. 60 A 192.0.2.1\n");
    EXPECT_EQ(answer_text(zones(), "to-child.example.com", "A"),
              "NOERROR qr aa\n"
              "answer deep.www.child.example.com. 60 A 192.0.2.91\n"
              "answer to-child.example.com. 60 CNAME deep.www.child.example.com.\n");
    EXPECT_EQ(answer_text(zones(), "to-child.example.com", "TXT"),
              "NOERROR qr aa\n"
              "answer to-child.example.com. 60 CNAME deep.www.child.example.com.\n"
              "authority child.example.com. 60 SOA ns1.example.com. hostmaster.example.com. 2 "
              "7200 900 1209600 60\n");
    EXPECT_EQ(answer_text(zones(), "up.child.example.com", "A"),
              "NOERROR qr aa\n"
              "answer up.child.example.com. 60 CNAME www.example.com.\n"
              "answer www.example.com. 60 A 192.0.2.1\n");
}

TEST(Answer, ends_a_chain_that_leaves_its_zones_or_loops) {
    EXPECT_EQ(answer_text(zones(), "away.example.com", "A"),
              "NOERROR qr aa\nanswer away.example.com. 60 CNAME www.example.org.\n");
    EXPECT_EQ(answer_text(zones(), "loop1.example.com", "A"),
              "NOERROR qr aa\n"
              "answer loop1.example.com. 60 CNAME loop2.example.com.\n"
              "answer loop2.example.com. 60 CNAME loop1.example.com.\n");
    EXPECT_EQ(answer_text(zones(), "self.example.com", "A"),
              "NOERROR qr aa\nanswer self.example.com. 60 CNAME self.example.com.\n");
}

TEST(Answer, follows_at_most_sixteen_cnames) {
    std::string lines = "example.com. 60 SOA ns. host. 1 1 1 1 60\n";
    for (int i = 0; i < 30; ++i) {
        lines += "c" + std::to_string(i) + ".example.com. 60 CNAME c" + std::to_string(i + 1) +
                 ".example.com.\n";
    }
    const auto long_chain = test::snapshot("example.com", lines);
    const auto text = answer_text(*long_chain, "c0.example.com", "A", {.edns = true});
    EXPECT_EQ(std::ranges::count(text, '\n'), 1 + 17 + 1);
    EXPECT_TRUE(text.starts_with("NOERROR qr aa\n"));
}

TEST(Answer, synthesises_from_a_wildcard_what_does_not_exist) {
    EXPECT_EQ(answer_text(zones(), "any.wild.example.com", "A"),
              "NOERROR qr aa\nanswer any.wild.example.com. 60 A 192.0.2.7\n");
    EXPECT_EQ(answer_text(zones(), "a.b.c.wild.example.com", "A"),
              "NOERROR qr aa\nanswer a.b.c.wild.example.com. 60 A 192.0.2.7\n");
    EXPECT_EQ(answer_text(zones(), "any.wild.example.com", "MX"),
              "NOERROR qr aa\nanswer any.wild.example.com. 60 MX 5 mail.wild.example.com.\n");
    EXPECT_EQ(answer_text(zones(), "any.wild.example.com", "TXT"),
              std::string{"NOERROR qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "any.walias.example.com", "A"),
              "NOERROR qr aa\n"
              "answer any.walias.example.com. 60 CNAME www.example.com.\n"
              "answer www.example.com. 60 A 192.0.2.1\n");
}

TEST(Answer, synthesises_nothing_for_and_below_names_that_exist) {
    EXPECT_EQ(answer_text(zones(), "known.wild.example.com", "A"),
              std::string{"NOERROR qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "x.known.wild.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "known2.wild.example.com", "A"),
              std::string{"NOERROR qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "x.known2.wild.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "wild.example.com", "A"), std::string{"NOERROR qr aa\n"} + kSoa);
}

TEST(Answer, answers_for_the_asterisk_itself_like_any_name) {
    EXPECT_EQ(answer_text(zones(), "*.wild.example.com", "A"),
              "NOERROR qr aa\nanswer \\052.wild.example.com. 60 A 192.0.2.7\n");
    EXPECT_EQ(answer_text(zones(), "x.*.wild.example.com", "A"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    // The asterisk exists without data: nothing is synthesised, but the name is covered.
    EXPECT_EQ(answer_text(zones(), "y.starent.example.com", "A"),
              std::string{"NOERROR qr aa\n"} + kSoa);
}

constexpr auto kReferral =
    "authority sub.example.com. 3600 NS ns.other.example.\n"
    "authority sub.example.com. 3600 NS ns.sub.example.com.\n"
    "authority sub.example.com. 3600 NS ns1.example.com.\n"
    "additional ns.sub.example.com. 3600 A 192.0.2.60\n"
    "additional ns.sub.example.com. 3600 AAAA 2001:db8::60\n"
    "additional ns1.example.com. 3600 A 192.0.2.53\n";

TEST(Answer, refers_to_the_servers_of_a_delegated_zone) {
    for (const auto* const name : {"sub.example.com", "www.sub.example.com", "ns.sub.example.com",
                                   "a.b.c.sub.example.com"}) {
        EXPECT_EQ(answer_text(zones(), name, "A"), std::string{"NOERROR qr\n"} + kReferral) << name;
    }
    EXPECT_EQ(answer_text(zones(), "sub.example.com", "NS"),
              std::string{"NOERROR qr\n"} + kReferral);
    EXPECT_EQ(answer_text(zones(), "sub.example.com", "ANY"),
              std::string{"NOERROR qr\n"} + kReferral);
    EXPECT_EQ(answer_text(zones(), "x.sub.example.com", "DS"),
              std::string{"NOERROR qr\n"} + kReferral);
}

TEST(Answer, answers_ds_at_the_cut_itself) {
    EXPECT_EQ(answer_text(zones(), "sub.example.com", "DS"),
              "NOERROR qr aa\nanswer sub.example.com. 3600 DS 12345 8 2 "
              "0000000000000000000000000000000000000000000000000000000000000000\n");
    EXPECT_EQ(answer_text(zones(), "unsigned.example.com", "DS"),
              std::string{"NOERROR qr aa\n"} + kSoa);
}

TEST(Answer, answers_ds_from_the_parent_when_parent_and_child_are_both_here) {
    EXPECT_EQ(answer_text(zones(), "child.example.com", "DS"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
    EXPECT_EQ(answer_text(zones(), "child.example.com", "A"),
              "NOERROR qr aa\nanswer child.example.com. 60 A 192.0.2.90\n");
}

TEST(Answer, asks_the_zone_above_for_ds_behind_a_cname_too) {
    EXPECT_EQ(
        answer_text(zones(), "to-apex.example.com", "DS"),
        std::string{"NOERROR qr aa\nanswer to-apex.example.com. 60 CNAME example.com.\n"} + kSoa);
    const std::string digest(64, '0');
    const auto both =
        with_zone(test::snapshot("example.com",
                                 "example.com. 60 SOA ns. host. 1 1 1 1 60\n"
                                 "child.example.com. 60 NS ns.child.example.com.\n"
                                 "child.example.com. 60 DS 1 8 2 " +
                                     digest +
                                     "\n"
                                     "in.example.com. 60 CNAME child.example.com.\n"),
                  test::hosted_zone("child.example.com", "Z2"),
                  test::record_sets("child.example.com. 60 SOA ns. host. 1 1 1 1 60\n"
                                    "self.child.example.com. 60 CNAME child.example.com.\n"));
    EXPECT_EQ(answer_text(*both, "in.example.com", "DS"),
              "NOERROR qr aa\n"
              "answer child.example.com. 60 DS 1 8 2 " +
                  digest +
                  "\n"
                  "answer in.example.com. 60 CNAME child.example.com.\n");
    EXPECT_EQ(answer_text(*both, "self.child.example.com", "DS"),
              "NOERROR qr aa\nanswer self.child.example.com. 60 CNAME child.example.com.\n");
}

TEST(Answer, refers_after_a_cname_with_aa_for_the_cname) {
    EXPECT_EQ(answer_text(zones(), "to-cut.example.com", "A"),
              std::string{"NOERROR qr aa\n"
                          "answer to-cut.example.com. 60 CNAME host.sub.example.com.\n"} +
                  kReferral);
}

TEST(Answer, lets_the_longest_zone_answer) {
    EXPECT_EQ(answer_text(zones(), "nowhere.child.example.com", "A"),
              "NXDOMAIN qr aa\nauthority child.example.com. 60 SOA ns1.example.com. "
              "hostmaster.example.com. 2 7200 900 1209600 60\n");
}

TEST(Answer, lets_the_public_and_then_the_first_of_equally_named_zones_answer) {
    auto zone_of = [](std::string_view id, bool is_private) {
        auto zone = test::hosted_zone("dup.example", id);
        zone.private_zone = is_private;
        return zone;
    };
    const auto data = [](std::string_view address) {
        return test::record_sets("dup.example. 60 A " + std::string{address} + "\n");
    };
    const auto says = [](const SnapshotPtr& snapshot) {
        return answer_text(*snapshot, "dup.example", "A");
    };
    const auto a = with_zone(empty_snapshot(), zone_of("Z1", true), data("192.0.2.1"));
    const auto b = with_zone(a, zone_of("Z2", true), data("192.0.2.2"));
    const auto c = with_zone(b, zone_of("Z3", false), data("192.0.2.3"));
    const auto d = with_zone(c, zone_of("Z4", false), data("192.0.2.4"));
    EXPECT_NE(says(b).find("192.0.2.1"), std::string::npos);
    EXPECT_NE(says(c).find("192.0.2.3"), std::string::npos);
    EXPECT_NE(says(d).find("192.0.2.3"), std::string::npos);
    const auto e = without_zone(d, zone_of("Z3", false));
    EXPECT_NE(says(e).find("192.0.2.4"), std::string::npos);
}

TEST(Answer, answers_any_with_one_small_record) {
    EXPECT_EQ(answer_text(zones(), "www.example.com", "ANY"),
              "NOERROR qr aa\nanswer www.example.com. 3600 HINFO RFC8482\n");
    EXPECT_EQ(answer_text(zones(), "alias.example.com", "ANY"),
              "NOERROR qr aa\nanswer alias.example.com. 60 CNAME www.example.com.\n");
    EXPECT_EQ(answer_text(zones(), "x.wild.example.com", "ANY"),
              "NOERROR qr aa\nanswer x.wild.example.com. 3600 HINFO RFC8482\n");
    EXPECT_EQ(answer_text(zones(), "nowhere.example.com", "ANY"),
              std::string{"NXDOMAIN qr aa\n"} + kSoa);
}

TEST(Answer, speaks_edns_when_asked_and_echoes_do_but_no_option) {
    EXPECT_EQ(answer_text(zones(), "www.example.com", "A", {.edns = true}),
              "NOERROR qr aa\nanswer www.example.com. 60 A 192.0.2.1\nedns 1232 0\n");
    EXPECT_EQ(answer_text(zones(), "www.example.com", "A",
                          {.edns = true, .dnssec_ok = true, .options = {0xff, 0xfe, 0, 2, 7, 7}}),
              "NOERROR qr aa\nanswer www.example.com. 60 A 192.0.2.1\nedns 1232 0 do\n");
    EXPECT_EQ(answer_text(zones(), "www.example.org", "A", {.edns = true}),
              "REFUSED qr\nedns 1232 0\n");
}

TEST(Answer, says_badvers_to_later_versions_of_edns) {
    const auto [reply, answer] =
        ask(zones(), query("www.example.com", "A", {.edns = true, .version = 1}));
    EXPECT_EQ(to_text(reply), "NOERROR qr\nedns 1232 0 BADVERS\n");
    EXPECT_EQ(answer.rcode, 16);
}

TEST(Answer, finds_opt_in_any_place_of_the_additional_section) {
    auto asked = query("www.example.com", "A", {.edns = true});
    asked.insert(asked.end() - 11, {0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4});
    asked[11] = 2;
    EXPECT_EQ(to_text(ask(zones(), asked).first),
              "NOERROR qr aa\nanswer www.example.com. 60 A 192.0.2.1\nedns 1232 0\n");
}

SnapshotPtr big_zone() {
    std::string lines = "example.com. 60 SOA ns. host. 1 1 1 1 60\n";
    for (int i = 0; i < 60; ++i) {
        lines += "big.example.com. 60 A 192.0.2." + std::to_string(i) + "\n";
        lines += "huge.example.com. 60 TXT \"" + std::string(200, 'x') + std::to_string(i) + "\"\n";
    }
    return test::snapshot("example.com", lines);
}

TEST(Answer, truncates_to_what_the_client_can_take) {
    const auto zone = big_zone();
    const auto sized = [&](std::string_view name, std::uint16_t payload, bool edns) {
        return ask(*zone, query(name, "A", {.edns = edns, .payload = payload}));
    };
    // 12 + 21 + 60 × 16 = 993 octets, and 11 for OPT.
    EXPECT_EQ(to_text(sized("big.example.com", 0, false).first), "NOERROR qr aa tc\n");
    EXPECT_EQ(to_text(sized("big.example.com", 512, true).first),
              "NOERROR qr aa tc\nedns 1232 0\n");
    EXPECT_TRUE(sized("big.example.com", 1003, true).second.truncated);
    EXPECT_FALSE(sized("big.example.com", 1004, true).second.truncated);
    EXPECT_EQ(sized("big.example.com", 4096, true).first.size(), 1004U);
}

TEST(Answer, takes_small_payload_sizes_for_512_and_large_ones_for_1232) {
    const auto zone = big_zone();
    EXPECT_FALSE(
        ask(zones(), query("www.example.com", "A", {.edns = true, .payload = 0})).second.truncated);
    const auto [reply, answer] =
        ask(*zone, query("huge.example.com", "TXT", {.edns = true, .payload = 65535}));
    EXPECT_TRUE(answer.truncated);
    EXPECT_LE(reply.size(), 1232U);
}

TEST(Answer, gives_the_whole_answer_over_tcp) {
    const auto [reply, answer] =
        ask(*big_zone(), query("huge.example.com", "TXT"), 1, Transport::tcp);
    EXPECT_FALSE(answer.truncated);
    EXPECT_EQ(reply[7], 60);
    EXPECT_GT(reply.size(), 12000U);
}

TEST(Answer, truncates_a_referral_only_for_glue_that_is_needed) {
    std::string lines = "example.com. 60 SOA ns. host. 1 1 1 1 60\n";
    for (int i = 0; i < 12; ++i) {
        const auto n = std::to_string(i);
        lines += "in.example.com. 60 NS ns" + n + ".in.example.com.\n";
        lines += "sibling.example.com. 60 NS ns" + n + ".in.example.com.\n";
        lines += "ns" + n + ".in.example.com. 60 AAAA 2001:db8::" + n + "\n";
    }
    const auto zone = test::snapshot("example.com", lines);
    const auto [needed, first] = ask(*zone, query("x.in.example.com", "A"));
    EXPECT_TRUE(first.truncated);
    EXPECT_TRUE(to_text(needed).starts_with("NOERROR qr tc\nauthority "));
    const auto [optional, second] = ask(*zone, query("x.sibling.example.com", "A"));
    EXPECT_FALSE(second.truncated);
    EXPECT_LE(optional.size(), 512U);
    EXPECT_NE(to_text(optional).find("additional"), std::string::npos);
}

TEST(Answer, gives_all_values_of_a_simple_record_set_in_random_order) {
    const auto zone = test::snapshot("example.com", R"(
        example.com. 60 SOA ns. host. 1 1 1 1 60
        www.example.com. 60 A 192.0.2.1
        www.example.com. 60 A 192.0.2.2
        www.example.com. 60 A 192.0.2.3
    )");
    const auto asked = query("www.example.com", "A");
    std::set<test::Octets> orders;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const auto [reply, answer] = ask(*zone, asked, seed);
        EXPECT_EQ(to_text(reply),
                  "NOERROR qr aa\n"
                  "answer www.example.com. 60 A 192.0.2.1\n"
                  "answer www.example.com. 60 A 192.0.2.2\n"
                  "answer www.example.com. 60 A 192.0.2.3\n");
        orders.insert(reply);
    }
    EXPECT_EQ(orders.size(), 6U);
}

TEST(Answer, names_both_draws_of_a_chain_and_says_where_there_are_more) {
    const auto snapshot = test::snapshot("example.com",
                                         "example.com. 60 SOA ns. host. 1 1 1 1 60\n"
                                         "[c 1] a.example.com. 60 CNAME b.example.com.\n"
                                         "[c 1] b.example.com. 60 CNAME c.example.com.\n"
                                         "[m 1] c.example.com. 60 A 192.0.2.1\n"
                                         "sub.example.com. 60 NS c.example.com.\n");
    const auto member = [&](std::string_view name, dns::Type type, const std::string& identifier) {
        const model::RecordKey key{dns::Name::parse(name).value(), type, identifier};
        return find_member(*snapshot, "Z1", key).value().index;
    };
    const auto ask = [&](std::string_view name) {
        return test::ask(*snapshot, test::query(name, "A")).second;
    };
    const Answer one = ask("c.example.com");
    EXPECT_EQ(one.member, member("c.example.com", dns::Type::a, "m"));
    EXPECT_EQ(one.via, kNoMember);
    const Answer two = ask("b.example.com");
    EXPECT_EQ(two.member, member("c.example.com", dns::Type::a, "m"));
    EXPECT_EQ(two.via, member("b.example.com", dns::Type::cname, "c"));
    EXPECT_FALSE(two.has_others);
    EXPECT_TRUE(ask("a.example.com").has_others);
    EXPECT_TRUE(ask("x.sub.example.com").has_others);  // glue is a member's address
    EXPECT_EQ(
        find_member(*snapshot, "Z1", {dns::Name::parse("c.example.com").value(), dns::Type::a, "m"})
            ->ttl,
        60U);
    EXPECT_FALSE(find_member(*snapshot, "Z2", {}));
}

}  // namespace
}  // namespace rota::zone
