#include "rota/route53/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pugixml.hpp>

#include "rota/aws/xml.h"
#include "rota/base/error.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

constexpr std::size_t kMaxRequest = std::size_t{2} << 20U;

/// One of Xerces' messages.
std::unexpected<ApiError> schema_error(std::string_view reason) {
    return refuse("InvalidInput", fmt::format("Invalid XML ; {}", reason));
}

std::string expected_names(std::span<const ElementRule> rules, std::span<const bool> seen,
                           bool required_only) {
    std::string names;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (!seen[i] && (rules[i].is_required || !required_only)) {
            names +=
                fmt::format("{}\"{}\":{}", names.empty() ? "" : ", ", kNamespace, rules[i].name);
        }
    }
    return names;
}

std::unexpected<ApiError> unexpected_element(std::string_view found, const std::string& expected) {
    if (expected.empty()) {
        return schema_error(
            fmt::format("cvc-complex-type.2.4.d: Invalid content was found starting with element "
                        "'{}'. No child element is expected at this point.",
                        found));
    }
    return schema_error(
        fmt::format("cvc-complex-type.2.4.a: Invalid content was found starting with element "
                    "'{}'. One of '{{{}}}' is expected.",
                    found, expected));
}

std::unexpected<ApiError> incomplete_element(const pugi::xml_node& element,
                                             const std::string& expected) {
    return schema_error(
        fmt::format("cvc-complex-type.2.4.b: The content of element '{}' is not complete. One of "
                    "'{{{}}}' is expected.",
                    aws::xml::local_name(element), expected));
}

Checked check_no_text(const pugi::xml_node& element) {
    const std::string text = aws::xml::text_of(element);
    if (text.find_first_not_of(" \t\r\n") != std::string::npos) {
        return schema_error(
            fmt::format("cvc-complex-type.2.3: Element '{}' cannot have character [children], "
                        "because the type's content type is element-only.",
                        aws::xml::local_name(element)));
    }
    return {};
}

/// The text of an element that has no elements in it.
Decoded<std::string> simple_text(const pugi::xml_node& element) {
    if (aws::xml::first_element(element)) {
        return schema_error(
            fmt::format("cvc-type.3.1.2: Element '{}' is a simple type, so it must have no element "
                        "information item [children].",
                        aws::xml::local_name(element)));
    }
    return aws::xml::text_of(element);
}

std::string_view collapse(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

std::unexpected<ApiError> refuse(std::string_view code, std::string message) {
    ApiError error;
    error.code = code;
    error.message = std::move(message);
    return std::unexpected(std::move(error));
}

Checked check_children(const pugi::xml_node& element, std::span<const ElementRule> rules) {
    ROTA_CHECK(check_no_text(element));
    std::array<bool, 16> seen{};
    ROTA_ASSERT(rules.size() <= seen.size());
    const std::span<const bool> seen_rules = std::span{seen}.first(rules.size());
    for (pugi::xml_node node = aws::xml::first_element(element); node;
         node = aws::xml::next_element(node)) {
        const std::string_view name = aws::xml::local_name(node);
        const auto* rule = std::ranges::find(rules, name, &ElementRule::name).base();
        const auto index = static_cast<std::size_t>(rule - rules.data());
        if (index == rules.size() || seen.at(index)) {
            return unexpected_element(name, expected_names(rules, seen_rules, false));
        }
        seen.at(index) = true;
    }
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (rules[i].is_required && !seen.at(i)) {
            return incomplete_element(element, expected_names(rules, seen_rules, true));
        }
    }
    return {};
}

Checked check_list(const pugi::xml_node& list, std::string_view item) {
    ROTA_CHECK(check_no_text(list));
    const std::string expected = fmt::format("\"{}\":{}", kNamespace, item);
    pugi::xml_node node = aws::xml::first_element(list);
    if (!node) {
        return incomplete_element(list, expected);
    }
    for (; node; node = aws::xml::next_element(node)) {
        if (aws::xml::local_name(node) != item) {
            return unexpected_element(aws::xml::local_name(node), expected);
        }
    }
    return {};
}

Decoded<std::string> bounded_text(const pugi::xml_node& element, std::size_t least,
                                  std::size_t most, std::string_view type) {
    std::string text = ROTA_TRY(simple_text(element));
    const std::size_t length = aws::xml::count_characters(text);
    if (length < least) {
        return schema_error(
            fmt::format("cvc-minLength-valid: Value '{}' with length = '{}' is not facet-valid "
                        "with respect to minLength '{}' for type '{}'.",
                        text, length, least, type));
    }
    if (length > most) {
        return schema_error(
            fmt::format("cvc-maxLength-valid: Value '{}' with length = '{}' is not facet-valid "
                        "with respect to maxLength '{}' for type '{}'.",
                        text, length, most, type));
    }
    return text;
}

Decoded<std::string> enumeration(const pugi::xml_node& element,
                                 std::span<const std::string_view> values) {
    std::string text = ROTA_TRY(simple_text(element));
    if (std::ranges::find(values, text) == values.end()) {
        return schema_error(
            fmt::format("cvc-enumeration-valid: Value '{}' is not facet-valid with respect to "
                        "enumeration '[{}]'. It must be a value from the enumeration.",
                        text, fmt::join(values, ", ")));
    }
    return text;
}

Decoded<std::string> integer(const pugi::xml_node& element, std::int64_t least, std::int64_t most,
                             std::string_view type) {
    const std::string text = ROTA_TRY(simple_text(element));
    std::string_view digits = collapse(text);
    if (digits.starts_with('+')) {
        digits.remove_prefix(1);
    }
    const bool is_negative = digits.starts_with('-') && !collapse(text).starts_with('+');
    const std::string_view magnitude = is_negative ? digits.substr(1) : digits;
    if (magnitude.empty() || magnitude.find_first_not_of("0123456789") != std::string_view::npos) {
        return schema_error(fmt::format(
            "cvc-datatype-valid.1.2.1: '{}' is not a valid value for 'integer'.", text));
    }
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool is_huge = code == std::errc::result_out_of_range;
    if ((is_huge && is_negative) || (!is_huge && value < least)) {
        return schema_error(
            fmt::format("cvc-minInclusive-valid: Value '{}' is not facet-valid with respect to "
                        "minInclusive '{}' for type '{}'.",
                        collapse(text), least, type));
    }
    if (is_huge || value > most) {
        return schema_error(
            fmt::format("cvc-maxInclusive-valid: Value '{}' is not facet-valid with respect to "
                        "maxInclusive '{}' for type '{}'.",
                        collapse(text), most, type));
    }
    return fmt::to_string(value);
}

Decoded<bool> boolean(const pugi::xml_node& element) {
    const std::string text = ROTA_TRY(simple_text(element));
    const std::string_view value = collapse(text);
    if (value == "true" || value == "1") {
        return true;
    }
    if (value == "false" || value == "0") {
        return false;
    }
    return schema_error(
        fmt::format("cvc-datatype-valid.1.2.1: '{}' is not a valid value for 'boolean'.", text));
}

Decoded<pugi::xml_node> open_document(pugi::xml_document& document, std::string_view body,
                                      std::string_view root_name) {
    if (const auto loaded = aws::xml::load(document, body, kMaxRequest); !loaded) {
        return refuse("MalformedInput",
                      fmt::format("The request body is not an XML document: {}", loaded.error()));
    }
    const pugi::xml_node root = document.document_element();
    if (aws::xml::local_name(root) != root_name) {
        return refuse("MalformedInput", fmt::format("{} is not valid, expected {}",
                                                    aws::xml::local_name(root), root_name));
    }
    if (aws::xml::root_namespace(root) != kNamespace) {
        return schema_error(
            fmt::format("cvc-elt.1: Cannot find the declaration of element '{}'.", root_name));
    }
    return root;
}

}  // namespace rota::route53
