#include "rota/zone/members.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rota/dns/name.h"
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
