#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

// What comes from outside as text, before it is trusted.
namespace rota {

/// Without blanks at both ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

/// As a message may show it: in printable ASCII, and short.
std::string excerpt(std::string_view text, std::size_t longest = 40);

/// The whole text as a number of that type, without a sign for an unsigned one; nothing when it is
/// none or does not fit.
template <typename Number, typename... Base>
std::optional<Number> parse_number(std::string_view text, Base... base) {
    Number number{};
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto parsed = std::from_chars(begin, end, number, base...);
    return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional{number} : std::nullopt;
}

}  // namespace rota
