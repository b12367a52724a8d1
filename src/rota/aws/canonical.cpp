#include "rota/aws/canonical.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rota/aws/digest.h"
#include "rota/base/encoding.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

/// Strict encoding of what may be encoded already in another way; a broken escape is taken as it is
/// written.
std::string encode_again(std::string_view text) {
    const auto decoded = http::percent_decode(text);
    return http::percent_encode(decoded ? std::string_view{*decoded} : text);
}

std::string_view cut(std::string_view& text, char separator) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

void append_header(std::string& out, const http::Headers& headers, std::string_view name) {
    out += name;
    char separator = ':';
    for (const auto& [key, value] : headers) {
        if (http::same_name(key, name)) {
            out += separator;
            out += canonical_header_value(value);
            separator = ',';
        }
    }
    if (separator == ':') {
        out += ':';
    }
    out += '\n';
}

}  // namespace

std::string canonical_path(std::string_view path) {
    std::vector<std::string_view> segments;
    for (std::string_view rest = path; !rest.empty();) {
        const std::string_view segment = cut(rest, '/');
        if (segment == "..") {
            if (!segments.empty()) {
                segments.pop_back();
            }
        } else if (!segment.empty() && segment != ".") {
            segments.push_back(segment);
        }
    }
    std::string out;
    for (const std::string_view segment : segments) {
        out += '/';
        out += http::percent_encode(segment);
    }
    if (segments.empty() || path.ends_with('/')) {
        out += '/';
    }
    return out;
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!query.empty()) {
        const std::string_view pair = cut(query, '&');
        if (pair.empty()) {
            continue;
        }
        const auto equals = pair.find('=');
        pairs.emplace_back(encode_again(pair.substr(0, equals)),
                           equals == std::string_view::npos
                               ? std::string{}
                               : encode_again(pair.substr(equals + 1)));
    }
    std::ranges::sort(pairs);
    std::string out;
    for (const auto& [name, value] : pairs) {
        if (!out.empty()) {
            out += '&';
        }
        out += name;
        out += '=';
        out += value;
    }
    return out;
}

std::string canonical_header_value(std::string_view value) {
    std::string out;
    out.reserve(value.size());
    bool gap = false;
    for (const char c : value) {
        if (kBlank.contains(c)) {
            gap = !out.empty();
            continue;
        }
        if (gap) {
            out += ' ';
            gap = false;
        }
        out += c;
    }
    return out;
}

std::string canonical_request(const http::Request& request,
                              const std::vector<std::string>& signed_names,
                              std::string_view body_hash) {
    std::string_view query = request.target;
    const std::string_view path = cut(query, '?');
    std::string out = request.method;
    out += '\n';
    out += canonical_path(path);
    out += '\n';
    out += canonical_query(query);
    out += '\n';
    for (const std::string& name : signed_names) {
        append_header(out, request.headers, name);
    }
    out += '\n';
    out += join_names(signed_names);
    out += '\n';
    out += body_hash;
    return out;
}

std::string scope_text(std::string_view day, std::string_view region, std::string_view service) {
    return fmt::format("{}/{}/{}/{}", day, region, service, kTerminator);
}

std::string signature(std::string_view secret, std::string_view date_time, std::string_view day,
                      std::string_view region, std::string_view service,
                      std::string_view canonical) {
    const Digest day_key = hmac_sha256(fmt::format("AWS4{}", secret), day);
    const Digest region_key = hmac_sha256(as_text(day_key), region);
    const Digest service_key = hmac_sha256(as_text(region_key), service);
    const Digest key = hmac_sha256(as_text(service_key), kTerminator);
    const std::string string_to_sign =
        fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date_time, scope_text(day, region, service),
                    sha256_hex(canonical));
    return to_hex(hmac_sha256(as_text(key), string_to_sign));
}

bool must_be_signed(std::string_view lower) noexcept {
    return lower.starts_with("x-amz-") || lower.starts_with("x-rota-");
}

std::string join_names(const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ";"));
}

}  // namespace rota::aws
