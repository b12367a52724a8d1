#pragma once

#include <cstddef>
#include <cstdint>

#include "rota/base/rng.h"
#include "rota/dns/reply.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"

namespace rota::zone {

/// Where in the response the names stand that records are written against.
struct Names {
    std::uint16_t owner = 0;  ///< compression pointer to the records' owner
    std::uint16_t apex = 0;   ///< compression pointer to the zone's apex
    /// True when both are as the compiler assumed: the owner is the question's name and has the
    /// data itself. Images are then right as they stand.
    bool as_compiled = false;
};

struct Drawn {
    bool fits = false;
    MemberIndex member = kNoMember;
};

/// Writes a record set's records in random order, or those of one member of a rota, drawn by
/// weight.
Drawn put_rrset(dns::Reply& reply, dns::Section section, const Node& node, const RrsetEntry& entry,
                Names names, Rng& rng) noexcept;

/// Writes all records of a list. @returns whether they fit; nothing is written otherwise.
bool put_records(dns::Reply& reply, dns::Section section, const RrList& list, Names names,
                 Rng& rng) noexcept;

}  // namespace rota::zone
