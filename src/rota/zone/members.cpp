#include "rota/zone/members.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rota/dns/name.h"
#include "rota/dns/query.h"
#include "rota/dns/reply.h"
#include "rota/dns/types.h"
#include "rota/model/record_set.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"
#include "rota/zone/shard.h"
#include "rota/zone/zone.h"

namespace rota::zone {

namespace {

/// Calls use(member, set_identifier) for each member until it returns true; whether it did.
template <typename Use>
bool any_member(const Node& node, const RrsetEntry& entry, const Use& use) {
    if (entry.body == Body::records) {
        return false;
    }
    const auto* const header = node.at<WeightedHeader>(entry.offset);
    std::size_t at = header->names;
    for (std::size_t i = 0; i < header->members; ++i) {
        const auto* const name = node.at<MemberName>(at);
        at += sizeof(MemberName);
        if (use(name->member, std::string_view{node.at<char>(at), name->size})) {
            return true;
        }
        at += (name->size + 3U) & ~std::size_t{3};
    }
    return false;
}

/// The TTL of a rota, which all its members share.
std::uint32_t ttl_of(const Node& node, const RrsetEntry& entry) {
    const auto* const header = node.at<WeightedHeader>(entry.offset);
    const auto* image = reinterpret_cast<const std::uint8_t*>(header + 1);
    if (entry.body == Body::mixed_members) {
        image = first_image(*node.at<RrList>(reinterpret_cast<const MixedSlot*>(image)->records));
    }
    constexpr std::size_t kTtl = 6;
    return (std::uint32_t{dns::get_u16(image + kTtl)} << 16U) | dns::get_u16(image + kTtl + 2);
}

std::optional<model::RecordKey> key_in(const Node& node, MemberIndex member) {
    std::optional<model::RecordKey> found;
    for (const RrsetEntry& entry : node.rrsets()) {
        any_member(node, entry, [&](MemberIndex index, std::string_view set_identifier) {
            if (index != member) {
                return false;
            }
            if (auto name = dns::Name::from_wire(node.name())) {
                found = {*std::move(name), dns::Type{entry.type}, std::string{set_identifier}};
            }
            return true;
        });
    }
    return found;
}

}  // namespace

MemberIndex member_of(const Node& node, dns::Type type, std::string_view set_identifier) {
    MemberIndex found = kNoMember;
    if (const RrsetEntry* const entry = node.find(type)) {
        any_member(node, *entry, [&](MemberIndex index, std::string_view name) {
            if (name == set_identifier) {
                found = index;
            }
            return name == set_identifier;
        });
    }
    return found;
}

std::optional<Member> find_member(const Snapshot& snapshot, std::string_view zone_id,
                                  const model::RecordKey& key) {
    const auto zone = std::ranges::find(snapshot.zones(), zone_id, [](const auto& each) {
        return std::string_view{each->identity()->id};
    });
    if (zone == snapshot.zones().end()) {
        return std::nullopt;
    }
    dns::FoldedName name;
    name.assign(key.name.wire());
    const Node* const node = (*zone)->find(name.hash[0], key.name.wire());
    const RrsetEntry* const entry = node == nullptr ? nullptr : node->find(key.type);
    if (entry == nullptr) {
        return std::nullopt;
    }
    const MemberIndex index = member_of(*node, key.type, key.set_identifier);
    return index == kNoMember ? std::nullopt : std::optional{Member{index, ttl_of(*node, *entry)}};
}

std::optional<model::RecordKey> member_key(const Snapshot& snapshot, MemberIndex member) {
    for (const auto& zone : snapshot.zones()) {
        for (const auto& shard : zone->shards()) {
            for (const Shard::Item& item : shard->items()) {
                if (auto key = key_in(*item.node, member)) {
                    return key;
                }
            }
        }
    }
    return std::nullopt;
}

}  // namespace rota::zone
