#include "rota/http/message.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace rota::http {
namespace {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

const std::string* find(const Headers& headers, std::string_view name) noexcept {
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) {
            return &value;
        }
    }
    return nullptr;
}

}  // namespace rota::http
