#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/query.h"
#include "rota/model/hosted_zone.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"
#include "rota/zone/shard.h"

namespace rota::zone {

/// One hosted zone, immutable. Its names are spread over shards by the top bits of their hash; a
/// change makes a new Zone that shares every shard but those of the names that changed.
class Zone {
public:
    using ShardPtr = std::shared_ptr<const Shard>;

    /// What stays the same as long as the zone exists.
    struct Identity {
        std::string id;
        dns::Name apex;
        bool is_private = false;
    };

    /// @param shards  their number is a power of two.
    Zone(std::shared_ptr<const Identity> identity, std::vector<ShardPtr> shards);

    /// One part of a zone and what takes its place.
    struct Replacement {
        std::size_t shard = 0;
        ShardPtr by;
    };

    /// The zone after some of its shards were replaced.
    Zone(const Zone& before, std::vector<Replacement> replacements);

    [[nodiscard]] const std::shared_ptr<const Identity>& identity() const noexcept {
        return identity_;
    }

    [[nodiscard]] std::span<const std::uint8_t> apex() const noexcept {
        return identity_->apex.wire();
    }

    [[nodiscard]] std::size_t apex_labels() const noexcept { return apex_labels_; }

    [[nodiscard]] std::uint64_t apex_hash() const noexcept { return apex_hash_; }

    /// Null when the zone has no SOA, which Route 53 never lets happen.
    [[nodiscard]] const RrList* soa() const noexcept { return soa_; }

    /// The TTL of negative answers. @source RFC 2308 section 5.
    [[nodiscard]] std::uint32_t negative_ttl() const noexcept { return negative_ttl_; }

    /// The node of a name in lower case; null when it does not exist.
    [[nodiscard]] const Node* find(std::uint64_t hash,
                                   std::span<const std::uint8_t> wire) const noexcept {
        const ShardView view = views_[shard_of(hash)];
        const auto tag = static_cast<std::uint32_t>(hash);
        for (std::uint32_t i = tag & view.mask;; i = (i + 1) & view.mask) {
            const ShardSlot slot = view.slots()[i];
            if (slot.line == 0) {
                return nullptr;
            }
            if (slot.tag == tag && view.node(slot)->is_named(wire)) {
                return view.node(slot);
            }
        }
    }

    /// Asks the processor for the slot that find() will read first.
    void prefetch_slot(std::uint64_t hash) const noexcept {
        const ShardView view = views_[shard_of(hash)];
        __builtin_prefetch(&view.slots()[static_cast<std::uint32_t>(hash) & view.mask]);
    }

    /// Asks for the node that the slot names, if it seems to be the one.
    void prefetch_node(std::uint64_t hash) const noexcept {
        const ShardView view = views_[shard_of(hash)];
        const auto tag = static_cast<std::uint32_t>(hash);
        const ShardSlot slot = view.slots()[tag & view.mask];
        if (slot.line != 0 && slot.tag == tag) {
            const auto* const node = reinterpret_cast<const std::byte*>(view.node(slot));
            __builtin_prefetch(node);
            __builtin_prefetch(node + kLine);
            __builtin_prefetch(node + (2 * kLine));
        }
    }

    [[nodiscard]] std::size_t shard_of(std::uint64_t hash) const noexcept {
        return (hash >> 32U) >> shard_shift_;
    }

    /// Of all shards.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    [[nodiscard]] const std::vector<ShardPtr>& shards() const noexcept { return shards_; }

private:
    void find_soa();

    std::vector<ShardView> views_;
    unsigned shard_shift_ = 32;
    std::size_t bytes_ = 0;
    std::uint8_t apex_labels_ = 0;
    std::uint32_t negative_ttl_ = 0;
    std::uint64_t apex_hash_ = 0;
    const RrList* soa_ = nullptr;  // in a shard
    std::shared_ptr<const Identity> identity_;
    std::vector<ShardPtr> shards_;
};

/// A zone and where its apex begins in the name that was looked for.
struct ZoneMatch {
    const Zone* zone = nullptr;
    std::size_t apex = 0;  ///< index of a label
};

class Snapshot {
public:
    using ZonePtr = std::shared_ptr<const Zone>;

    /// @param zones  in the order in which they were added. Where several have one name, the first
    /// public one answers, or the first when none is public.
    Snapshot(std::vector<ZonePtr> zones, MemberIndex next_member);

    [[nodiscard]] const std::vector<ZonePtr>& zones() const noexcept { return zones_; }

    /// The index that the next new member gets. Indexes are not used again.
    [[nodiscard]] MemberIndex next_member() const noexcept { return next_member_; }

    /// The zone with the longest name that `name` is at or below.
    /// @param first_label  the apex begins at this label or further to the right.
    [[nodiscard]] ZoneMatch find_zone(const dns::FoldedName& name,
                                      std::size_t first_label = 0) const noexcept;

private:
    struct Slot {
        std::uint64_t hash = 0;
        const Zone* zone = nullptr;
    };

    void insert(const Zone* zone);

    std::vector<Slot> table_;
    std::size_t mask_ = 0;
    std::size_t most_labels_ = 0;                         // of any apex
    std::array<bool, dns::kMaxLabels + 1> has_labels_{};  // is there an apex with so many labels?
    std::vector<ZonePtr> zones_;
    MemberIndex next_member_ = 0;
};

}  // namespace rota::zone
