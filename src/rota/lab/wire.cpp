#include "rota/lab/wire.h"

#include <charconv>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include "rota/base/encoding.h"
#include "rota/base/text.h"
#include "rota/http/message.h"

namespace rota::lab {
namespace {

/// Takes one line off the front of `text`, without its CRLF.
std::string_view take_line(std::string_view& text) noexcept {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    return line;
}

bool note_field(Head& head, std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return false;
    }
    const std::string name = to_lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1), " \t");
    if (name == "content-length") {
        const auto length = parse_number<decltype(head.content_length)>(value);
        if (!length) {
            return false;
        }
        head.content_length = *length;
    } else if (name == "connection") {
        head.wants_close = to_lower(value) == "close";
    } else if (name == "transfer-encoding") {
        return false;
    }
    head.headers.emplace_back(line.substr(0, colon), value);
    return true;
}

}  // namespace

std::expected<Head, HeadError> read_head(std::string_view text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        return std::unexpected(text.size() > kLargestHead ? HeadError::broken
                                                          : HeadError::incomplete);
    }
    Head head;
    head.size = end + 4;
    std::string_view rest = text.substr(0, end + 2);
    head.first_line = take_line(rest);
    while (!rest.empty()) {
        if (!note_field(head, take_line(rest))) {
            return std::unexpected(HeadError::broken);
        }
    }
    if (!head.first_line.contains("HTTP/1.")) {
        return std::unexpected(HeadError::broken);
    }
    return head;
}

int status_of(std::string_view first_line) noexcept {
    int status = 0;
    if (first_line.size() < 12 || !first_line.starts_with("HTTP/1.") || first_line[8] != ' ') {
        return 0;
    }
    const auto [end, error] =
        std::from_chars(first_line.data() + 9, first_line.data() + 12, status);
    return error == std::errc{} && end == first_line.data() + 12 ? status : 0;
}

}  // namespace rota::lab
