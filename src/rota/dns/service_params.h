#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"

// The parameters of SVCB and HTTPS records, "alpn=h2,h3 port=443". Internal to dns/.
// RFC 9460 section 2.1 and appendix A, with Route 53's octal escapes in the place of decimal ones.
namespace rota::dns {

/// The parameters in wire form, ascending by key.
/// @param words  one "key" or "key=value" each, the value quoted or not.
/// @param value  the whole record value, for messages.
/// @errors bad_input: unknown or repeated keys, values that are not of the key's form, `mandatory`
/// keys that are missing.
Result<std::vector<std::uint8_t>> service_params_from_text(std::span<const std::string_view> words,
                                                           std::string_view value);

/// The inverse: the parameters, each with a space before it.
/// @errors bad_input for octets that are no parameters in ascending order.
Result<std::string> service_params_to_text(std::span<const std::uint8_t> params);

}  // namespace rota::dns
