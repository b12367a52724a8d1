#include "rota/zone/zone.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "rota/dns/query.h"
#include "rota/dns/reply.h"
#include "rota/dns/types.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"

namespace rota::zone {

namespace {

std::uint32_t u32_at(const std::uint8_t* from) noexcept {
    return (std::uint32_t{dns::get_u16(from)} << 16U) | dns::get_u16(from + 2);
}

}  // namespace

Zone::Zone(std::shared_ptr<const Identity> identity, std::vector<ShardPtr> shards)
    : identity_{std::move(identity)}, shards_{std::move(shards)} {
    shard_shift_ = 32U - static_cast<unsigned>(std::countr_zero(shards_.size()));
    views_.reserve(shards_.size());
    for (const ShardPtr& shard : shards_) {
        views_.push_back({shard->base(), shard->mask()});
        bytes_ += shard->bytes();
    }
    dns::FoldedName name;
    name.assign(apex());
    apex_labels_ = name.labels;
    apex_hash_ = name.hash[0];
    find_soa();
}

Zone::Zone(const Zone& before, std::vector<Replacement> replacements)
    : views_{before.views_},
      shard_shift_{before.shard_shift_},
      bytes_{before.bytes_},
      apex_labels_{before.apex_labels_},
      apex_hash_{before.apex_hash_},
      identity_{before.identity_},
      shards_{before.shards_} {
    for (Replacement& replacement : replacements) {
        ShardPtr& shard = shards_[replacement.shard];
        bytes_ += replacement.by->bytes() - shard->bytes();
        shard = std::move(replacement.by);
        views_[replacement.shard] = {shard->base(), shard->mask()};
    }
    find_soa();
}

void Zone::find_soa() {
    const Node* const node = find(apex_hash_, apex());
    const RrsetEntry* const entry = node == nullptr ? nullptr : node->find(dns::Type::soa);
    if (entry == nullptr || entry->body != Body::records) {
        return;
    }
    soa_ = node->at<RrList>(entry->offset);
    const std::uint8_t* const image = first_image(*soa_);
    // The SOA minimum is the last field of the RDATA, and so of the image.
    negative_ttl_ = std::min(u32_at(image + 6), u32_at(image + image_bytes(*soa_, 0) - 4));
}

Snapshot::Snapshot(std::vector<ZonePtr> zones, MemberIndex next_member)
    : zones_{std::move(zones)}, next_member_{next_member} {
    table_.resize(std::bit_ceil((zones_.size() * 2) + 1));
    mask_ = table_.size() - 1;
    for (const bool is_private : {false, true}) {
        for (const ZonePtr& zone : zones_) {
            if (zone->identity()->is_private == is_private) {
                insert(zone.get());
            }
        }
    }
}

void Snapshot::insert(const Zone* zone) {
    std::size_t i = zone->apex_hash() & mask_;
    for (; table_[i].zone != nullptr; i = (i + 1) & mask_) {
        if (std::ranges::equal(table_[i].zone->apex(), zone->apex())) {
            return;  // an earlier zone has the name
        }
    }
    table_[i] = {zone->apex_hash(), zone};
    has_labels_[zone->apex_labels()] = true;
    most_labels_ = std::max(most_labels_, zone->apex_labels());
}

ZoneMatch Snapshot::find_zone(const dns::FoldedName& name, std::size_t first_label) const noexcept {
    const std::size_t labels = name.labels;
    std::size_t at = std::max(first_label, labels > most_labels_ ? labels - most_labels_ : 0);
    for (; at <= labels; ++at) {
        if (!has_labels_[labels - at]) {
            continue;
        }
        const std::uint64_t hash = name.hash[at];
        for (std::size_t i = hash & mask_; table_[i].zone != nullptr; i = (i + 1) & mask_) {
            if (table_[i].hash == hash &&
                std::ranges::equal(table_[i].zone->apex(), name.suffix(at))) {
                return {table_[i].zone, at};
            }
        }
    }
    return {};
}

}  // namespace rota::zone
