#include "rota/zone/referral.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rota/base/rng.h"
#include "rota/dns/query.h"
#include "rota/dns/reply.h"
#include "rota/dns/types.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"
#include "rota/zone/records.h"
#include "rota/zone/zone.h"

namespace rota::zone {

namespace {

constexpr std::size_t kPointerTag = 0xc000;
constexpr std::size_t kPointerLimit = 0x4000;

/// A name server whose name is in the zone, as it stands in the RDATA of an NS record just written.
struct NameServer {
    const Node* node = nullptr;
    std::uint16_t owner = 0;  ///< compression pointer
    bool is_required = false;
};

/// Reads the target of an NS record at `at`: the compiler ends it with a pointer to the apex when
/// it is in the zone, and only those can have addresses here.
NameServer name_server(dns::Reply& reply, std::size_t at, std::size_t size, const Zone& zone,
                       const Node& cut, std::uint16_t apex) noexcept {
    const std::size_t literal = dns::literal_size(reply.at(at));
    const auto suffix = zone.apex();
    if (literal == size || at >= kPointerLimit) {
        return {};
    }
    dns::FoldedName name;
    name.size = static_cast<std::uint8_t>(literal + suffix.size());
    std::memcpy(name.octets.data(), reply.at(at), literal);
    std::memcpy(name.octets.data() + literal, suffix.data(), suffix.size());
    name.index();
    const auto below = cut.name();
    const auto wire = name.wire();
    const bool is_in_domain =
        wire.size() >= below.size() && std::ranges::equal(wire.last(below.size()), below);
    return {zone.find(name.hash[0], wire),
            literal == 0 ? apex : static_cast<std::uint16_t>(kPointerTag | at), is_in_domain};
}

/// @param has_members  set when an address is a rota's.
/// @returns whether all addresses fit.
bool put_addresses(dns::Reply& reply, const NameServer& server, std::uint16_t apex, Rng& rng,
                   bool& has_members) noexcept {
    for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
        const RrsetEntry* const entry = server.node->find(type);
        if (entry == nullptr) {
            continue;
        }
        const Drawn drawn = put_rrset(reply, dns::Section::additional, *server.node, *entry,
                                      {server.owner, apex, false}, rng);
        if (!drawn.fits) {
            return false;
        }
        has_members = has_members || drawn.member != kNoMember;
    }
    return true;
}

}  // namespace

bool put_referral(dns::Reply& reply, const Zone& zone, const Node& cut, Names names,
                  Rng& rng) noexcept {
    const RrsetEntry* const entry = cut.find(dns::Type::ns);
    const std::size_t start = reply.size();
    bool has_members = false;
    if (entry == nullptr) {
        return has_members;
    }
    if (!put_rrset(reply, dns::Section::authority, cut, *entry, names, rng).fits) {
        reply.truncate();
        return has_members;
    }
    const std::size_t end = reply.size();
    for (const bool required : {true, false}) {
        for (std::size_t at = start; at < end;) {
            const std::size_t size = dns::get_u16(reply.at(at + kImageHead - 2));
            const NameServer server =
                name_server(reply, at + kImageHead, size, zone, cut, names.apex);
            at += kImageHead + size;
            if (server.node == nullptr || server.is_required != required) {
                continue;
            }
            if (!put_addresses(reply, server, names.apex, rng, has_members)) {
                if (required) {
                    reply.mark_truncated();
                }
                return has_members;
            }
        }
    }
    return has_members;
}

}  // namespace rota::zone
