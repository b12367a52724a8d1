#include "rota/base/text.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace rota {

std::string_view trimmed(std::string_view text, std::string_view blanks) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string excerpt(std::string_view text, std::size_t longest) {
    std::string out;
    for (const char c : text.substr(0, longest)) {
        out.push_back(c >= ' ' && c <= '~' ? c : '?');
    }
    return text.size() > longest ? out + "…" : out;
}

}  // namespace rota
