#include "rota/zone/records.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "rota/base/rng.h"
#include "rota/dns/reply.h"
#include "rota/routing/weighted.h"
#include "rota/zone/answer.h"
#include "rota/zone/node.h"

namespace rota::zone {

namespace {

/// Sets the compression pointers of an image that was copied to `to`.
void point(std::uint8_t* to, const RrList& list, std::size_t i, Names names) noexcept {
    dns::put_u16(to, names.owner);
    if (list.has_pointers == 0) {
        return;
    }
    const Pointers pointers = pointers_of(list)[i];
    if (pointers.first != 0) {
        dns::put_u16(to + pointers.first, names.apex);
    }
    if (pointers.second != 0) {
        dns::put_u16(to + pointers.second, names.apex);
    }
}

/// A record set of more than one record: Fisher and Yates's shuffle while writing.
void put_shuffled(std::uint8_t* to, const RrList& list, Names names, Rng& rng) noexcept {
    constexpr std::size_t kMostRecords = 512;  // Route 53 allows 400 values
    std::array<std::uint16_t, kMostRecords> order;
    const std::size_t shuffled = std::min(std::size_t{list.count}, kMostRecords);
    for (std::size_t i = 0; i < shuffled; ++i) {
        order[i] = static_cast<std::uint16_t>(i);
    }
    const std::uint8_t* const images = first_image(list);
    for (std::size_t i = 0; i < list.count; ++i) {
        std::size_t which = i;
        if (i < shuffled) {
            const std::size_t left = shuffled - i;
            std::swap(order[i], order[i + rng.below(static_cast<std::uint32_t>(left))]);
            which = order[i];
        }
        const std::size_t size = image_bytes(list, which);
        std::memcpy(to, images + image_offset(list, which), size);
        if (!names.as_compiled) {
            point(to, list, which, names);
        }
        to += size;
    }
}

template <typename Slot>
const Slot* slot_at(const std::uint8_t* slots, const WeightedHeader& header,
                    std::size_t i) noexcept {
    return reinterpret_cast<const Slot*>(slots + (i * header.stride));
}

template <typename Slot>
const Slot* draw(const std::uint8_t* slots, const WeightedHeader& header, Rng& rng) noexcept {
    const routing::Landing at = routing::land(header.slots, header.total, rng);
    const Slot* const slot = slot_at<Slot>(slots, header, at.slot);
    return at.coin < slot->threshold ? slot : slot_at<Slot>(slots, header, slot->alias);
}

Drawn put_even_member(dns::Reply& reply, dns::Section section, const WeightedHeader& header,
                      Names names, Rng& rng) noexcept {
    const auto* const head = reinterpret_cast<const std::uint8_t*>(&header + 1);
    const std::size_t size = dns::get_u16(head + kImageHead - 2);
    std::uint8_t* const to = reply.take(kImageHead + size);
    if (to == nullptr) {
        return {};
    }
    const auto* const slot = draw<EvenSlot>(head + kImageHead, header, rng);
    std::memcpy(to, head, kImageHead);
    std::memcpy(to + kImageHead, slot + 1, size);
    dns::put_u16(to, names.owner);
    reply.count(section, 1);
    return {true, slot->member};
}

}  // namespace

bool put_records(dns::Reply& reply, dns::Section section, const RrList& list, Names names,
                 Rng& rng) noexcept {
    std::uint8_t* const to = reply.take(list.bytes);
    if (to == nullptr) {
        return false;
    }
    if (list.count != 1) {
        put_shuffled(to, list, names, rng);
    } else {
        std::memcpy(to, first_image(list), list.bytes);
        if (!names.as_compiled) {
            point(to, list, 0, names);
        }
    }
    reply.count(section, list.count);
    return true;
}

Drawn put_rrset(dns::Reply& reply, dns::Section section, const Node& node, const RrsetEntry& entry,
                Names names, Rng& rng) noexcept {
    if (entry.body == Body::records) {
        return {put_records(reply, section, *node.at<RrList>(entry.offset), names, rng), kNoMember};
    }
    const auto& header = *node.at<WeightedHeader>(entry.offset);
    if (entry.body == Body::even_members) {
        return put_even_member(reply, section, header, names, rng);
    }
    const auto* const slot =
        draw<MixedSlot>(reinterpret_cast<const std::uint8_t*>(&header + 1), header, rng);
    return {put_records(reply, section, *node.at<RrList>(slot->records), names, rng), slot->member};
}

}  // namespace rota::zone
