#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"
#include "rota/dns/types.h"

namespace rota::dns {

/// Turns one record value in Route 53's syntax into uncompressed RDATA; domain names in it are
/// folded to lower case, so that equal values give equal octets.
/// @param value  for example "192.0.2.1", "10 mail.example.com", "\"v=spf1 -all\" \"second chunk\""
/// (TXT chunks of at most
///               255 octets, `\ooo` octal escapes).
/// @errors bad_input, the message is the one Route 53 gives where it is known ("Value is not a
/// valid IPv4 address", …).
/// @source Route 53 Developer Guide, "Supported DNS record types".
Result<std::vector<std::uint8_t>> rdata_from_text(Type type, std::string_view value);

/// The inverse, in the form that Route 53 returns. @errors bad_input for octets that are no RDATA
/// of the type.
Result<std::string> rdata_to_text(Type type, std::span<const std::uint8_t> rdata);

}  // namespace rota::dns
