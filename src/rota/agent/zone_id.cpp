#include "rota/agent/zone_id.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace rota::agent {
namespace {

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

}  // namespace

std::optional<std::string_view> zone_id_in(std::string_view id_or_name) noexcept {
    const std::string_view text = without_prefix(without_prefix(id_or_name, "/"), "hostedzone/");
    const bool is_id =
        text.size() > 1 && text.front() == 'Z' && std::ranges::all_of(text, [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        });
    return is_id ? std::optional{text} : std::nullopt;
}

}  // namespace rota::agent
