#include "rota/dns/name.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"

namespace rota::dns {

namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxLabels = 127;

constexpr char fold(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::size_t octet(char c) noexcept {
    return static_cast<unsigned char>(c);
}

constexpr bool is_octal(char c) noexcept {
    return c >= '0' && c <= '7';
}

constexpr bool is_printed_plainly(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::unexpected<Error> refuse(std::string_view reason, std::string_view text) {
    return fail(ErrorKind::bad_input, fmt::format("{} encountered with '{}'", reason, text));
}

/// Reads the octet at text[at], moving past it; nothing for a broken escape or a character that
/// must be escaped.
std::optional<char> read_octet(std::string_view text, std::size_t& at) {
    const char c = text[at];
    if (c != '\\') {
        ++at;
        return c > ' ' && c < 0x7f ? std::optional{c} : std::nullopt;
    }
    if (text.size() - at < 4 || text[at + 1] > '3' || !is_octal(text[at + 1]) ||
        !is_octal(text[at + 2]) || !is_octal(text[at + 3])) {
        return std::nullopt;
    }
    const int value =
        ((text[at + 1] - '0') * 64) + ((text[at + 2] - '0') * 8) + (text[at + 3] - '0');
    at += 4;
    return static_cast<char>(value);
}

/// Where each label's length octet stands in a wire name.
struct LabelOffsets {
    explicit LabelOffsets(std::string_view wire) noexcept {
        for (std::size_t at = 0; octet(wire[at]) != 0; at += 1 + octet(wire[at])) {
            offset[count++] = static_cast<std::uint8_t>(at);
        }
    }

    std::array<std::uint8_t, kMaxLabels> offset;  // only the first `count` are written
    std::size_t count = 0;
};

std::string_view label_at(std::string_view wire, std::size_t offset) noexcept {
    return wire.substr(offset + 1, octet(wire[offset]));
}

// A label's octet in listing order; the dot after a label stands between '-' and '/', and before a
// dot within a label, so that two names are equal in this order only when they are the same.
constexpr std::size_t kDotAfterLabel = 2 * std::size_t{'.'};

constexpr std::size_t rank_of(char c) noexcept {
    return (2 * octet(c)) + 1;
}

std::strong_ordering compare_labels(std::string_view a, std::string_view b) noexcept {
    const auto [in_a, in_b] = std::ranges::mismatch(a, b);
    const std::size_t rank_a = in_a == a.end() ? kDotAfterLabel : rank_of(*in_a);
    const std::size_t rank_b = in_b == b.end() ? kDotAfterLabel : rank_of(*in_b);
    return rank_a <=> rank_b;
}

std::string_view view_of(std::span<const std::uint8_t> wire) noexcept {
    return {reinterpret_cast<const char*>(wire.data()), wire.size()};
}

}  // namespace

Name::Name() : wire_(1, '\0') {}

Result<Name> Name::parse(std::string_view text) {
    if (text == ".") {
        return Name{};
    }
    if (text.empty()) {
        return refuse("DomainNameEmpty (Domain name is empty)", text);
    }
    std::string wire(1, '\0');
    std::size_t label = 0;  // where the open label's length octet stands
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '.') {
            ++at;
            if (wire.size() == label + 1) {
                return refuse("DomainLabelEmpty (Domain label is empty)", text);
            }
            label = wire.size();
            wire.push_back('\0');
            continue;
        }
        const std::size_t start = at;
        const auto c = read_octet(text, at);
        if (!c) {
            return refuse("UnsupportedCharacter (Value contains unsupported characters)",
                          text.substr(start, text[start] == '\\' ? 4 : 1));
        }
        wire.push_back(fold(*c));
        const std::size_t length = wire.size() - label - 1;
        if (length > kMaxLabel) {
            return refuse("DomainLabelTooLong (Domain label is too long)", text);
        }
        wire[label] = static_cast<char>(length);
    }
    if (wire.size() != label + 1) {
        wire.push_back('\0');
    }
    if (wire.size() > kMaxName) {
        return refuse("DomainNameTooLong (Domain name is too long)", text);
    }
    return Name{std::move(wire)};
}

Result<Name> Name::from_wire(std::span<const std::uint8_t> wire) {
    if (wire.empty() || wire.size() > kMaxName) {
        return fail(ErrorKind::bad_input,
                    fmt::format("a domain name of {} octets; 1 to 255 are allowed", wire.size()));
    }
    std::string folded{view_of(wire)};
    std::size_t at = 0;
    while (octet(folded[at]) != 0) {
        const std::size_t length = octet(folded[at]);
        if (length > kMaxLabel || at + 1 + length >= folded.size()) {
            return fail(ErrorKind::bad_input,
                        fmt::format("a domain name with a broken label at octet {}", at));
        }
        const auto first = folded.begin() + static_cast<std::ptrdiff_t>(at + 1);
        std::transform(first, first + static_cast<std::ptrdiff_t>(length), first, fold);
        at += 1 + length;
    }
    if (at + 1 != folded.size()) {
        return fail(ErrorKind::bad_input,
                    fmt::format("a domain name that ends at octet {} of {}", at, folded.size()));
    }
    return Name{std::move(folded)};
}

std::string Name::to_text() const {
    if (is_root()) {
        return ".";
    }
    std::string text;
    text.reserve(wire_.size());
    for (std::size_t at = 0; octet(wire_[at]) != 0; at += 1 + octet(wire_[at])) {
        for (const char c : label_at(wire_, at)) {
            if (is_printed_plainly(c)) {
                text.push_back(c);
            } else {
                fmt::format_to(std::back_inserter(text), "\\{:03o}", octet(c));
            }
        }
        text.push_back('.');
    }
    return text;
}

std::string Name::to_text_without_dot() const {
    std::string text = to_text();
    if (text.size() > 1) {
        text.pop_back();
    }
    return text;
}

std::size_t Name::label_count() const noexcept {
    std::size_t count = 0;
    for (std::size_t at = 0; octet(wire_[at]) != 0; at += 1 + octet(wire_[at])) {
        ++count;
    }
    return count;
}

bool Name::is_at_or_below(const Name& ancestor) const noexcept {
    const std::string_view suffix = ancestor.wire_;
    if (suffix.size() > wire_.size()) {
        return false;
    }
    // The suffix counts only where a label begins: "badexample.com." is not below "example.com.".
    const std::size_t start = wire_.size() - suffix.size();
    std::size_t at = 0;
    while (at < start) {
        at += 1 + octet(wire_[at]);
    }
    return at == start && std::string_view{wire_}.substr(start) == suffix;
}

bool Name::is_wildcard() const noexcept {
    return wire_.size() > 2 && wire_[0] == 1 && wire_[1] == '*';
}

Name Name::parent() const {
    return is_root() ? Name{} : Name{wire_.substr(1 + octet(wire_[0]))};
}

std::strong_ordering operator<=>(const Name& a, const Name& b) noexcept {
    // The members of a rota share a name: most comparisons in a zone's map end here.
    if (a.wire_ == b.wire_) {
        return std::strong_ordering::equal;
    }
    const LabelOffsets labels_a{a.wire_};
    const LabelOffsets labels_b{b.wire_};
    const std::size_t common = std::min(labels_a.count, labels_b.count);
    for (std::size_t i = 1; i <= common; ++i) {
        const auto label_a = label_at(a.wire_, labels_a.offset[labels_a.count - i]);
        const auto label_b = label_at(b.wire_, labels_b.offset[labels_b.count - i]);
        if (label_a != label_b) {
            return compare_labels(label_a, label_b);
        }
    }
    return labels_a.count <=> labels_b.count;
}

}  // namespace rota::dns

std::size_t std::hash<rota::dns::Name>::operator()(const rota::dns::Name& name) const noexcept {
    return std::hash<std::string_view>{}(rota::dns::view_of(name.wire()));
}
