#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rota/dns/types.h"

// One owner name of a zone as one block of memory that starts on a cache line and holds, in the
// order in which an answer touches them:
//
//   Node header (8) | RrsetEntry (8) per type | the name | per type the body, at its entry's offset
//
// A body is either an RrList (the records of one record set, ready to be copied into a response) or
// a weighted rota: an alias table whose slots carry the data themselves. For the common rota, one
// value of equal size a member and one TTL, a query touches the first line and the line of the slot
// that it drew. Offsets count from the node's start, so a block can be moved as a whole.
namespace rota::zone {

inline constexpr std::size_t kLine = 64;

/// In network order wherever it says so; everything else is the machine's own.
enum class Body : std::uint16_t {
    records,        ///< RrList
    even_members,   ///< WeightedHeader + EvenSlot: one value a member, of one size, one TTL
    mixed_members,  ///< WeightedHeader + MixedSlot: any other rota
};

struct RrsetEntry {
    std::uint16_t type;
    Body body;
    std::uint32_t offset;  ///< 0: none of the record set's values could be used
};

/// The records of one record set. After the header: for more than one record `count` offsets (from
/// the first image) of 32 bits; for compressible types `count` Pointers; then the images.
struct RrList {
    std::uint16_t count;
    std::uint16_t has_pointers;
    std::uint32_t bytes;  ///< of all images
};

/// Where a record's RDATA has its compression pointers, from the image's start; 0: none. They lead
/// to the zone's apex and are right as they stand when the owner is the question's name.
struct Pointers {
    std::uint16_t first;
    std::uint16_t second;
};

/// For more than one record: where each image begins, from the first image's start.
inline const std::uint32_t* image_offsets(const RrList& list) noexcept {
    return reinterpret_cast<const std::uint32_t*>(&list + 1);
}

/// For compressible types only.
inline const Pointers* pointers_of(const RrList& list) noexcept {
    return reinterpret_cast<const Pointers*>(image_offsets(list) +
                                             (list.count > 1 ? list.count : 0));
}

inline const std::uint8_t* first_image(const RrList& list) noexcept {
    return reinterpret_cast<const std::uint8_t*>(pointers_of(list) +
                                                 (list.has_pointers != 0 ? list.count : 0));
}

inline std::size_t image_offset(const RrList& list, std::size_t i) noexcept {
    return i == 0 ? 0 : i == list.count ? list.bytes : image_offsets(list)[i];
}

inline std::size_t image_bytes(const RrList& list, std::size_t i) noexcept {
    return image_offset(list, i + 1) - image_offset(list, i);
}

/// Owner pointer, type, class, TTL, RDATA length: what stands before the RDATA in an image.
inline constexpr std::size_t kImageHead = 12;

struct WeightedHeader {
    std::uint16_t slots;
    std::uint16_t stride;  ///< octets from slot to slot
    std::uint32_t total;   ///< coins are in [0, total)
    std::uint32_t names;   ///< offset of the member names (MemberName)
    std::uint32_t members;
};

/// `stride` octets each, behind the WeightedHeader and the kImageHead octets that all members
/// share.
struct EvenSlot {
    std::uint16_t threshold;
    std::uint16_t alias;
    std::uint32_t member;
    // the RDATA
};

struct MixedSlot {
    std::uint16_t threshold;
    std::uint16_t alias;
    std::uint32_t member;
    std::uint32_t records;  ///< offset of the member's RrList
};

/// Which member has which set identifier: not for answers. Followed by the identifier.
struct MemberName {
    std::uint32_t member;
    std::uint32_t size;
};

class Node {
public:
    enum Flag : std::uint8_t {
        cut = 1,           ///< NS below the apex: the zone ends here
        occluded = 2,      ///< below a cut
        has_wildcard = 4,  ///< `*` exists directly below
    };

    [[nodiscard]] std::size_t bytes() const noexcept { return std::size_t{lines_} * kLine; }

    [[nodiscard]] bool is(Flag flag) const noexcept { return (flags_ & flag) != 0; }

    /// An empty non-terminal has no record sets.
    [[nodiscard]] std::span<const RrsetEntry> rrsets() const noexcept {
        return {at<RrsetEntry>(sizeof(Node)), rrsets_};
    }

    [[nodiscard]] std::span<const std::uint8_t> name() const noexcept {
        return {at<std::uint8_t>(sizeof(Node) + (rrsets_ * sizeof(RrsetEntry))), name_size_};
    }

    [[nodiscard]] bool is_named(std::span<const std::uint8_t> wire) const noexcept {
        const auto own = name();
        return own.size() == wire.size() && std::memcmp(own.data(), wire.data(), wire.size()) == 0;
    }

    [[nodiscard]] const RrsetEntry* find(std::uint16_t type) const noexcept {
        for (const RrsetEntry& entry : rrsets()) {
            if (entry.type == type && entry.offset != 0) {
                return &entry;
            }
        }
        return nullptr;
    }

    [[nodiscard]] const RrsetEntry* find(dns::Type type) const noexcept {
        return find(static_cast<std::uint16_t>(type));
    }

    /// What the compiler put at an offset.
    template <typename T>
    [[nodiscard]] const T* at(std::size_t offset) const noexcept {
        return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(this) + offset);
    }

private:
    friend class NodeWriter;

    std::uint32_t lines_;
    std::uint16_t rrsets_;
    std::uint8_t flags_;
    std::uint8_t name_size_;
};

}  // namespace rota::zone
