#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/types.h"

// What Route 53 stores, in its own words: hosted zones hold record sets; the record sets of one
// name and type that carry a set identifier share a routing policy and form a rota.
namespace rota::model {

struct SimpleRouting {
    friend bool operator==(const SimpleRouting&, const SimpleRouting&) = default;
};

struct WeightedRouting {
    std::uint8_t weight = 0;  ///< 0 to 255
    friend bool operator==(const WeightedRouting&, const WeightedRouting&) = default;
};

/// Closed: one alternative a routing policy; new policies are added here and every visitor is made
/// to say what it does.
using RoutingPolicy = std::variant<SimpleRouting, WeightedRouting>;

struct RecordSet {
    dns::Name name;
    dns::Type type = dns::Type::a;
    std::string set_identifier;  ///< empty exactly for simple routing; else 1 to 128 characters
    RoutingPolicy routing = SimpleRouting{};
    std::uint32_t ttl = 0;            ///< seconds, 0 to 2147483647
    std::vector<std::string> values;  ///< in Route 53's syntax, as submitted, 1 to 400

    friend bool operator==(const RecordSet&, const RecordSet&) = default;
};

/// What identifies a record set within a zone, in listing order: name, type (as its mnemonic in
/// ASCII), set identifier.
/// @source Route 53 API Reference, ListResourceRecordSets, "Sort order".
struct RecordKey {
    dns::Name name;
    dns::Type type = dns::Type::a;
    std::string set_identifier;

    friend bool operator==(const RecordKey&, const RecordKey&) = default;
    friend std::strong_ordering operator<=>(const RecordKey& a, const RecordKey& b) noexcept;
};

RecordKey key_of(const RecordSet& record_set);

}  // namespace rota::model
