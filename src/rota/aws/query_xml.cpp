#include "rota/aws/query_xml.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/xml.h"
#include "rota/base/error.h"
#include "rota/base/text.h"

namespace rota::aws {

Result<pugi::xml_node> open_answer(pugi::xml_document& document, std::string_view body,
                                   std::string_view root) {
    if (const auto loaded = xml::load(document, body, kMaxQueryAnswer); !loaded) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the answer is no XML document: {}", loaded.error()));
    }
    const pugi::xml_node element = document.document_element();
    if (xml::local_name(element) != root) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the answer is {}, expected {}", xml::local_name(element), root));
    }
    return element;
}

Result<std::string> required_text(const pugi::xml_node& parent, std::string_view name) {
    std::string text = optional_text(parent, name);
    if (text.empty()) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the answer's {} has no {}", xml::local_name(parent), name));
    }
    return text;
}

std::string optional_text(const pugi::xml_node& parent, std::string_view name) {
    constexpr std::string_view kSpace = " \t\r\n";
    const std::string text = xml::text_of(xml::child(parent, name));
    const auto begin = text.find_first_not_of(kSpace);
    return begin == std::string::npos
               ? std::string{}
               : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Result<std::uint32_t> required_seconds(const pugi::xml_node& parent, std::string_view name) {
    constexpr std::uint32_t kMost = 366U * 86400U;
    const std::string text = ROTA_TRY(required_text(parent, name));
    const auto value = parse_number<std::uint32_t>(text);
    if (!value || *value > kMost) {
        return fail(ErrorKind::bad_input, fmt::format("the answer's {} is no number of seconds: {}",
                                                      name, excerpt(text)));
    }
    return *value;
}

}  // namespace rota::aws
