#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "rota/route53/messages.h"

namespace pugi {
class xml_document;  // NOLINT(readability-identifier-naming): pugixml's name
class xml_node;      // NOLINT(readability-identifier-naming): pugixml's name
}  // namespace pugi

// What an XML schema asks of a request's elements, refused in the words of Xerces, which Route 53
// passes on.
namespace rota::route53 {

template <typename T>
using Decoded = std::expected<T, ApiError>;
using Checked = Decoded<void>;

std::unexpected<ApiError> refuse(std::string_view code, std::string message);

struct ElementRule {
    std::string_view name;
    bool is_required = false;
};

/// Loads the body and checks its root. @returns the root element.
Decoded<pugi::xml_node> open_document(pugi::xml_document& document, std::string_view body,
                                      std::string_view root_name);

/// Every child is one of the rules', at most once and in any order, and the required ones are
/// there.
Checked check_children(const pugi::xml_node& element, std::span<const ElementRule> rules);

/// Every child is an `item`, and there is at least one.
Checked check_list(const pugi::xml_node& list, std::string_view item);

/// The text, of so many characters, of an element that has no elements in it.
/// @param type  the schema's name for it.
Decoded<std::string> bounded_text(const pugi::xml_node& element, std::size_t least,
                                  std::size_t most, std::string_view type);

Decoded<std::string> enumeration(const pugi::xml_node& element,
                                 std::span<const std::string_view> values);

/// An xs:integer within bounds, as its canonical text.
Decoded<std::string> integer(const pugi::xml_node& element, std::int64_t least, std::int64_t most,
                             std::string_view type);

Decoded<bool> boolean(const pugi::xml_node& element);

}  // namespace rota::route53
