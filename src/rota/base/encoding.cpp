#include "rota/base/encoding.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rota {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t base64_value(char c) noexcept {
    const std::size_t at = kBase64Digits.find(c);
    return at == std::string_view::npos ? 64U : static_cast<std::uint32_t>(at);
}

}  // namespace

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

std::string to_hex(std::span<const std::uint8_t> octets) {
    std::string out;
    out.reserve(octets.size() * 2);
    for (const std::uint8_t octet : octets) {
        out.push_back(kHexDigits[octet >> 4U]);
        out.push_back(kHexDigits[octet & 15U]);
    }
    return out;
}

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) {
        return std::nullopt;
    }
    std::vector<std::uint8_t> out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_value(text[i]);
        const int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        out.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return out;
}

std::string to_base64(std::span<const std::uint8_t> octets) {
    std::string out;
    out.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        const std::size_t left = octets.size() - i;
        std::uint32_t bits = static_cast<std::uint32_t>(octets[i]) << 16U;
        bits |= left > 1 ? static_cast<std::uint32_t>(octets[i + 1]) << 8U : 0U;
        bits |= left > 2 ? static_cast<std::uint32_t>(octets[i + 2]) : 0U;
        out.push_back(kBase64Digits[bits >> 18U]);
        out.push_back(kBase64Digits[(bits >> 12U) & 63U]);
        out.push_back(left > 1 ? kBase64Digits[(bits >> 6U) & 63U] : '=');
        out.push_back(left > 2 ? kBase64Digits[bits & 63U] : '=');
    }
    return out;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    std::vector<std::uint8_t> out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const std::size_t padding =
            !last || text[i + 3] != '=' ? 0U : (text[i + 2] == '=' ? 2U : 1U);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const std::uint32_t value = k >= 4 - padding ? 0U : base64_value(text[i + k]);
            if (value == 64U) {
                return std::nullopt;
            }
            bits = (bits << 6U) | value;
        }
        if ((padding == 1 && (bits & 0xffU) != 0) || (padding == 2 && (bits & 0xffffU) != 0)) {
            return std::nullopt;
        }
        const std::array<std::uint8_t, 3> octets{static_cast<std::uint8_t>(bits >> 16U),
                                                 static_cast<std::uint8_t>(bits >> 8U),
                                                 static_cast<std::uint8_t>(bits)};
        out.insert(out.end(), octets.begin(), octets.end() - static_cast<std::ptrdiff_t>(padding));
    }
    return out;
}

std::string to_lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        }
    }
    return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^
                                            static_cast<unsigned char>(b[i]));
    }
    const volatile unsigned result = difference;
    return result == 0;
}

}  // namespace rota
