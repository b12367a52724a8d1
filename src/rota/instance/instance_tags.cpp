#include "rota/instance/instance_tags.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/instance/address.h"

namespace rota::instance {
namespace {

constexpr std::string_view kFolder = "meta-data/tags/instance";
constexpr std::string_view kPrefix = "rota:";
constexpr std::size_t kMostTags = 50;        // of a resource
constexpr std::size_t kLongestValue = 1024;  // 256 characters of UTF-8

bool is_setting_name(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Status check_value(std::string_view name, std::string_view value) {
    const auto wrong = [name](std::string_view what) {
        return fail(ErrorKind::config, fmt::format("tag {}{}: {}", kPrefix, name, what));
    };
    if (value.empty()) {
        return wrong("the value is empty; remove the tag for the default");
    }
    const bool is_text = std::ranges::none_of(
        value, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (value.size() > kLongestValue || !is_text) {
        return wrong("the value is not one line of text");
    }
    return {};
}

/// The names of the settings in a list of keys, one a line.
Result<std::vector<std::string>> names_in(std::string_view list) {
    std::vector<std::string> names;
    while (!list.empty()) {
        const std::string_view line = list.substr(0, list.find('\n'));
        list.remove_prefix(std::min(list.size(), line.size() + 1));
        const std::string_view key = trimmed(line);
        if (!key.starts_with(kPrefix)) {
            continue;
        }
        const std::string_view name = key.substr(kPrefix.size());
        if (!is_setting_name(name)) {
            return fail(ErrorKind::config, fmt::format("tag {}: rota: and a setting's name, in "
                                                       "lower-case letters, are expected",
                                                       excerpt(key)));
        }
        if (names.size() == kMostTags) {
            return fail(ErrorKind::config,
                        fmt::format("more than {} tags {}…", kMostTags, kPrefix));
        }
        names.emplace_back(name);
    }
    return names;
}

}  // namespace

Result<std::vector<InstanceTag>> read_instance_tags(const Metadata& metadata) {
    std::vector<InstanceTag> tags;
    const std::optional<std::string> list = ROTA_TRY(metadata(kFolder));
    if (!list) {
        return tags;
    }
    for (std::string& name : ROTA_TRY(names_in(*list))) {
        auto value = ROTA_TRY(metadata(fmt::format("{}/{}{}", kFolder, kPrefix, name)));
        if (value) {  // else it was removed this very moment
            ROTA_CHECK(check_value(name, *value));
            tags.push_back({.name = std::move(name), .value = *std::move(value)});
        }
    }
    return tags;
}

}  // namespace rota::instance
