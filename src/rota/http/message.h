#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rota::http {

/// Header fields in order of arrival; names compare without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// Compares field names, ASCII case aside.
bool same_name(std::string_view a, std::string_view b) noexcept;

/// The value of the first field of that name; nullptr when there is none.
const std::string* find(const Headers& headers, std::string_view name) noexcept;

struct Request {
    std::string method = "GET";
    /// Origin form as on the wire, percent-encoded: "/2013-04-01/hostedzone?maxitems=2".
    std::string target = "/";
    Headers headers;
    std::string body;
};

struct Response {
    int status = 200;
    Headers headers;
    std::string body;
};

/// "Not Found" for 404; empty for a status that has no registered phrase.
std::string_view reason_phrase(int status) noexcept;

/// Appends "Name: value\r\n" without the line ends that would begin another field.
void append_field(std::string& out, std::string_view name, std::string_view value);

}  // namespace rota::http
