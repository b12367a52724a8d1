#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rota/base/rng.h"

namespace rota::zone {

class Snapshot;

enum class Transport : std::uint8_t { udp, tcp };

/// The index of a member in its snapshot; kNoMember where none was drawn. A member keeps its index
/// from change to change, and none is used again, so that they can be counted by.
using MemberIndex = std::uint32_t;
inline constexpr MemberIndex kNoMember = 0xffffffff;

struct Answer {
    std::size_t size = 0;  ///< octets written; 0 = drop, say nothing
    /// What a weighted answer drew; in a chain of CNAMEs the last draw, which decides where the
    /// client goes.
    MemberIndex member = kNoMember;
    MemberIndex via = kNoMember;  ///< the draw before that, in a chain of CNAMEs
    std::uint8_t rcode = 0;
    bool truncated = false;
    /// The answer holds members beyond these two: a longer chain, or the addresses of name servers
    /// that are a rota.
    bool has_others = false;
};

/// Answers one DNS message: octets in, octets out. Pure but for `rng`; neither locks, allocates,
/// logs nor asks the clock.
/// @param query   one message as received, hostile.
/// @param reply   at least 512 octets for UDP and 65,535 for TCP; the answer keeps within what the
/// client can take.
/// @source RFC 1034 section 4.3.2, RFC 2181, RFC 2308, RFC 4592, RFC 6891, RFC 7766, RFC 8020, RFC
/// 8482.
Answer answer(const Snapshot& snapshot, std::span<const std::uint8_t> query,
              std::span<std::uint8_t> reply, Transport transport, Rng& rng) noexcept;

}  // namespace rota::zone
