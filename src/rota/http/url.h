#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/error.h"

namespace rota::http {

struct Url {
    std::string scheme;  ///< "http" or "https"
    std::string host;    ///< without brackets for IPv6
    std::uint16_t port = 0;
    std::string path;  ///< begins with "/"; without query
    std::string query;

    /// "host", "host:8053", "[::1]:80": as the Host header has it (no port when it is the scheme's
    /// default).
    [[nodiscard]] std::string authority() const;

    /// The path without the slashes at its end: what stands before the paths of an API there.
    [[nodiscard]] std::string_view base_path() const noexcept;
};

/// Reads an absolute http or https URL. @errors bad_input: names the URL and what is wrong with it.
Result<Url> parse_url(std::string_view text);

/// Percent-encodes everything but A-Z a-z 0-9 - . _ ~ (RFC 3986 section 2.3), upper-case
/// hexadecimal, as SigV4 wants it.
/// @param keep_slash  leaves "/" as it is, for paths.
std::string percent_encode(std::string_view text, bool keep_slash = false);

/// Decodes %XX ("+" stays). @errors bad_input for a broken escape.
Result<std::string> percent_decode(std::string_view text);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// Splits and decodes the part after "?"; a name without "=" has an empty value. @errors bad_input.
Result<QueryParameters> parse_query(std::string_view query);

}  // namespace rota::http
