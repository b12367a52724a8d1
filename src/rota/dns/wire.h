#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rota/base/error.h"
#include "rota/dns/name.h"

// Cursors over wire format for everything off the query path: record data, the client, tests. A
// read past the end gives zeros and leaves the cursor failed for good, so that a parser checks
// once, after its last field.
namespace rota::dns {

class WireReader {
public:
    /// Reads `message` from `at`; the octets must outlive the reader.
    explicit WireReader(std::span<const std::uint8_t> message, std::size_t at = 0) noexcept
        : message_{message}, at_{std::min(at, message.size())} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }

    [[nodiscard]] std::size_t position() const noexcept { return at_; }

    [[nodiscard]] std::size_t remaining() const noexcept { return message_.size() - at_; }

    /// True when nothing failed and nothing is left over.
    [[nodiscard]] bool finished() const noexcept { return ok_ && remaining() == 0; }

    std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number<1>()); }

    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number<2>()); }

    std::uint32_t u32() noexcept { return number<4>(); }

    /// The next `count` octets, or none when there are fewer.
    std::span<const std::uint8_t> octets(std::size_t count) noexcept {
        if (count > remaining()) {
            fail();
            return {};
        }
        const auto taken = message_.subspan(at_, count);
        at_ += count;
        return taken;
    }

    /// What is left, all of it.
    std::span<const std::uint8_t> rest() noexcept { return octets(remaining()); }

    /// A domain name. Compression pointers lead back into the message, each to before the name or
    /// pointer that holds it, so that no chain of them can loop.
    /// @source RFC 1035 section 4.1.4.
    Name name();

    void fail() noexcept {
        ok_ = false;
        at_ = message_.size();
    }

private:
    template <std::size_t Size>
    std::uint32_t number() noexcept {
        std::uint32_t value = 0;
        for (const std::uint8_t octet : octets(Size)) {
            value = (value << 8U) | octet;
        }
        return value;
    }

    std::span<const std::uint8_t> message_;
    std::size_t at_;
    bool ok_ = true;
};

/// Appends to a vector that it owns; names go out uncompressed.
class WireWriter {
public:
    WireWriter& u8(std::uint8_t value) {
        octets_.push_back(value);
        return *this;
    }

    WireWriter& u16(std::uint16_t value) {
        return u8(static_cast<std::uint8_t>(value >> 8U)).u8(static_cast<std::uint8_t>(value));
    }

    WireWriter& u32(std::uint32_t value) {
        return u16(static_cast<std::uint16_t>(value >> 16U)).u16(static_cast<std::uint16_t>(value));
    }

    WireWriter& octets(std::span<const std::uint8_t> octets) {
        octets_.insert(octets_.end(), octets.begin(), octets.end());
        return *this;
    }

    WireWriter& name(const Name& name) { return octets(name.wire()); }

    [[nodiscard]] std::size_t size() const noexcept { return octets_.size(); }

    /// Overwrites two octets that were written before, for example a length.
    void set_u16(std::size_t at, std::uint16_t value) {
        ROTA_ASSERT(at + 2 <= octets_.size());
        octets_[at] = static_cast<std::uint8_t>(value >> 8U);
        octets_[at + 1] = static_cast<std::uint8_t>(value);
    }

    /// Gives the octets away.
    std::vector<std::uint8_t> take() { return std::move(octets_); }

private:
    std::vector<std::uint8_t> octets_;
};

}  // namespace rota::dns
