#include "rota/aws/ini.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/canonical.h"
#include "rota/base/encoding.h"
#include "rota/base/error.h"

namespace rota::aws {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view trim(std::string_view text) {
    const auto begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// Without what follows a "#" or ";" that stands after white space.
std::string_view without_comment(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if ((text[i] == '#' || text[i] == ';') && kBlank.contains(text[i - 1])) {
            return trim(text.substr(0, i));
        }
    }
    return text;
}

struct Reader {
    IniFile file;
    IniSection* section = nullptr;
    int line = 0;

    [[nodiscard]] std::unexpected<Error> wrong(std::string_view why) const {
        return fail(ErrorKind::config, fmt::format("{}:{}: {}", file.path, line, why));
    }

    Status read_header(std::string_view text);
    Status read_property(std::string_view text);
    Status read_indented(std::string_view text);
    Status read_line(std::string_view text);
};

Status Reader::read_header(std::string_view text) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) {
        return wrong("the section's name has no closing bracket");
    }
    const std::string_view rest = trim(text.substr(close + 1));
    if (!rest.empty() && rest.front() != '#' && rest.front() != ';') {
        return wrong("there is text after the section's name");
    }
    std::string name = canonical_header_value(text.substr(1, close - 1));
    if (name.empty()) {
        return wrong("the section has no name");
    }
    const auto same = std::ranges::find(file.sections, name, &IniSection::name);
    if (same == file.sections.end()) {
        file.sections.push_back({.name = std::move(name), .line = line, .properties = {}});
        section = &file.sections.back();
    } else {
        section = &*same;
    }
    return {};
}

Status Reader::read_property(std::string_view text) {
    const auto separator = text.find_first_of("=:");
    const std::string_view key = trim(text.substr(0, separator));
    if (separator == std::string_view::npos || key.empty()) {
        return wrong("neither [section] nor key = value");
    }
    if (section == nullptr) {
        return wrong("key = value stands before any [section]");
    }
    section->properties.push_back(
        {.key = to_lower(key),
         .value = std::string{without_comment(trim(text.substr(separator + 1)))},
         .line = line,
         .nested = {}});
    return {};
}

/// A line under "key =" is a nested property, one under "key = value" continues the value.
Status Reader::read_indented(std::string_view text) {
    if (section == nullptr || section->properties.empty()) {
        return read_property(text);
    }
    IniProperty& parent = section->properties.back();
    if (!parent.value.empty()) {
        parent.value += '\n';
        parent.value += text;
        return {};
    }
    const auto separator = text.find('=');
    if (separator == std::string_view::npos || separator == 0) {
        return wrong(fmt::format("expected key = value under \"{} =\"", parent.key));
    }
    parent.nested.push_back(
        {.key = to_lower(trim(text.substr(0, separator))),
         .value = std::string{without_comment(trim(text.substr(separator + 1)))},
         .line = line,
         .nested = {}});
    return {};
}

Status Reader::read_line(std::string_view text) {
    const std::string_view trimmed = trim(text);
    if (trimmed.empty() || trimmed.front() == '#' || trimmed.front() == ';') {
        return {};
    }
    if (text.front() == '[') {
        return read_header(trimmed);
    }
    return kBlank.contains(text.front()) ? read_indented(trimmed) : read_property(trimmed);
}

}  // namespace

const IniProperty* find(const std::vector<IniProperty>& properties, std::string_view key) noexcept {
    for (const IniProperty& property : properties | std::views::reverse) {
        if (property.key == key) {
            return &property;
        }
    }
    return nullptr;
}

const IniSection* IniFile::section(std::string_view name) const noexcept {
    const auto found = std::ranges::find(sections, name, &IniSection::name);
    return found == sections.end() ? nullptr : &*found;
}

Result<IniFile> parse_ini(std::string_view text, std::string path) {
    Reader reader{.file = {.path = std::move(path), .sections = {}}};
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text.starts_with(kByteOrderMark)) {
        text.remove_prefix(kByteOrderMark.size());
    }
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        ++reader.line;
        ROTA_CHECK(reader.read_line(line));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return std::move(reader.file);
}

}  // namespace rota::aws
