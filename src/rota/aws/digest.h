#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace rota::aws {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 (FIPS 180-4). Needs no initialisation of OpenSSL, which costs a one-shot process more
/// than the rest of its work.
Digest sha256(std::string_view text) noexcept;

/// HMAC-SHA-256 (RFC 2104).
Digest hmac_sha256(std::string_view key, std::string_view text) noexcept;

/// The octets of a digest as a key for the next HMAC; valid while the digest lives.
std::string_view as_text(const Digest& digest) noexcept;

/// Lower-case hexadecimal of sha256(text).
std::string sha256_hex(std::string_view text);

}  // namespace rota::aws
