#include "rota/instance/item_text.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace rota::instance {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const auto begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string excerpt(std::string_view text, std::size_t longest) {
    std::string out;
    for (const char c : text.substr(0, longest)) {
        out.push_back(c >= ' ' && c <= '~' ? c : '?');
    }
    return text.size() > longest ? out + "…" : out;
}

}  // namespace rota::instance
