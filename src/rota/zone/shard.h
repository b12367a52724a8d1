#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rota/zone/node.h"

namespace rota::zone {

/// Memory that starts on a cache line; fixed in size, not cleared.
class LineBuffer {
public:
    LineBuffer() = default;
    explicit LineBuffer(std::size_t bytes);

    [[nodiscard]] std::byte* data() noexcept { return data_.get(); }

    [[nodiscard]] const std::byte* data() const noexcept { return data_.get(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    [[nodiscard]] const Node* as_node() const noexcept {
        return reinterpret_cast<const Node*>(data_.get());
    }

private:
    struct Free {
        void operator()(std::byte* memory) const noexcept;
    };

    std::unique_ptr<std::byte[], Free> data_;  // NOLINT(modernize-avoid-c-arrays)
    std::size_t size_ = 0;
};

/// A slot of a shard's hash table (open addressing, at most half full).
struct ShardSlot {
    std::uint32_t tag;   ///< the low half of the name's hash; its low bits are the home slot
    std::uint32_t line;  ///< where the node starts in the shard; 0: free
};

/// A part of a zone's names: hash table and nodes in one block of memory, copied as a whole when
/// one of its names changes.
class Shard {
public:
    /// A node with its name's tag, wherever it lies now.
    struct Item {
        std::uint32_t tag = 0;
        const Node* node = nullptr;
    };

    explicit Shard(std::span<const Item> items);

    [[nodiscard]] std::vector<Item> items() const;

    [[nodiscard]] const std::byte* base() const noexcept { return memory_.data(); }

    [[nodiscard]] std::uint32_t mask() const noexcept { return mask_; }

    [[nodiscard]] std::size_t bytes() const noexcept { return memory_.size(); }

private:
    LineBuffer memory_;
    std::uint32_t mask_ = 0;
};

/// What a lookup needs of a shard.
struct ShardView {
    const std::byte* base = nullptr;
    std::uint32_t mask = 0;

    [[nodiscard]] const ShardSlot* slots() const noexcept {
        return reinterpret_cast<const ShardSlot*>(base);
    }

    [[nodiscard]] const Node* node(const ShardSlot& slot) const noexcept {
        return reinterpret_cast<const Node*>(base + (std::size_t{slot.line} * kLine));
    }
};

}  // namespace rota::zone
