#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "rota/base/clock.h"
#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/lab/dns_question.h"
#include "rota/lab/resolver_cache.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;
using Outcome = ResolverCache::Outcome;

constexpr BootTime kNow{1000s};

TEST(ResolverCache, gives_an_address_out_until_the_ttl_has_passed_and_not_a_nanosecond_longer) {
    ResolverCache cache;
    EXPECT_EQ(cache.look_up(kNow).outcome, Outcome::miss);
    cache.store("127.77.1.11", 5s, kNow);
    EXPECT_EQ(cache.look_up(kNow).address, "127.77.1.11");
    EXPECT_EQ(cache.look_up(kNow + 5s - 1ns).outcome, Outcome::hit);
    EXPECT_TRUE(cache.holds("127.77.1.11", kNow + 5s - 1ns));
    EXPECT_FALSE(cache.holds("127.77.1.11", kNow + 5s));
    EXPECT_EQ(cache.look_up(kNow + 5s).outcome, Outcome::miss);
}

TEST(ResolverCache, a_hit_does_not_lengthen_the_life_of_an_answer) {
    ResolverCache cache;
    cache.look_up(kNow);
    cache.store("127.77.1.11", 5s, kNow);
    for (auto later = 0s; later < 5s; later += 1s) {
        EXPECT_EQ(cache.look_up(kNow + later).outcome, Outcome::hit);
    }
    EXPECT_EQ(cache.look_up(kNow + 5s).outcome, Outcome::miss);
}

TEST(ResolverCache, asks_once_however_many_want_to_know) {
    ResolverCache cache;
    EXPECT_EQ(cache.look_up(kNow).outcome, Outcome::miss);
    EXPECT_EQ(cache.look_up(kNow).outcome, Outcome::wait);
    cache.fail();
    EXPECT_EQ(cache.look_up(kNow).outcome, Outcome::miss) << "a query given up is asked anew";
}

TEST(ResolverCache, ttl_zero_is_never_cached) {
    ResolverCache cache;
    cache.look_up(kNow);
    cache.store("127.77.1.11", 0s, kNow);
    EXPECT_EQ(cache.look_up(kNow).outcome, Outcome::miss);
}

dns::Name name_of(const char* text) {
    return dns::Name::parse(text).value();
}

/// An answer to address_query(7, www.lab.test) with one A record.
dns::Message sample_answer() {
    dns::Message message = dns::make_query(name_of("www.lab.test"), dns::Type::a, 7);
    message.is_response = true;
    message.answers.push_back(
        {.name = name_of("www.lab.test"), .ttl = 5, .rdata = {127, 77, 1, 11}});
    return message;
}

TEST(DnsQuestion, reads_the_address_and_the_ttl_of_its_answer) {
    const auto answer =
        parse_answer(dns::encode_message(sample_answer()), 7, name_of("WWW.lab.test"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->address, "127.77.1.11");
    EXPECT_EQ(answer->ttl, 5s);
}

TEST(DnsQuestion, ignores_what_does_not_answer_the_question) {
    const auto name = name_of("www.lab.test");
    EXPECT_FALSE(parse_answer(dns::encode_message(sample_answer()), 8, name)) << "another id";
    EXPECT_FALSE(parse_answer(dns::encode_message(sample_answer()), 7, name_of("w.lab.test")))
        << "another name";
    EXPECT_FALSE(parse_answer(address_query(7, name), 7, name)) << "a query";
    const std::vector<std::uint8_t> whole = dns::encode_message(sample_answer());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_answer(std::span{whole}.first(size), 7, name)) << size << " octets";
    }
}

TEST(DnsQuestion, tells_a_name_without_an_address) {
    dns::Message message = sample_answer();
    message.answers.clear();
    message.rcode = dns::Rcode::nxdomain;
    const auto answer = parse_answer(dns::encode_message(message), 7, name_of("www.lab.test"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->rcode, dns::Rcode::nxdomain);
    EXPECT_FALSE(answer->address);
}

}  // namespace
}  // namespace rota::lab
