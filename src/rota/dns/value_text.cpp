#include "rota/dns/value_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/error.h"

namespace rota::dns {

namespace {

constexpr std::size_t kMaxCharacterString = 255;

bool is_octal(char c) noexcept {
    return c >= '0' && c <= '7';
}

bool is_printable(char c) noexcept {
    return c >= ' ' && c < 0x7f;
}

std::unexpected<Error> refuse_character(std::string_view characters) {
    return refuse_value("UnsupportedCharacter", "Value contains unsupported characters",
                        characters);
}

std::unexpected<Error> refuse_quotation(std::string_view value) {
    return refuse_value("InvalidCharacterString", "Value should be enclosed in quotation marks",
                        value);
}

/// Reads the octet at the start of `text`, which is not empty, and moves past it.
Result<char> take_octet(std::string_view& text) {
    const std::string_view escape = text.substr(0, 4);
    if (text[0] != '\\') {
        if (!is_printable(text[0])) {
            return refuse_character(text.substr(0, 1));
        }
        text.remove_prefix(1);
        return escape[0];
    }
    if (text.size() >= 2 && (text[1] == '"' || text[1] == '\\')) {
        text.remove_prefix(2);
        return escape[1];
    }
    if (escape.size() < 4 || escape[1] > '3' || !is_octal(escape[1]) || !is_octal(escape[2]) ||
        !is_octal(escape[3])) {
        return refuse_character(escape);
    }
    text.remove_prefix(4);
    return static_cast<char>(((escape[1] - '0') * 64) + ((escape[2] - '0') * 8) +
                             (escape[3] - '0'));
}

}  // namespace

std::unexpected<Error> refuse_value(std::string_view code, std::string_view explanation,
                                    std::string_view value) {
    return fail(ErrorKind::bad_input, fmt::format("FATAL problem: {} ({}) encountered with '{}'",
                                                  code, explanation, value));
}

Result<std::vector<std::string_view>> split_words(std::string_view value) {
    std::vector<std::string_view> words;
    std::size_t start = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < value.size(); ++at) {
        if (value[at] == '\\' && at + 1 < value.size()) {
            ++at;
        } else if (value[at] == '"') {
            quoted = !quoted;
        } else if (value[at] == ' ' && !quoted) {
            words.push_back(value.substr(start, at - start));
            const std::size_t next = value.find_first_not_of(' ', at);
            start = next == std::string_view::npos ? value.size() : next;
            at = start - 1;
        }
    }
    if (quoted) {
        return refuse_quotation(value);
    }
    words.push_back(value.substr(start));
    return words;
}

Result<std::string> take_quoted(std::string_view& text) {
    const std::string_view whole = text;
    if (!text.starts_with('"')) {
        return refuse_quotation(whole);
    }
    text.remove_prefix(1);
    std::string octets;
    while (!text.empty() && text[0] != '"') {
        octets.push_back(ROTA_TRY(take_octet(text)));
    }
    if (text.empty()) {
        return refuse_quotation(whole);
    }
    text.remove_prefix(1);
    return octets;
}

Result<std::string> unescape(std::string_view text) {
    std::string octets;
    while (!text.empty()) {
        if (text[0] == '"' || text[0] == ' ') {
            return refuse_character(text.substr(0, 1));
        }
        octets.push_back(ROTA_TRY(take_octet(text)));
    }
    return octets;
}

std::string quote(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted.push_back('\\');
            quoted.push_back(c);
        } else if (is_printable(c)) {
            quoted.push_back(c);
        } else {
            fmt::format_to(std::back_inserter(quoted), "\\{:03o}", static_cast<unsigned char>(c));
        }
    }
    quoted.push_back('"');
    return quoted;
}

Result<std::vector<std::uint8_t>> character_strings(std::string_view value) {
    std::vector<std::uint8_t> rdata;
    std::string_view rest = value;
    do {
        const auto string = take_quoted(rest);
        if (!string) {
            // Every string is a part of the value that the client knows.
            return string.error().message.contains("InvalidCharacterString")
                       ? refuse_quotation(value)
                       : std::unexpected(string.error());
        }
        if (string->size() > kMaxCharacterString) {
            return refuse_value("CharacterStringTooLong", "Value is too long", value);
        }
        rdata.push_back(static_cast<std::uint8_t>(string->size()));
        rdata.insert(rdata.end(), string->begin(), string->end());
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    } while (!rest.empty());
    if (value.ends_with(' ')) {
        return refuse_quotation(value);
    }
    return rdata;
}

Result<std::uint32_t> parse_number(std::string_view digits, std::uint32_t maximum,
                                   std::string_view code, std::string_view value) {
    std::uint32_t number = 0;
    const char* const begin = digits.data();
    const char* const end = begin + digits.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error != std::errc{} || stop != end || number > maximum) {
        return refuse_value(code, fmt::format("Value is not a number from 0 to {}", maximum),
                            value);
    }
    return number;
}

std::optional<std::vector<std::uint8_t>> parse_address(std::string_view text, std::size_t size) {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.contains('\0')) {
        return std::nullopt;
    }
    std::ranges::copy(text, terminated.begin());
    std::vector<std::uint8_t> address(size);
    const int family = size == sizeof(in_addr) ? AF_INET : AF_INET6;
    if (inet_pton(family, terminated.data(), address.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

std::string address_to_text(std::span<const std::uint8_t> address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = address.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
    inet_ntop(family, address.data(), text.data(), text.size());
    return text.data();
}

}  // namespace rota::dns
