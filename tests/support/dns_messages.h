#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/model/hosted_zone.h"
#include "rota/zone/answer.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"

// Zones, queries and replies as text, so that tests read as query in, records out. The reader of
// replies is strict, and shares nothing with the code that writes them.
namespace rota::test {

using Octets = std::vector<std::uint8_t>;

/// A zone of lines "NAME TTL TYPE VALUE", weighted ones with "[IDENTIFIER WEIGHT] " before the
/// name; lines of one key are one record set.
model::RecordSets record_sets(std::string_view lines);

model::HostedZone hosted_zone(std::string_view name, std::string_view id = "Z1");

/// A snapshot of one zone.
zone::SnapshotPtr snapshot(std::string_view zone, std::string_view lines);

struct QueryOptions {
    std::uint16_t id = 0x1234;
    std::uint8_t flags_high = 0;  ///< QR, opcode, AA, TC, RD
    std::uint8_t flags_low = 0;   ///< RA, Z, AD, CD, RCODE
    std::uint16_t klass = 1;
    bool edns = false;
    std::uint8_t version = 0;
    std::uint16_t payload = 1232;
    bool dnssec_ok = false;
    Octets options{};  ///< EDNS options
};

/// "A", "TYPE65280", "ANY".
std::uint16_t type_number(std::string_view type);

/// A query; the name's case is kept.
Octets query(std::string_view name, std::string_view type, const QueryOptions& options = {});

/// The reply as lines: "RCODE flags…", "answer NAME TTL TYPE VALUE", …, "edns SIZE VERSION [do]".
/// Within a section the lines are sorted. "broken: why" for a reply that is not well-formed.
std::string to_text(std::span<const std::uint8_t> reply);

/// The reply to a query, and what answer() said about it.
std::pair<Octets, zone::Answer> ask(const zone::Snapshot& snapshot,
                                    std::span<const std::uint8_t> query, std::uint64_t seed = 1,
                                    zone::Transport transport = zone::Transport::udp);

/// to_text of ask.
std::string answer_text(const zone::Snapshot& snapshot, std::string_view name,
                        std::string_view type, const QueryOptions& options = {});

}  // namespace rota::test
