#include "rota/http/message.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>

namespace rota::http {
namespace {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct Phrase {
    int status;
    std::string_view text;
};

// RFC 9110 section 15, RFC 6585.
constexpr std::array kPhrases{
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{204, "No Content"},
    Phrase{304, "Not Modified"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{413, "Content Too Large"},
    Phrase{417, "Expectation Failed"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{503, "Service Unavailable"},
};

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

std::string_view reason_phrase(int status) noexcept {
    const auto* const found = std::ranges::find(kPhrases, status, &Phrase::status);
    return found == kPhrases.end() ? std::string_view{} : found->text;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    const auto append = [&out](std::string_view text) {
        std::ranges::copy_if(text, std::back_inserter(out),
                             [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
    };
    append(name);
    out += ": ";
    append(value);
    out += "\r\n";
}

}  // namespace rota::http
