#include "rota/dns/wire.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "rota/dns/name.h"

namespace rota::dns {

namespace {

constexpr std::size_t kMaxName = 255;

// As many as a name has labels: pointers to pointers would only keep us busy.
constexpr int kMaxHops = 127;

/// Where a compression pointer at `at` leads; nothing unless that is before `limit`.
std::optional<std::size_t> pointer_target(std::span<const std::uint8_t> message, std::size_t at,
                                          std::size_t limit) {
    if (message.size() - at < 2) {
        return std::nullopt;
    }
    const std::size_t target = ((message[at] & 0x3fU) << 8U) | message[at + 1];
    return target < limit ? std::optional{target} : std::nullopt;
}

}  // namespace

Name WireReader::name() {
    std::array<std::uint8_t, kMaxName> wire{};
    std::size_t size = 0;
    std::size_t at = at_;     // where the next label is read, perhaps behind a pointer
    std::size_t limit = at_;  // a pointer must lead to before here
    std::size_t after = 0;    // where the name ends in the message; 0 until known
    for (int hops = 0; at < message_.size();) {
        const std::size_t length = message_[at];
        if (length >= 0xc0) {
            const auto target = pointer_target(message_, at, limit);
            if (!target || ++hops > kMaxHops) {
                break;
            }
            after = after == 0 ? at + 2 : after;
            at = limit = *target;
            continue;
        }
        // Too long a label, which here is one of a reserved type too, is from_wire's to refuse.
        if (message_.size() - at <= length || size + 1 + length > wire.size()) {
            break;
        }
        std::ranges::copy(message_.subspan(at, 1 + length),
                          wire.begin() + static_cast<std::ptrdiff_t>(size));
        size += 1 + length;
        at += 1 + length;
        if (length == 0) {
            at_ = after == 0 ? at : after;
            if (auto name = Name::from_wire(std::span{wire}.first(size))) {
                return *std::move(name);
            }
            break;
        }
    }
    fail();
    return Name{};
}

}  // namespace rota::dns
