#include "rota/zone/shard.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "rota/zone/node.h"

namespace rota::zone {

LineBuffer::LineBuffer(std::size_t bytes)
    : data_{static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{kLine}))},
      size_{bytes} {}

void LineBuffer::Free::operator()(std::byte* memory) const noexcept {
    ::operator delete[](memory, std::align_val_t{kLine});
}

Shard::Shard(std::span<const Item> items) {
    // At least one line of slots, so that no node starts at line 0, which means "free".
    const std::size_t slots = std::max(kLine / sizeof(ShardSlot), std::bit_ceil(items.size() * 2));
    std::size_t bytes = slots * sizeof(ShardSlot);
    for (const Item& item : items) {
        bytes += item.node->bytes();
    }
    memory_ = LineBuffer{bytes};
    mask_ = static_cast<std::uint32_t>(slots - 1);
    std::size_t at = slots * sizeof(ShardSlot);
    std::memset(memory_.data(), 0, at);
    for (const Item& item : items) {
        auto* const table = reinterpret_cast<ShardSlot*>(memory_.data());
        std::uint32_t slot = item.tag & mask_;
        while (table[slot].line != 0) {
            slot = (slot + 1) & mask_;
        }
        table[slot] = {item.tag, static_cast<std::uint32_t>(at / kLine)};
        std::memcpy(memory_.data() + at, item.node, item.node->bytes());
        at += item.node->bytes();
    }
}

std::vector<Shard::Item> Shard::items() const {
    const ShardView view{base(), mask_};
    std::vector<Item> items;
    items.reserve((std::size_t{mask_} + 1) / 2);
    for (std::uint32_t i = 0; i <= mask_; ++i) {
        const ShardSlot& slot = view.slots()[i];
        if (slot.line != 0) {
            items.push_back({slot.tag, view.node(slot)});
        }
    }
    return items;
}

}  // namespace rota::zone
