#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rota/dns/query.h"
#include "rota/dns/types.h"

namespace rota::dns {

/// The largest UDP payload that is sent and advertised: fits every path without fragments.
/// @source RFC 9715 section 3.2 and DNS flag day 2020.
inline constexpr std::uint16_t kMaxUdpPayload = 1232;

enum class Section : std::uint8_t { answer, authority, additional };

/// Writes a response into the caller's buffer: the question echoed octet for octet, then records
/// that stand ready as wire images, then OPT and the header. Whatever does not fit is refused
/// without a trace.
class Reply {
public:
    /// @param buffer  as long as the response may become: what the client can take. It must hold
    /// the header, the question and OPT, which 512 octets always do.
    Reply(std::span<std::uint8_t> buffer, const Query& query) noexcept
        : buffer_{buffer.data()},
          query_{query},
          size_{kHeaderSize + query.question_size},
          limit_{buffer.size() - (query.has_edns ? kOptSize : 0)} {
        std::memcpy(buffer_ + kHeaderSize, query.message.data() + kHeaderSize, query.question_size);
    }

    /// Where the next record goes.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    [[nodiscard]] std::uint8_t* at(std::size_t offset) noexcept { return buffer_ + offset; }

    /// Takes room for `octets` octets; nothing (and no change) when they do not fit.
    [[nodiscard]] std::uint8_t* take(std::size_t octets) noexcept {
        if (octets > limit_ - size_) {
            return nullptr;
        }
        std::uint8_t* const to = buffer_ + size_;
        size_ += octets;
        return to;
    }

    void count(Section section, std::size_t records) noexcept {
        counts_[static_cast<std::size_t>(section)] += records;
    }

    /// Takes back everything behind the question and marks the response as truncated.
    void truncate() noexcept {
        size_ = kHeaderSize + query_.question_size;
        counts_[0] = counts_[1] = counts_[2] = 0;
        is_truncated_ = true;
    }

    /// Marks the response as truncated but keeps what it has (missing glue, RFC 9471 section 3.1).
    void mark_truncated() noexcept { is_truncated_ = true; }

    [[nodiscard]] bool is_truncated() const noexcept { return is_truncated_; }

    /// Appends OPT when the query had one and writes the header: ID, opcode and RD are the query's,
    /// RA, AD and CD are clear (RFC 4035 section 3.1.6).
    /// @returns the size of the whole response.
    std::size_t finish(Rcode rcode, bool is_authoritative) noexcept;

private:
    static constexpr std::size_t kOptSize = 11;

    void put_opt(Rcode rcode) noexcept;

    std::uint8_t* buffer_;
    const Query& query_;
    std::size_t size_;
    std::size_t limit_;
    std::array<std::size_t, 3> counts_{};
    bool is_truncated_ = false;
};

inline void put_u16(std::uint8_t* to, std::size_t value) noexcept {
    to[0] = static_cast<std::uint8_t>(value >> 8U);
    to[1] = static_cast<std::uint8_t>(value);
}

/// The octets of a name in a response that stand there themselves: up to a compression pointer, or
/// all of it. @param name  one that this server wrote.
inline std::size_t literal_size(const std::uint8_t* name) noexcept {
    constexpr std::uint8_t kPointer = 0xc0;
    std::size_t at = 0;
    while (name[at] != 0 && name[at] < kPointer) {
        at += 1U + name[at];
    }
    return name[at] == 0 ? at + 1 : at;
}

inline std::uint16_t get_u16(const std::uint8_t* from) noexcept {
    return static_cast<std::uint16_t>((from[0] << 8U) | from[1]);
}

}  // namespace rota::dns
