#include "rota/dns/wire.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rota/dns/name.h"

namespace rota::dns {

namespace {

// As many as a name has labels: pointers to pointers would only keep us busy.
constexpr std::size_t kMaxHops = 127;

}  // namespace

Name WireReader::name() {
    std::array<std::uint8_t, 255> wire{};
    std::size_t size = 0;
    std::size_t at = at_;     // where the next label is read, perhaps behind a pointer
    std::size_t limit = at_;  // a pointer must lead to before here
    std::size_t hops = 0;
    std::size_t after = 0;  // where the name ends in the message; 0 until known
    while (at < message_.size()) {
        const std::size_t length = message_[at];
        if (length >= 0xc0) {
            if (message_.size() - at < 2) {
                break;
            }
            const std::size_t target = ((length & 0x3fU) << 8U) | message_[at + 1];
            after = after == 0 ? at + 2 : after;
            if (target >= limit || ++hops > kMaxHops) {
                break;
            }
            at = limit = target;
            continue;
        }
        if (length > 63 || message_.size() - at <= length || size + 1 + length > wire.size()) {
            break;
        }
        for (std::size_t i = 0; i <= length; ++i) {
            wire[size + i] = message_[at + i];
        }
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
