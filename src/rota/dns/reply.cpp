#include "rota/dns/reply.h"

#include <cstddef>
#include <cstdint>

#include "rota/dns/types.h"

namespace rota::dns {

std::size_t Reply::finish(Rcode rcode, bool is_authoritative) noexcept {
    if (query_.has_edns) {
        put_opt(rcode);
    }
    constexpr std::uint8_t kResponse = 0x80;
    constexpr std::uint8_t kOpcodeAndRd = 0x79;
    constexpr std::uint8_t kAuthoritative = 0x04;
    constexpr std::uint8_t kTruncated = 0x02;
    const std::uint8_t* const from = query_.message.data();
    buffer_[0] = from[0];
    buffer_[1] = from[1];
    buffer_[2] = static_cast<std::uint8_t>(kResponse | (from[2] & kOpcodeAndRd) |
                                           (is_authoritative ? kAuthoritative : 0) |
                                           (is_truncated_ ? kTruncated : 0));
    buffer_[3] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(rcode) & 0x0fU);
    put_u16(buffer_ + 4, query_.question_size != 0 ? 1 : 0);
    put_u16(buffer_ + 6, counts_[0]);
    put_u16(buffer_ + 8, counts_[1]);
    put_u16(buffer_ + 10, counts_[2] + (query_.has_edns ? 1 : 0));
    return size_;
}

void Reply::put_opt(Rcode rcode) noexcept {
    // The constructor kept kOptSize octets back.
    std::uint8_t* const to = buffer_ + size_;
    size_ += kOptSize;
    to[0] = 0;
    put_u16(to + 1, static_cast<std::uint16_t>(Type::opt));
    put_u16(to + 3, kMaxUdpPayload);
    to[5] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(rcode) >> 4U);
    to[6] = 0;
    to[7] = query_.is_dnssec_ok ? 0x80 : 0;
    to[8] = to[9] = to[10] = 0;
}

}  // namespace rota::dns
