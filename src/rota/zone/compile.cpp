#include "rota/zone/compile.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/query.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"
#include "rota/zone/node_writer.h"
#include "rota/zone/shard.h"
#include "rota/zone/zone.h"

namespace rota::zone {

namespace {

std::uint64_t hash_of(std::span<const std::uint8_t> wire) {
    dns::FoldedName name;
    name.assign(wire);
    return name.hash[0];
}

/// A change copies one shard and the list of shards, so their sizes are balanced: a list entry
/// costs about as much as 50 octets of a shard (measured: two reference counts against a copy).
std::size_t shards_for(std::size_t bytes) {
    constexpr double kOctetsPerEntry = 50;
    constexpr std::size_t kMostShards = 65536;
    const auto wanted =
        static_cast<std::size_t>(std::sqrt(static_cast<double>(bytes) / kOctetsPerEntry));
    return std::clamp(std::bit_floor(wanted), std::size_t{1}, kMostShards);
}

/// True when so much was added or taken away that the shards should be cut anew.
bool has_outgrown(std::size_t shards, std::size_t bytes) {
    constexpr std::size_t kSlack = 4;
    const std::size_t wanted = shards_for(bytes);
    return wanted > shards * kSlack || wanted * kSlack < shards;
}

}  // namespace

Compiler::Compiler(const model::HostedZone& zone, const model::RecordSets& record_sets,
                   const Zone* before, MemberIndex& next_member)
    : zone_{zone}, record_sets_{record_sets}, before_{before}, next_member_{next_member} {}

std::shared_ptr<const Zone> Compiler::whole() {
    Names names;
    names.insert(zone_.name);
    for (const auto& [key, record_set] : record_sets_) {
        add_with_ancestors(key.name, names);
    }
    std::vector<LineBuffer> blocks;
    std::vector<std::uint64_t> hashes;
    blocks.reserve(names.size());
    hashes.reserve(names.size());
    std::size_t bytes = 0;
    for (const dns::Name& name : names) {
        blocks.push_back(compile(name));
        hashes.push_back(hash_of(name.wire()));
        bytes += blocks.back().size();
    }
    const std::size_t count = shards_for(bytes);
    const auto shift = 32U - static_cast<unsigned>(std::countr_zero(count));
    std::vector<std::vector<Shard::Item>> items(count);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        items[(hashes[i] >> 32U) >> shift].push_back(
            {static_cast<std::uint32_t>(hashes[i]), blocks[i].as_node()});
    }
    std::vector<Zone::ShardPtr> shards;
    shards.reserve(count);
    for (const auto& part : items) {
        shards.push_back(std::make_shared<const Shard>(part));
    }
    auto identity = std::make_shared<const Zone::Identity>(
        Zone::Identity{zone_.id, zone_.name, zone_.private_zone});
    return std::make_shared<const Zone>(std::move(identity), std::move(shards));
}

std::shared_ptr<const Zone> Compiler::changed(const model::ZoneDelta& delta) {
    Names names;
    for (const auto& [key, record_set] : delta) {
        add_changed(key.name, names);
        if (key.type == dns::Type::ns && key.name != zone_.name) {
            add_descendants(key.name, names);  // a cut came or went: who is below it changes sides
        }
    }

    struct Rebuilt {
        std::uint32_t tag = 0;
        LineBuffer block;  // empty: the name is gone
        std::span<const std::uint8_t> name;
    };

    std::map<std::size_t, std::vector<Rebuilt>> by_shard;
    for (const dns::Name& name : names) {
        const std::uint64_t hash = hash_of(name.wire());
        by_shard[before_->shard_of(hash)].push_back(
            {static_cast<std::uint32_t>(hash),
             name == zone_.name || exists(name) ? compile(name) : LineBuffer{}, name.wire()});
    }
    std::vector<Zone::Replacement> replacements;
    for (const auto& [shard, rebuilt] : by_shard) {
        auto items = before_->shards()[shard]->items();
        std::erase_if(items, [&](const Shard::Item& item) {
            return std::ranges::any_of(rebuilt, [&](const Rebuilt& by) {
                return by.tag == item.tag && item.node->is_named(by.name);
            });
        });
        for (const Rebuilt& by : rebuilt) {
            if (by.block.size() != 0) {
                items.push_back({by.tag, by.block.as_node()});
            }
        }
        replacements.push_back({shard, std::make_shared<const Shard>(items)});
    }
    auto after = std::make_shared<const Zone>(*before_, std::move(replacements));
    return has_outgrown(after->shards().size(), after->bytes()) ? whole() : after;
}

Compiler::Iterator Compiler::first_at_or_below(const dns::Name& name) const {
    // "A" is the first of all mnemonics and the empty set identifier the first of all identifiers.
    return record_sets_.lower_bound(model::RecordKey{name, dns::Type::a, {}});
}

bool Compiler::exists(const dns::Name& name) const {
    const auto first = first_at_or_below(name);
    return first != record_sets_.end() && first->first.name.is_at_or_below(name);
}

bool Compiler::is_cut(const dns::Name& name) const {
    if (name == zone_.name) {
        return false;
    }
    const auto ns = record_sets_.lower_bound(model::RecordKey{name, dns::Type::ns, {}});
    return ns != record_sets_.end() && ns->first.type == dns::Type::ns && ns->first.name == name;
}

bool Compiler::is_occluded(const dns::Name& name) const {
    for (dns::Name above = name; above != zone_.name;) {
        above = above.parent();
        if (is_cut(above)) {
            return true;
        }
    }
    return false;
}

bool Compiler::has_wildcard(const dns::Name& name) const {
    std::vector<std::uint8_t> wire{1, '*'};
    wire.insert(wire.end(), name.wire().begin(), name.wire().end());
    const auto wildcard = dns::Name::from_wire(wire);
    return wildcard && exists(*wildcard);
}

void Compiler::add_with_ancestors(const dns::Name& name, Names& names) const {
    if (!name.is_at_or_below(zone_.name)) {
        return;
    }
    dns::Name at = name;
    while (names.insert(at).second && at != zone_.name) {
        at = at.parent();
    }
}

/// The name, and those above it that come or go as empty non-terminals or get or lose a wildcard.
void Compiler::add_changed(const dns::Name& name, Names& names) const {
    if (!name.is_at_or_below(zone_.name)) {
        return;
    }
    names.insert(name);
    for (dns::Name below = name; below != zone_.name;) {
        dns::Name above = below.parent();
        const bool existed = before_->find(hash_of(above.wire()), above.wire()) != nullptr;
        if (below.is_wildcard() || existed != (above == zone_.name || exists(above))) {
            names.insert(above);
        }
        below = std::move(above);
    }
}

void Compiler::add_descendants(const dns::Name& name, Names& names) const {
    for (auto at = first_at_or_below(name);
         at != record_sets_.end() && at->first.name.is_at_or_below(name); ++at) {
        add_with_ancestors(at->first.name, names);
    }
}

LineBuffer Compiler::compile(const dns::Name& name) {
    std::vector<std::vector<const model::RecordSet*>> types;
    for (auto at = first_at_or_below(name); at != record_sets_.end() && at->first.name == name;
         ++at) {
        if (types.empty() || types.back().front()->type != at->first.type) {
            types.emplace_back();
        }
        types.back().push_back(&at->second);
    }
    const Node* const node =
        before_ == nullptr ? nullptr : before_->find(hash_of(name.wire()), name.wire());
    NodeWriter writer{name, zone_.name, types.size(), node, next_member_};
    for (const auto& record_sets : types) {
        writer.add(record_sets);
    }
    return writer.finish((is_cut(name) ? unsigned{Node::cut} : 0U) |
                         (is_occluded(name) ? unsigned{Node::occluded} : 0U) |
                         (has_wildcard(name) ? unsigned{Node::has_wildcard} : 0U));
}

}  // namespace rota::zone
