#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/error.h"

namespace pugi {
class xml_document;  // NOLINT(readability-identifier-naming): pugixml's name
class xml_node;      // NOLINT(readability-identifier-naming): pugixml's name
}  // namespace pugi

// What the answers of the query APIs have in common.
namespace rota::aws {

/// As much as the HTTP client lets through.
inline constexpr std::size_t kMaxQueryAnswer = std::size_t{8} << 20U;

/// Reads an answer whose root has that name, with or without a namespace: other implementations
/// of these APIs leave it out.
/// @errors bad_input: says what came instead.
Result<pugi::xml_node> open_answer(pugi::xml_document& document, std::string_view body,
                                   std::string_view root);

/// The text of a child; an error when it is missing or empty. @errors bad_input: names both.
Result<std::string> required_text(const pugi::xml_node& parent, std::string_view name);

/// The text of a child without white space at its ends; empty when it is missing.
std::string optional_text(const pugi::xml_node& parent, std::string_view name);

/// A number of seconds. @errors bad_input: missing, no number, negative or more than a year.
Result<std::uint32_t> required_seconds(const pugi::xml_node& parent, std::string_view name);

}  // namespace rota::aws
