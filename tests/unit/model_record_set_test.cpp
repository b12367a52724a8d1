#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"

namespace rota::model {
namespace {

RecordKey key(std::string_view name, dns::Type type, std::string identifier = "") {
    return {dns::Name::parse(name).value(), type, std::move(identifier)};
}

TEST(RecordKey, orders_by_name_then_mnemonic_then_set_identifier) {
    using enum dns::Type;
    EXPECT_LT(key("example.com", txt), key("a.example.com", a));
    EXPECT_LT(key("example.com", a), key("example.com", aaaa));
    EXPECT_LT(key("example.com", aaaa),
              key("example.com", caa));  // by word; by number 28 < 257 too
    EXPECT_LT(key("example.com", caa), key("example.com", cname));  // by number it would be after
    EXPECT_LT(key("example.com", ns), key("example.com", soa));
    EXPECT_LT(key("example.com", a, ""), key("example.com", a, "A"));
    EXPECT_LT(key("example.com", a, "A"), key("example.com", a, "a"));
    EXPECT_EQ(key("Example.com", a, "a"), key("example.com.", a, "a"));
}

TEST(RecordKey, of_a_record_set_leaves_out_what_does_not_identify) {
    const RecordSet set{.name = dns::Name::parse("www.example.com").value(),
                        .type = dns::Type::a,
                        .set_identifier = "i-1",
                        .routing = WeightedRouting{10},
                        .ttl = 60,
                        .values = {"192.0.2.1"}};
    EXPECT_EQ(key_of(set), key("www.example.com", dns::Type::a, "i-1"));
}

}  // namespace
}  // namespace rota::model
