#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"

// The pieces of a record value in Route 53's syntax: words, quoted strings, numbers, and refusals
// in Route 53's words. Internal to dns/.
namespace rota::dns {

/// "FATAL problem: CODE (EXPLANATION) encountered with 'VALUE'", as Route 53 refuses a value.
std::unexpected<Error> refuse_value(std::string_view code, std::string_view explanation,
                                    std::string_view value);

/// Splits at the spaces outside quotation marks. A space at either end gives an empty word, which
/// no field accepts. @errors bad_input: an open quotation.
Result<std::vector<std::string_view>> split_words(std::string_view value);

/// Reads one quoted string at the start of `text` and moves `text` past it; any length.
/// Printable ASCII stands for itself, `\"` and `\\` for the character, `\ooo` for an octet.
/// @errors bad_input: no or no closing quotation mark, other escapes, unprintable octets.
Result<std::string> take_quoted(std::string_view& text);

/// As take_quoted, but without the quotation marks and up to the end of `text` (RFC 9460's
/// unquoted parameter values).
Result<std::string> unescape(std::string_view text);

/// Puts text in quotation marks, escaping what take_quoted reads back.
std::string quote(std::string_view text);

/// One or more quoted strings of at most 255 octets, with or without spaces between them, as RDATA.
Result<std::vector<std::uint8_t>> character_strings(std::string_view value);

/// A decimal number of digits alone, at most `maximum`. @errors bad_input naming the `value` that
/// it is a part of.
Result<std::uint32_t> parse_number(std::string_view digits, std::uint32_t maximum,
                                   std::string_view code, std::string_view value);

/// The octets of an IPv4 (`size` 4) or IPv6 (16) address; nothing for any other text, leading zeros
/// in IPv4 included.
std::optional<std::vector<std::uint8_t>> parse_address(std::string_view text, std::size_t size);

/// The shortest form of an address of 4 or 16 octets; IPv6 as RFC 5952 writes it.
std::string address_to_text(std::span<const std::uint8_t> address);

}  // namespace rota::dns
