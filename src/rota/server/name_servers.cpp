#include "rota/server/name_servers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/dns/name.h"
#include "rota/http/resolve.h"

namespace rota::server {
namespace {

constexpr std::chrono::seconds kPatience{5};

/// An address where a name belongs: it would parse as one, and lead nobody anywhere.
bool is_address(std::string_view text) {
    if (text.ends_with('.')) {
        text.remove_suffix(1);
    }
    return http::is_address(text);
}

std::optional<std::string> to_text(const sockaddr* address) {
    if (address == nullptr) {
        return std::nullopt;
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* octets = nullptr;
    if (address->sa_family == AF_INET) {
        octets = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    } else if (address->sa_family == AF_INET6) {
        octets = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    } else {
        return std::nullopt;
    }
    if (::inet_ntop(address->sa_family, octets, text.data(), text.size()) == nullptr) {
        return std::nullopt;
    }
    return std::string{text.data()};
}

Result<std::set<std::string>> machine_addresses() {
    std::set<std::string> addresses;
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) {
        return fail_errno("this machine's addresses cannot be read", errno);
    }
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{first, &::freeifaddrs};
    for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
        if (auto text = to_text(at->ifa_addr)) {
            addresses.insert(std::move(*text));
        }
    }
    return addresses;
}

/// The addresses that we answer on, without ports.
Result<std::set<std::string>> served_addresses(const std::vector<std::string>& dns_addresses) {
    std::set<std::string> served;
    for (const std::string_view text : dns_addresses) {
        std::string_view host = text.substr(0, text.rfind(':'));
        if (host.starts_with('[') && host.ends_with(']')) {
            host = host.substr(1, host.size() - 2);
        }
        if (host == "0.0.0.0" || host == "::") {
            served.merge(ROTA_TRY(machine_addresses()));
        } else {
            served.emplace(host);
        }
    }
    return served;
}

}  // namespace

Result<std::vector<dns::Name>> read_name_servers(const std::vector<std::string>& names) {
    std::vector<dns::Name> result;
    for (const std::string& text : names) {
        if (is_address(text)) {
            return fail(ErrorKind::usage,
                        fmt::format("--ns {}: an address, where a zone's NS records need the name "
                                    "of a host",
                                    text));
        }
        auto name = dns::Name::parse(text);
        if (!name || name->is_root() || name->is_wildcard()) {
            return fail(ErrorKind::usage, fmt::format("--ns {}: not the name of a host{}", text,
                                                      name ? "" : ": " + name.error().message));
        }
        if (std::ranges::find(result, *name) == result.end()) {
            result.push_back(std::move(*name));
        }
    }
    return result;
}

dns::Name default_name_server() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0) {
        const std::string_view text{host.data()};
        const bool is_full =
            text.contains('.') && !text.starts_with("localhost") && !is_address(text);
        if (auto name = dns::Name::parse(text); name && is_full) {
            return std::move(*name);
        }
    }
    return dns::Name::parse("ns.rota.invalid").value();
}

void check_name_servers(const std::vector<dns::Name>& names,
                        const std::vector<std::string>& dns_addresses,
                        const std::stop_token& stop) {
    const auto served = served_addresses(dns_addresses);
    if (!served) {
        log::warning("name servers not checked", {{"why", served.error().message}});
        return;
    }
    for (const dns::Name& name : names) {
        const std::string host = name.to_text_without_dot();
        const auto found = http::resolve(host, 0, boot_now() + kPatience, stop);
        if (stop.stop_requested()) {
            return;
        }
        if (!found) {
            log::warning("name server does not resolve",
                         {{"ns", host}, {"why", found.error().message}});
            continue;
        }
        std::set<std::string> addresses;
        for (const http::SocketAddress& address : *found) {
            addresses.insert(address.text());
        }
        const bool leads_here = std::ranges::any_of(
            addresses, [&](const std::string& address) { return served->contains(address); });
        if (!leads_here) {
            log::warning("name server resolves to other addresses than are served",
                         {{"ns", host},
                          {"resolves_to", fmt::format("{}", fmt::join(addresses, ","))},
                          {"served", fmt::format("{}", fmt::join(*served, ","))}});
        }
    }
}

}  // namespace rota::server
