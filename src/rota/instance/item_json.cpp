#include "rota/instance/item_json.h"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/base/error.h"
#include "rota/base/text.h"

namespace rota::instance {

Result<nlohmann::json> parse_item(std::string_view item, std::string_view text) {
    if (text.size() > kMaxItem) {
        return fail(ErrorKind::bad_input, fmt::format("the metadata service answered {} octets for "
                                                      "{}, more than the {} accepted",
                                                      text.size(), item, kMaxItem));
    }
    nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded()) {
        return not_understood(item, "JSON", text);
    }
    return value;
}

std::optional<std::string> word_of(const nlohmann::json& object, const char* name) {
    constexpr std::size_t kLongest = 200;
    if (!object.is_object()) {
        return std::nullopt;
    }
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) {
        return std::nullopt;
    }
    return excerpt(trimmed(found->get_ref<const std::string&>()), kLongest);
}

std::unexpected<Error> not_understood(std::string_view item, std::string_view what,
                                      std::string_view text) {
    return fail(ErrorKind::bad_input,
                fmt::format("the metadata service answered '{}' for {}, which is no {}",
                            excerpt(trimmed(text)), item, what));
}

}  // namespace rota::instance
