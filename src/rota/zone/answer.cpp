#include "rota/zone/answer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "rota/base/rng.h"
#include "rota/dns/query.h"
#include "rota/dns/reply.h"
#include "rota/dns/types.h"
#include "rota/zone/batch.h"
#include "rota/zone/lookup.h"
#include "rota/zone/node.h"
#include "rota/zone/records.h"
#include "rota/zone/referral.h"
#include "rota/zone/zone.h"

namespace rota::zone {

namespace {

using dns::Rcode;
using dns::Section;

constexpr std::uint16_t kAxfr = 252;
constexpr std::uint16_t kIxfr = 251;

constexpr bool is(std::uint16_t number, dns::Type type) noexcept {
    return number == std::to_underlying(type);
}

constexpr std::size_t kPointerTag = 0xc000;

/// A name as it stands in the response: the question's, or a CNAME's target, of which only the part
/// before a compression pointer stands there itself.
struct Placed {
    const dns::FoldedName* name = nullptr;
    std::size_t at = dns::kHeaderSize;  ///< offset in the response
    std::size_t literal = 0;            ///< octets before the pointer
    std::uint16_t rest = 0;             ///< that pointer

    /// A pointer to the suffix that begins at a label; 0 when it is not there to be pointed at.
    [[nodiscard]] std::uint16_t pointer(std::size_t label) const noexcept {
        const std::size_t offset = name->label[label];
        if (offset < literal) {
            return static_cast<std::uint16_t>(kPointerTag | (at + offset));
        }
        return offset == literal ? rest : std::uint16_t{0};
    }
};

class Responder {
public:
    Responder(const Snapshot& snapshot, const dns::Query& query, dns::Reply& reply,
              Rng& rng) noexcept
        : snapshot_{snapshot}, query_{query}, reply_{reply}, rng_{rng} {}

    void respond(ZoneMatch zone) noexcept;

    [[nodiscard]] Rcode rcode() const noexcept { return rcode_; }

    [[nodiscard]] bool is_authoritative() const noexcept { return is_authoritative_; }

    [[nodiscard]] MemberIndex member() const noexcept { return member_; }

    [[nodiscard]] MemberIndex via() const noexcept { return via_; }

    [[nodiscard]] bool has_others() const noexcept { return has_others_; }

private:
    /// A CNAME's target, and whether to go on with it.
    struct Next {
        bool follow = false;
        std::size_t at = 0;
        std::size_t literal = 0;
        std::uint16_t rest = 0;
    };

    [[nodiscard]] ZoneMatch above_for_ds(ZoneMatch zone,
                                         const dns::FoldedName& name) const noexcept;
    [[nodiscard]] ZoneMatch zone_for_target(const Placed& placed) const noexcept;
    Next answer_from(ZoneMatch zone, const Placed& placed, bool is_question) noexcept;
    Next answer_from_node(ZoneMatch zone, const Node& node, Names names) noexcept;
    Next put_cname(const Node& node, const RrsetEntry& entry, Names names) noexcept;
    void follow(Next next, ZoneMatch zone) noexcept;
    void put_any(const Node& node, Names names) noexcept;
    void put_soa(const Zone& zone, std::uint16_t apex) noexcept;
    void put(const Node& node, const RrsetEntry& entry, Names names) noexcept;

    const Snapshot& snapshot_;
    const dns::Query& query_;
    dns::Reply& reply_;
    Rng& rng_;
    Rcode rcode_ = Rcode::noerror;
    MemberIndex member_ = kNoMember;
    MemberIndex via_ = kNoMember;
    bool is_authoritative_ = false;
    bool has_others_ = false;
};

void Responder::respond(ZoneMatch zone) noexcept {
    if (query_.has_edns && query_.edns_version != 0) {
        rcode_ = Rcode::badvers;
        return;
    }
    const bool is_in = query_.klass == std::to_underlying(dns::Class::in);
    if (!is_in || query_.type == kAxfr || query_.type == kIxfr) {
        rcode_ = Rcode::refused;
        return;
    }
    zone = above_for_ds(zone, query_.name);
    if (zone.zone == nullptr) {
        rcode_ = Rcode::refused;
        return;
    }
    is_authoritative_ = true;
    const Placed question{&query_.name, dns::kHeaderSize, query_.name.size, 0};
    const Next next = answer_from(zone, question, true);
    if (next.follow) {
        follow(next, zone);
    }
}

/// DS belongs to the zone above: when that one is here too, it answers, not the zone that begins
/// with the name. @source RFC 4035 section 3.1.4.1.
ZoneMatch Responder::above_for_ds(ZoneMatch zone, const dns::FoldedName& name) const noexcept {
    if (zone.zone == nullptr || zone.apex != 0 || !is(query_.type, dns::Type::ds)) {
        return zone;
    }
    const ZoneMatch above = snapshot_.find_zone(name, 1);
    return above.zone != nullptr ? above : zone;
}

/// The zone to go on in; none where the target's apex does not stand in the response to be pointed
/// at (DS of a target that is its own zone's apex), and then a resolver asks anew.
ZoneMatch Responder::zone_for_target(const Placed& placed) const noexcept {
    const ZoneMatch zone = above_for_ds(snapshot_.find_zone(*placed.name), *placed.name);
    return zone.zone != nullptr && placed.pointer(zone.apex) != 0 ? zone : ZoneMatch{};
}

Responder::Next Responder::answer_from(ZoneMatch zone, const Placed& placed,
                                       bool is_question) noexcept {
    const Match match =
        find_match(*zone.zone, *placed.name, zone.apex, is(query_.type, dns::Type::ds));
    Names names{placed.pointer(0), placed.pointer(zone.apex), false};
    switch (match.kind) {
        case Match::Kind::exact:
            names.as_compiled = is_question;
            return answer_from_node(zone, *match.node, names);
        case Match::Kind::wildcard:
            return answer_from_node(zone, *match.node, names);
        case Match::Kind::referral:
            // After a CNAME the answer section is ours; AA speaks of its first owner (RFC 1035
            // section 4.1.1).
            is_authoritative_ = !is_question;
            names.owner = placed.pointer(match.cut);
            if (put_referral(reply_, *zone.zone, *match.node, names, rng_)) {
                has_others_ = true;
            }
            return {};
        case Match::Kind::nothing:
            rcode_ = Rcode::nxdomain;
            put_soa(*zone.zone, names.apex);
            return {};
    }
    return {};
}

Responder::Next Responder::answer_from_node(ZoneMatch zone, const Node& node,
                                            Names names) noexcept {
    if (is(query_.type, dns::Type::any) && !node.rrsets().empty()) {
        put_any(node, names);
        return {};
    }
    if (const RrsetEntry* const entry = node.find(query_.type)) {
        put(node, *entry, names);
        return {};
    }
    if (const RrsetEntry* const entry = node.find(dns::Type::cname)) {
        return put_cname(node, *entry, names);
    }
    put_soa(*zone.zone, names.apex);
    return {};
}

Responder::Next Responder::put_cname(const Node& node, const RrsetEntry& entry,
                                     Names names) noexcept {
    const std::size_t at = reply_.size() + kImageHead;
    put(node, entry, names);
    if (reply_.is_truncated()) {
        return {};
    }
    // The compiler ends a target within the zone with a pointer to the apex, and no other.
    const std::size_t literal = dns::literal_size(reply_.at(at));
    const bool ends_in_pointer = literal != reply_.size() - at;
    return {true, at, literal, ends_in_pointer ? names.apex : std::uint16_t{0}};
}

/// Follows a chain of CNAMEs as far as it stays in our zones, has no loop and is not too long;
/// where it ends otherwise, the response is the chain so far and a resolver goes on.
/// @source RFC 1034 section 4.3.2 step 3a, RFC 6604 section 3 (the RCODE is the last name's).
void Responder::follow(Next next, ZoneMatch zone) noexcept {
    constexpr std::size_t kLongestChain = 16;
    dns::FoldedName target;
    std::array<std::uint64_t, kLongestChain + 1> seen;
    seen[0] = query_.name.hash[0];
    for (std::size_t hops = 1; next.follow && hops <= kLongestChain; ++hops) {
        const std::size_t apex = next.rest != 0 ? zone.zone->apex().size() : 0;
        target.size = static_cast<std::uint8_t>(next.literal + apex);
        std::memcpy(target.octets.data(), reply_.at(next.at), next.literal);
        std::memcpy(target.octets.data() + next.literal, zone.zone->apex().data(), apex);
        target.index();
        // Equal hashes are taken for a loop: that a chain ends early by chance has odds of 2^-60.
        const auto chain = std::span{seen}.first(hops);
        if (std::ranges::find(chain, target.hash[0]) != chain.end()) {
            return;
        }
        seen[hops] = target.hash[0];
        const Placed placed{&target, next.at, next.literal, next.rest};
        zone = zone_for_target(placed);
        if (zone.zone == nullptr) {
            return;
        }
        next = answer_from(zone, placed, false);
    }
}

/// ANY is answered with what is least: a CNAME alone, or a synthesised HINFO.
/// @source RFC 8482 section 4.2.
void Responder::put_any(const Node& node, Names names) noexcept {
    if (const RrsetEntry* const entry = node.find(dns::Type::cname)) {
        put(node, *entry, names);
        return;
    }
    static constexpr std::array<std::uint8_t, 21> kHinfo{
        0xc0, 0x0c, 0, 13,  0,   1,   0,   0,   0x0e, 0x10,  // HINFO IN, 3,600 s
        0,    9,    7, 'R', 'F', 'C', '8', '4', '8',  '2',  0};
    if (std::uint8_t* const to = reply_.take(kHinfo.size())) {
        std::memcpy(to, kHinfo.data(), kHinfo.size());
        dns::put_u16(to, names.owner);
        reply_.count(Section::answer, 1);
    } else {
        reply_.truncate();
    }
}

void Responder::put_soa(const Zone& zone, std::uint16_t apex) noexcept {
    if (zone.soa() == nullptr) {
        return;
    }
    const std::size_t at = reply_.size();
    if (!put_records(reply_, Section::authority, *zone.soa(), {apex, apex, false}, rng_)) {
        reply_.truncate();
        return;
    }
    constexpr std::size_t kTtl = 6;
    dns::put_u16(reply_.at(at + kTtl), zone.negative_ttl() >> 16U);
    dns::put_u16(reply_.at(at + kTtl + 2), zone.negative_ttl() & 0xffffU);
}

void Responder::put(const Node& node, const RrsetEntry& entry, Names names) noexcept {
    const Drawn drawn = put_rrset(reply_, Section::answer, node, entry, names, rng_);
    if (!drawn.fits) {
        reply_.truncate();
    } else if (drawn.member != kNoMember) {
        has_others_ = has_others_ || via_ != kNoMember;
        via_ = member_;
        member_ = drawn.member;
    }
}

std::size_t room_for(const dns::Query& query, std::size_t buffer, Transport transport) noexcept {
    constexpr std::size_t kLeastUdp = 512;
    constexpr std::size_t kMostTcp = 65535;
    const std::size_t wanted = transport == Transport::tcp ? kMostTcp
                               : query.has_edns
                                   ? std::clamp(std::size_t{query.payload_size}, kLeastUdp,
                                                std::size_t{dns::kMaxUdpPayload})
                                   : kLeastUdp;
    return std::min(wanted, buffer);
}

/// A response without records, and without the question when that could not be read.
Answer refuse(const dns::Query& query, std::span<std::uint8_t> buffer, Rcode rcode) noexcept {
    dns::Reply reply{buffer, query};
    return {.size = reply.finish(rcode, false), .rcode = std::to_underlying(rcode)};
}

}  // namespace

Answer answer_parsed(const Snapshot& snapshot, const dns::Query& query, dns::Verdict verdict,
                     ZoneMatch zone, std::span<std::uint8_t> reply, Transport transport,
                     Rng& rng) noexcept {
    constexpr std::size_t kLeastBuffer = 512;
    if (verdict == dns::Verdict::silence || reply.size() < kLeastBuffer) {
        return {};
    }
    if (verdict == dns::Verdict::not_implemented) {
        return refuse(query, reply, Rcode::notimp);
    }
    if (verdict == dns::Verdict::format_error) {
        return refuse(query, reply, Rcode::formerr);
    }
    dns::Reply writer{reply.first(room_for(query, reply.size(), transport)), query};
    Responder responder{snapshot, query, writer, rng};
    responder.respond(zone.zone != nullptr ? zone : snapshot.find_zone(query.name));
    const std::size_t size = writer.finish(responder.rcode(), responder.is_authoritative());
    Answer answer{.size = size,
                  .rcode = std::to_underlying(responder.rcode()),
                  .truncated = writer.is_truncated()};
    if (writer.is_truncated()) {
        // Nothing is left but, perhaps, addresses of name servers (RFC 9471).
        answer.has_others = responder.has_others();
    } else {
        answer.member = responder.member();
        answer.via = responder.via();
        answer.has_others = responder.has_others();
    }
    return answer;
}

Answer answer(const Snapshot& snapshot, std::span<const std::uint8_t> query,
              std::span<std::uint8_t> reply, Transport transport, Rng& rng) noexcept {
    dns::Query parsed;
    const dns::Verdict verdict = dns::parse_query(query, parsed);
    return answer_parsed(snapshot, parsed, verdict, {}, reply, transport, rng);
}

}  // namespace rota::zone
