#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rota {

/// A hexadecimal digit's value in any case; -1 when it is none.
int hex_value(char c) noexcept;

/// Lower-case hexadecimal.
std::string to_hex(std::span<const std::uint8_t> octets);

/// The octets of an even-length hexadecimal text in any case; nothing when it is not one.
std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

/// RFC 4648 section 4, with padding.
std::string to_base64(std::span<const std::uint8_t> octets);

/// The octets of a padded RFC 4648 section 4 text; nothing for white space, wrong padding or
/// trailing bits.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

/// ASCII only, whatever the locale.
std::string to_lower(std::string_view text);

/// Compares without an early exit, for secrets and signatures; the lengths may leak.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

inline std::span<const std::uint8_t> as_octets(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace rota
