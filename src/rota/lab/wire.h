#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "rota/http/message.h"

// As much of HTTP/1.1 as the lab's own application and its clients need of each other, on one event
// loop with thousands of connections: heads, and bodies with a Content-Length.
namespace rota::lab {

enum class HeadError : std::uint8_t { incomplete, broken };

/// The first line and the header fields of a message.
struct Head {
    std::string first_line;
    http::Headers headers;
    std::size_t size = 0;            ///< octets up to and with the empty line
    std::size_t content_length = 0;  ///< 0 when there is no such field
    bool wants_close = false;        ///< Connection: close
};

inline constexpr std::size_t kLargestHead = 8192;

/// Reads the head at the beginning of `text`. @errors incomplete: more is to come; broken: no HTTP,
/// too large, or a transfer coding.
std::expected<Head, HeadError> read_head(std::string_view text);

/// The status of "HTTP/1.1 200 OK"; 0 for anything else.
int status_of(std::string_view first_line) noexcept;

}  // namespace rota::lab
