#include "rota/http/proxy.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/http/client.h"
#include "rota/http/url.h"

namespace rota::http {
namespace {

/// An address as octets; nothing for a name.
std::optional<std::string> octets_of(std::string_view text) {
    const std::string host{text};
    std::array<char, sizeof(in6_addr)> octets{};
    if (inet_pton(AF_INET, host.c_str(), octets.data()) == 1) {
        return std::string{octets.data(), sizeof(in_addr)};
    }
    if (inet_pton(AF_INET6, host.c_str(), octets.data()) == 1) {
        return std::string{octets.data(), octets.size()};
    }
    return std::nullopt;
}

bool in_block(std::string_view block, std::string_view host) {
    const auto slash = block.find('/');
    const auto network = octets_of(block.substr(0, slash));
    const auto bits = parse_number<std::size_t>(block.substr(slash + 1));
    const auto address = octets_of(host);
    if (!network || !bits || !address || network->size() != address->size() ||
        *bits > address->size() * 8) {
        return false;
    }
    const std::size_t whole = *bits / 8;
    if (network->compare(0, whole, *address, 0, whole) != 0) {
        return false;
    }
    const unsigned rest = *bits % 8;
    if (rest == 0) {
        return true;
    }
    const unsigned mask = 0xff00U >> rest;
    return ((static_cast<unsigned char>((*network)[whole]) ^
             static_cast<unsigned char>((*address)[whole])) &
            mask & 0xffU) == 0;
}

bool matches(std::string_view entry, std::string_view host, std::uint16_t port) {
    if (entry.contains('/')) {
        return in_block(entry, host);
    }
    if (entry.starts_with('[')) {
        const auto close = entry.find(']');
        const std::string_view rest =
            close == std::string_view::npos ? std::string_view{} : entry.substr(close + 1);
        if (rest.starts_with(':') && parse_number<std::uint16_t>(rest.substr(1)) != port) {
            return false;
        }
        entry = entry.substr(1, close == std::string_view::npos ? close : close - 1);
    } else if (std::ranges::count(entry, ':') == 1) {
        if (parse_number<std::uint16_t>(entry.substr(entry.find(':') + 1)) != port) {
            return false;
        }
        entry = entry.substr(0, entry.find(':'));
    }
    if (const auto address = octets_of(entry)) {
        return address == octets_of(host);
    }
    while (entry.starts_with('.') || entry.starts_with('*')) {
        entry.remove_prefix(1);
    }
    const std::string suffix = to_lower(entry);
    const std::string name = to_lower(host);
    return !suffix.empty() && !octets_of(host) &&
           (name == suffix ||
            (name.ends_with(suffix) && name[name.size() - suffix.size() - 1] == '.'));
}

Result<Proxy> parse_proxy(std::string_view text) {
    const auto bad = [] {
        return fail(ErrorKind::config,
                    "the proxy variable (HTTPS_PROXY, https_proxy or http_proxy) must look like "
                    "http://[user:password@]host:port");
    };
    Proxy proxy;
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
        if (to_lower(text.substr(0, scheme)) != "http") {
            return bad();
        }
        text.remove_prefix(scheme + 3);
    }
    text = text.substr(0, text.find('/'));
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        const auto user = percent_decode(text.substr(0, at));
        if (!user) {
            return bad();
        }
        proxy.authorization = "Basic " + to_base64(as_octets(*user));
        text.remove_prefix(at + 1);
    }
    const auto url = parse_url(fmt::format("http://{}", text));
    if (!url) {
        return bad();
    }
    proxy.host = url->host;
    proxy.port = url->port;
    return proxy;
}

std::string variable(std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe): read only, at start
        if (value != nullptr && *value != '\0') {
            return value;
        }
    }
    return {};
}

}  // namespace

bool is_exempt(std::string_view no_proxy, std::string_view host, std::uint16_t port) {
    constexpr std::string_view kSeparators = ", \t";
    while (!no_proxy.empty()) {
        const auto end = std::min(no_proxy.find_first_of(kSeparators), no_proxy.size());
        const std::string_view entry = no_proxy.substr(0, end);
        if (entry == "*" || (!entry.empty() && matches(entry, host, port))) {
            return true;
        }
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    }
    return false;
}

Result<std::optional<Proxy>> proxy_for(const ClientOptions& options, const Url& origin) {
    const std::string& text = origin.scheme == "https" ? options.https_proxy : options.http_proxy;
    if (text.empty() || is_exempt(options.no_proxy, origin.host, origin.port)) {
        return std::nullopt;
    }
    return ROTA_TRY(parse_proxy(text));
}

ClientOptions client_options_from_environment() {
    ClientOptions options;
    options.ca_bundle = variable({"AWS_CA_BUNDLE"});
    options.https_proxy = variable({"https_proxy", "HTTPS_PROXY"});
    // HTTP_PROXY is what a CGI script gets from a request's "Proxy:" field.
    options.http_proxy = variable({"http_proxy"});
    options.no_proxy = variable({"no_proxy", "NO_PROXY"});
    return options;
}

}  // namespace rota::http
