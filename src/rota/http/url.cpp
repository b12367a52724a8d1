#include "rota/http/url.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/base/text.h"

namespace rota::http {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

std::uint16_t default_port(std::string_view scheme) noexcept {
    return scheme == "https" ? kHttpsPort : kHttpPort;
}

bool is_unreserved(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

constexpr std::size_t kLongestShown = 120;

std::unexpected<Error> bad_url(std::string_view text, std::string_view why) {
    return fail(ErrorKind::bad_input,
                fmt::format("URL \"{}\": {}", excerpt(text, kLongestShown), why));
}

bool is_host_name(std::string_view host) noexcept {
    return !host.empty() && std::ranges::all_of(host, is_unreserved);
}

bool is_ipv6_literal(std::string_view host) noexcept {
    return host.contains(':') && std::ranges::all_of(host, [](char c) {
               return hex_value(c) >= 0 || c == ':' || c == '.';
           });
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view port) {
    const auto value = parse_number<std::uint16_t>(port);
    if (!value || *value == 0) {
        return bad_url(text, fmt::format("port \"{}\" is not a number from 1 to 65535", port));
    }
    return *value;
}

Status parse_authority(std::string_view text, std::string_view authority, Url& url) {
    if (authority.contains('@')) {
        // The text may hold a password: it is not repeated.
        return fail(ErrorKind::bad_input,
                    "URL: user and password before the host are not supported");
    }
    std::string_view port;
    bool has_port = false;
    std::string_view host = authority;
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) {
            return bad_url(text, "the IPv6 address has no closing bracket");
        }
        host = authority.substr(1, close - 1);
        const std::string_view rest = authority.substr(close + 1);
        if (!is_ipv6_literal(host) || (!rest.empty() && rest.front() != ':')) {
            return bad_url(text, "the host is not an IPv6 address in brackets");
        }
        has_port = !rest.empty();
        port = has_port ? rest.substr(1) : rest;
    } else {
        if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
            has_port = true;
            host = authority.substr(0, colon);
            port = authority.substr(colon + 1);
        }
        if (!is_host_name(host)) {
            return bad_url(text, host.empty() ? "there is no host" : "the host is not a host name");
        }
    }
    url.host = to_lower(host);
    url.port = has_port ? ROTA_TRY(parse_port(text, port)) : default_port(url.scheme);
    return {};
}

}  // namespace

std::string Url::authority() const {
    std::string out = host.contains(':') ? fmt::format("[{}]", host) : host;
    if (port != default_port(scheme)) {
        out += fmt::format(":{}", port);
    }
    return out;
}

std::string_view Url::base_path() const noexcept {
    std::string_view base = path;
    while (base.ends_with('/')) {
        base.remove_suffix(1);
    }
    return base;
}

Result<Url> parse_url(std::string_view text) {
    if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c == '\x7f'; })) {
        return bad_url(text, "white space and control characters must be percent-encoded");
    }
    Url url;
    const auto colon = text.find("://");
    if (colon == std::string_view::npos) {
        return bad_url(text, "it does not begin with http:// or https://");
    }
    url.scheme = to_lower(text.substr(0, colon));
    if (url.scheme != "http" && url.scheme != "https") {
        return bad_url(text, "only http and https are supported");
    }
    std::string_view rest = text.substr(colon + 3);
    if (rest.contains('#')) {
        return bad_url(text, "a fragment (#) means nothing to a server");
    }
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    ROTA_CHECK(parse_authority(text, authority, url));
    rest.remove_prefix(authority.size());
    const auto question = rest.find('?');
    url.path = rest.substr(0, question);
    if (url.path.empty()) {
        url.path = "/";
    }
    if (question != std::string_view::npos) {
        url.query = rest.substr(question + 1);
    }
    return url;
}

std::string percent_encode(std::string_view text, bool keep_slash) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size() + text.size() / 4);
    for (const char c : text) {
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            out.push_back(c);
        } else {
            const auto octet = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(kDigits[octet >> 4U]);
            out.push_back(kDigits[octet & 15U]);
        }
    }
    return out;
}

Result<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return fail(ErrorKind::bad_input,
                        fmt::format("\"{}\": broken percent escape at position {}",
                                    excerpt(text, kLongestShown), i));
        }
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

Result<QueryParameters> parse_query(std::string_view query) {
    QueryParameters out;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        if (pair.empty()) {
            continue;
        }
        const auto equals = pair.find('=');
        std::string name = ROTA_TRY(percent_decode(pair.substr(0, equals)));
        std::string value = equals == std::string_view::npos
                                ? std::string{}
                                : ROTA_TRY(percent_decode(pair.substr(equals + 1)));
        out.emplace_back(std::move(name), std::move(value));
    }
    return out;
}

}  // namespace rota::http
