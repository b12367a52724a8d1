#include "rota/zone/lookup.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rota/dns/query.h"
#include "rota/zone/node.h"
#include "rota/zone/zone.h"

namespace rota::zone {

namespace {

/// The referral for a name that is at or below a cut. Cuts nearer to the apex come first: what is
/// below them is not the zone's to tell.
Match refer(const Zone& zone, const dns::FoldedName& name, std::size_t apex) noexcept {
    for (std::size_t i = apex; i-- > 0;) {
        const Node* const node = zone.find(name.hash[i], name.suffix(i));
        if (node != nullptr && node->is(Node::cut)) {
            return {Match::Kind::referral, node, i};
        }
    }
    return {};
}

/// `*` directly below the closest encloser, which begins at `label`.
const Node* find_wildcard(const Zone& zone, const dns::FoldedName& name,
                          std::size_t label) noexcept {
    std::array<std::uint8_t, dns::kMaxNameSize + 2 + dns::FoldedName::kSlack> wildcard;
    wildcard[0] = 1;
    wildcard[1] = '*';
    const auto encloser = name.suffix(label);
    std::memcpy(&wildcard[2], encloser.data(), encloser.size());
    return zone.find(dns::hash_label(name.hash[label], wildcard.data()),
                     std::span{wildcard}.first(encloser.size() + 2));
}

Match match_missing(const Zone& zone, const dns::FoldedName& name, std::size_t apex) noexcept {
    std::size_t label = 1;
    const Node* encloser = nullptr;
    // The apex exists always, so the search ends there.
    while (label <= apex &&
           (encloser = zone.find(name.hash[label], name.suffix(label))) == nullptr) {
        ++label;
    }
    if (encloser == nullptr) {
        return {};
    }
    if (encloser->is(Node::cut) || encloser->is(Node::occluded)) {
        return refer(zone, name, apex);
    }
    if (encloser->is(Node::has_wildcard)) {
        return {Match::Kind::wildcard, find_wildcard(zone, name, label), 0};
    }
    return {};
}

}  // namespace

Match find_match(const Zone& zone, const dns::FoldedName& name, std::size_t apex,
                 bool wants_ds) noexcept {
    const Node* const node = zone.find(name.hash[0], name.wire());
    if (node == nullptr) {
        return match_missing(zone, name, apex);
    }
    if (node->is(Node::occluded)) {
        return refer(zone, name, apex);
    }
    if (node->is(Node::cut) && !wants_ds) {
        return {Match::Kind::referral, node, 0};
    }
    return {Match::Kind::exact, node, 0};
}

}  // namespace rota::zone
