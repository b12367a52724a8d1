#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "rota/base/error.h"

namespace rota::dns {

/// A domain name in lower case, uncompressed wire form (RFC 1035 section 3.1), at most 255 octets
/// with the root label. Text is Route 53's: any octet outside a-z 0-9 - _ . comes out as `\ooo`
/// (three octal digits), with the trailing dot.
///
/// The wire form is kept because everything compares, hashes and sends it; text is for the API and
/// for people. Folding is ASCII only (RFC 4343).
/// @source Route 53 Developer Guide, "DNS domain name format".
class Name {
public:
    /// The root.
    Name();

    /// Reads Route 53's text; with or without the trailing dot, any case. Printable ASCII stands
    /// for itself, everything else (a backslash, a space, a dot within a label) must be a `\ooo`
    /// escape.
    /// @errors bad_input: an empty label, a label over 63 octets, a name over 255, a broken escape;
    /// the message is shaped as Route 53's ("DomainLabelEmpty (Domain label is empty) encountered
    /// with 'a..b'").
    static Result<Name> parse(std::string_view text);

    /// Reads an uncompressed name that fills `wire` exactly; folds to lower case.
    /// @errors bad_input for anything that is no such name.
    static Result<Name> from_wire(std::span<const std::uint8_t> wire);

    /// "www.example.com.", "\052.example.com.", "." for the root.
    [[nodiscard]] std::string to_text() const;

    /// "www.example.com", "." for the root.
    [[nodiscard]] std::string to_text_without_dot() const;

    [[nodiscard]] std::span<const std::uint8_t> wire() const noexcept {
        return {reinterpret_cast<const std::uint8_t*>(wire_.data()), wire_.size()};
    }

    [[nodiscard]] bool is_root() const noexcept { return wire_.size() == 1; }

    /// Labels without the root: 3 for www.example.com.
    [[nodiscard]] std::size_t label_count() const noexcept;

    /// True for the name itself and everything below it.
    [[nodiscard]] bool is_at_or_below(const Name& ancestor) const noexcept;

    /// True when the whole leftmost label is `*` (RFC 4592).
    [[nodiscard]] bool is_wildcard() const noexcept;

    /// The name without its leftmost label; the root's parent is the root.
    [[nodiscard]] Name parent() const;

    friend bool operator==(const Name&, const Name&) = default;

    /// Route 53's listing order: labels reversed, compared as ASCII with the dots
    /// ("com.example.www."), the octets themselves and not their escapes: `*` and `-` stand before
    /// the dot. Allocates nothing.
    /// @source Route 53 API Reference, ListResourceRecordSets, "Sort order".
    friend std::strong_ordering operator<=>(const Name& a, const Name& b) noexcept;

private:
    explicit Name(std::string wire) : wire_{std::move(wire)} {}

    std::string wire_;
};

}  // namespace rota::dns

template <>
struct std::hash<rota::dns::Name> {
    std::size_t operator()(const rota::dns::Name& name) const noexcept;
};
