#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rota/base/rng.h"
#include "rota/zone/answer.h"
#include "rota/zone/batch.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"
#include "support/allocations.h"
#include "support/dns_messages.h"

namespace rota::zone {
namespace {

using test::allocations;
using test::query;

constexpr std::size_t kRounds = 200;

SnapshotPtr zones() {
    std::string lines = R"(
        example.com. 900 SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300
        example.com. 172800 NS ns1.example.com.
        ns1.example.com. 3600 A 192.0.2.53
        one.example.com. 60 A 192.0.2.1
        three.example.com. 60 A 192.0.2.1
        three.example.com. 60 A 192.0.2.2
        three.example.com. 60 A 192.0.2.3
        mail.example.com. 60 MX 10 one.example.com.
        *.wild.example.com. 60 A 192.0.2.7
        sub.example.com. 3600 NS ns.sub.example.com.
        ns.sub.example.com. 3600 A 192.0.2.60
        ns.sub.example.com. 3600 AAAA 2001:db8::60
        away.example.com. 60 CNAME www.example.org.
        to-rota.example.com. 60 CNAME via.example.com.
        [a 1] via.example.com. 60 CNAME rota.example.com.
        [b 3] via.example.com. 60 CNAME pair.example.com.
        [a 10] pair.example.com. 60 A 192.0.2.11
        [b 0] pair.example.com. 60 A 192.0.2.12
    )";
    for (int i = 0; i < 60; ++i) {
        const std::string n = std::to_string(i);
        lines += "[i-" + n + " " + std::to_string(i % 7) + "] rota.example.com. 60 A 192.0.2." + n +
                 "\n";
        lines += "big.example.com. 60 TXT \"" + std::string(200, 'x') + n + "\"\n";
        lines += "c" + n + ".example.com. 60 CNAME c" + std::to_string(i + 1) + ".example.com.\n";
    }
    return test::snapshot("example.com", lines);
}

struct Kind {
    std::string name;
    test::Octets query;
    std::string begin;  ///< of the reply's text; "" where there is none
    Transport transport = Transport::udp;
};

std::vector<Kind> kinds() {
    auto trailing = query("one.example.com", "A", {.edns = true});
    trailing.push_back(0);
    return {
        {"weighted", query("rota.example.com", "A"),
         "NOERROR qr aa\nanswer rota.example.com. 60 A"},
        {"weighted, EDNS", query("rOTa.example.com", "A", {.edns = true}),
         "NOERROR qr aa\nanswer "},
        {"weighted, one of two at 0", query("pair.example.com", "A"),
         "NOERROR qr aa\nanswer pair.example.com. 60 A 192.0.2.11\n"},
        {"simple", query("one.example.com", "A"),
         "NOERROR qr aa\nanswer one.example.com. 60 A 192.0.2.1\n"},
        {"simple, three values", query("three.example.com", "A"), "NOERROR qr aa\nanswer three."},
        {"MX", query("mail.example.com", "MX", {.edns = true}), "NOERROR qr aa\nanswer mail."},
        {"SOA", query("example.com", "SOA"), "NOERROR qr aa\nanswer example.com. 900 SOA"},
        {"CNAME", query("away.example.com", "CNAME"), "NOERROR qr aa\nanswer away.example.com."},
        {"CNAME out of the zone", query("away.example.com", "A"), "NOERROR qr aa\nanswer away."},
        {"CNAME, weighted CNAME, weighted", query("to-rota.example.com", "A", {.edns = true}),
         "NOERROR qr aa\nanswer "},
        {"CNAMEs until the limit", query("c0.example.com", "A", {.edns = true}),
         "NOERROR qr aa\nanswer c0.example.com."},
        {"CNAMEs, truncated", query("c0.example.com", "A"), "NOERROR qr aa"},
        {"wildcard", query("x.y.wild.example.com", "A"), "NOERROR qr aa\nanswer x.y.wild."},
        {"referral", query("host.sub.example.com", "A"), "NOERROR qr\nauthority sub."},
        {"NXDOMAIN", query("nobody.example.com", "A"), "NXDOMAIN qr aa\nauthority example.com."},
        {"NXDOMAIN, EDNS", query("a.b.example.com", "AAAA", {.edns = true, .dnssec_ok = true}),
         "NXDOMAIN qr aa\nauthority example.com."},
        {"no data", query("rota.example.com", "AAAA"), "NOERROR qr aa\nauthority example.com."},
        {"ANY", query("three.example.com", "ANY"), "NOERROR qr aa\nanswer "},
        {"truncated", query("big.example.com", "TXT"), "NOERROR qr aa tc\n"},
        {"truncated, EDNS", query("big.example.com", "TXT", {.edns = true, .payload = 4096}),
         "NOERROR qr aa tc\n"},
        {"large, TCP", query("big.example.com", "TXT"), "NOERROR qr aa\nanswer big.",
         Transport::tcp},
        {"EDNS options", query("one.example.com", "A", {.edns = true, .options = {0, 3, 0, 0}}),
         "NOERROR qr aa\nanswer one."},
        {"BADVERS", query("one.example.com", "A", {.edns = true, .version = 1}), "NOERROR qr\n"},
        {"REFUSED", query("www.example.org", "A"), "REFUSED qr\n"},
        {"NOTIMP", query("one.example.com", "A", {.flags_high = 4U << 3U}), "NOTIMP qr opcode=4\n"},
        {"FORMERR", trailing, "FORMERR qr\n"},
        {"dropped", query("one.example.com", "A", {.flags_high = 0x80}), ""},
        {"too short", test::Octets(11, 0), ""},
    };
}

std::string text_of(const Answer& answer, std::span<const std::uint8_t> reply) {
    return answer.size == 0 ? "" : test::to_text(reply.first(answer.size));
}

TEST(Allocations, are_counted_here) {
    const std::size_t before = allocations();
    ::operator delete(::operator new(1));
    ::operator delete[](::operator new[](1, std::nothrow));
    ::operator delete(::operator new(64, std::align_val_t{64}), std::align_val_t{64});
    EXPECT_EQ(allocations(), before + 3);
}

TEST(Allocations, answer_makes_none) {
    const SnapshotPtr snapshot = zones();
    test::Octets reply(65535);
    Rng rng{7};
    for (const Kind& kind : kinds()) {
        Answer answer;
        const std::size_t before = allocations();
        for (std::size_t round = 0; round < kRounds; ++round) {
            const std::size_t room = kind.transport == Transport::udp ? 1232 : reply.size();
            answer = zone::answer(*snapshot, kind.query, std::span{reply}.first(room),
                                  kind.transport, rng);
        }
        EXPECT_EQ(allocations() - before, 0U) << kind.name;
        const std::string text = text_of(answer, reply);
        EXPECT_TRUE(kind.begin.empty() ? text.empty() : text.starts_with(kind.begin))
            << kind.name << ": " << text;
    }
}

TEST(Allocations, answer_batch_makes_none) {
    const SnapshotPtr snapshot = zones();
    const std::vector<Kind> all = kinds();
    std::vector<std::array<std::uint8_t, 1232>> replies(all.size());
    std::vector<BatchItem> items;
    for (std::size_t i = 0; i < all.size(); ++i) {
        items.push_back({all[i].query, replies[i], {}});
    }
    std::vector<Prepared> prepared(all.size());
    Rng rng{7};
    const std::size_t before = allocations();
    for (std::size_t round = 0; round < kRounds; ++round) {
        answer_batch(*snapshot, items, prepared, Transport::udp, rng);
    }
    EXPECT_EQ(allocations() - before, 0U);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(items[i].answer.size == 0, all[i].begin.empty()) << all[i].name;
    }
}

}  // namespace
}  // namespace rota::zone
