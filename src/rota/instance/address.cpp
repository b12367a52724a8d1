#include "rota/instance/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/base/text.h"

namespace rota::instance {
namespace {

constexpr std::string_view kInterfacePrefix = "interface:";

std::string_view name_of(Family family) {
    return family == Family::ipv4 ? "IPv4" : "IPv6";
}

Result<std::string> metadata_address(std::string_view path, Family family,
                                     const Metadata& metadata) {
    const std::optional<std::string> text = ROTA_TRY(metadata(path));
    if (!text) {
        return fail(ErrorKind::not_found,
                    fmt::format("the metadata service has no {}: give the instance one, or choose "
                                "another --address",
                                path));
    }
    auto address = canonical_address(trimmed(*text), family);
    if (!address) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the metadata service answered '{}' for {}, which is no {} address",
                                excerpt(trimmed(*text)), path, name_of(family)));
    }
    return *address;
}

std::optional<std::string> interface_ipv4(const std::string& interface) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return std::nullopt;
    }
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET ||
            interface != entry->ifa_name) {
            continue;
        }
        sockaddr_in address{};
        std::memcpy(&address, entry->ifa_addr, sizeof address);
        std::array<char, INET_ADDRSTRLEN> text{};
        if (::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) != nullptr) {
            return std::string{text.data()};
        }
    }
    return std::nullopt;
}

Result<std::string> interface_address(const std::string& interface, Family family) {
    std::optional<std::string> address;
    if (family == Family::ipv4) {
        address = interface_ipv4(interface);
    } else {
        std::ostringstream text;
        text << std::ifstream{"/proc/net/if_inet6"}.rdbuf();
        address = choose_interface_ipv6(text.str(), interface);
    }
    if (!address) {
        return fail(ErrorKind::not_found,
                    fmt::format("interface {} has no global {} address (is it there and up?)",
                                interface, name_of(family)));
    }
    return *address;
}

/// Flags of include/uapi/linux/if_addr.h, as /proc/net/if_inet6 prints them.
constexpr unsigned kTemporary = 0x01;
constexpr unsigned kDadFailed = 0x08;
constexpr unsigned kDeprecated = 0x20;
constexpr unsigned kTentative = 0x40;

}  // namespace

Result<AddressSource> parse_address_source(std::string_view text) {
    if (text == "public-ipv4") {
        return AddressSource{.kind = AddressKind::public_ipv4, .text = {}};
    }
    if (text == "local-ipv4") {
        return AddressSource{.kind = AddressKind::local_ipv4, .text = {}};
    }
    if (text == "ipv6") {
        return AddressSource{.kind = AddressKind::ipv6, .text = {}};
    }
    if (text.starts_with(kInterfacePrefix) && text.size() > kInterfacePrefix.size()) {
        return AddressSource{.kind = AddressKind::interface,
                             .text = std::string{text.substr(kInterfacePrefix.size())}};
    }
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (auto address = canonical_address(text, family)) {
            return AddressSource{.kind = AddressKind::literal, .text = std::move(*address)};
        }
    }
    return fail(ErrorKind::config,
                fmt::format("address '{}' is none of public-ipv4, local-ipv4, ipv6, "
                            "interface:NAME, an IPv4 or an IPv6 address",
                            excerpt(text)));
}

std::string to_string(const AddressSource& source) {
    switch (source.kind) {
        case AddressKind::public_ipv4:
            return "public-ipv4";
        case AddressKind::local_ipv4:
            return "local-ipv4";
        case AddressKind::ipv6:
            return "ipv6";
        case AddressKind::interface:
            return std::string{kInterfacePrefix} + source.text;
        case AddressKind::literal:
            break;
    }
    return source.text;
}

Family default_family(const AddressSource& source) noexcept {
    const bool is_ipv6 =
        source.kind == AddressKind::ipv6 ||
        (source.kind == AddressKind::literal && source.text.find(':') != std::string::npos);
    return is_ipv6 ? Family::ipv6 : Family::ipv4;
}

bool can_give(const AddressSource& source, Family family) noexcept {
    return source.kind == AddressKind::interface || family == default_family(source);
}

Result<std::string> find_address(const AddressSource& source, Family family,
                                 const Metadata& metadata) {
    if (!can_give(source, family)) {
        return fail(ErrorKind::config,
                    fmt::format("{} gives no {} address", to_string(source), name_of(family)));
    }
    switch (source.kind) {
        case AddressKind::public_ipv4:
            return metadata_address("meta-data/public-ipv4", family, metadata);
        case AddressKind::local_ipv4:
            return metadata_address("meta-data/local-ipv4", family, metadata);
        case AddressKind::ipv6:
            return metadata_address("meta-data/ipv6", family, metadata);
        case AddressKind::interface:
            return interface_address(source.text, family);
        case AddressKind::literal:
            break;
    }
    return source.text;
}

Result<std::string> find_instance_id(const Metadata& metadata) {
    const std::optional<std::string> text = ROTA_TRY(metadata("meta-data/instance-id"));
    const std::string_view id = trimmed(text ? std::string_view{*text} : std::string_view{});
    constexpr std::size_t kLongest = 128;  // of a set identifier
    const bool is_plausible =
        !id.empty() && id.size() <= kLongest &&
        std::ranges::all_of(id, [](char c) { return c > ' ' && c <= '~' && c != '<'; });
    if (!is_plausible) {
        return fail(ErrorKind::bad_input,
                    fmt::format("the metadata service gives no instance id (it answered '{}'): set "
                                "--set-identifier where there is none",
                                excerpt(id)));
    }
    return std::string{id};
}

std::string_view why_unreachable(std::string_view address, bool from_here) noexcept {
    constexpr std::string_view kAny = "is every address of a machine, not one";
    constexpr std::string_view kMulticast = "is a multicast address";
    constexpr std::string_view kLoopback = "is a loopback address: each client finds itself there";
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.size() >= text.size()) {
        return {};
    }
    address.copy(text.data(), address.size());
    in6_addr six{};
    in_addr four{};
    if (::inet_pton(AF_INET6, text.data(), &six) == 1) {
        return IN6_IS_ADDR_UNSPECIFIED(&six)              ? kAny
               : IN6_IS_ADDR_MULTICAST(&six)              ? kMulticast
               : IN6_IS_ADDR_LOOPBACK(&six) && !from_here ? kLoopback
                                                          : std::string_view{};
    }
    if (::inet_pton(AF_INET, text.data(), &four) != 1) {
        return {};
    }
    const std::uint32_t number = ntohl(four.s_addr);
    if (number == INADDR_BROADCAST) {
        return "is the broadcast address";
    }
    return number == INADDR_ANY                              ? kAny
           : (number >> 28U) == 0xE                          ? kMulticast
           : (number >> 24U) == IN_LOOPBACKNET && !from_here ? kLoopback
                                                             : std::string_view{};
}

std::optional<std::string> canonical_address(std::string_view text, Family family) {
    const int number = family == Family::ipv4 ? AF_INET : AF_INET6;
    std::array<std::uint8_t, sizeof(in6_addr)> octets{};
    std::array<char, INET6_ADDRSTRLEN> out{};
    const std::string terminated{text};
    if (::inet_pton(number, terminated.c_str(), octets.data()) != 1 ||
        ::inet_ntop(number, octets.data(), out.data(), out.size()) == nullptr) {
        return std::nullopt;
    }
    return std::string{out.data()};
}

std::optional<std::string> choose_interface_ipv6(std::string_view if_inet6,
                                                 std::string_view interface) {
    std::istringstream lines{std::string{if_inet6}};
    std::optional<std::string> temporary;
    std::string digits;
    std::string index;
    std::string prefix_length;
    std::string scope;
    std::string flags_text;
    std::string name;
    while (lines >> digits >> index >> prefix_length >> scope >> flags_text >> name) {
        const auto octets = from_hex(digits);
        const auto flags = from_hex(flags_text);
        if (name != interface || scope != "00" || !octets || octets->size() != sizeof(in6_addr) ||
            !flags || flags->size() != 1) {
            continue;
        }
        std::array<char, INET6_ADDRSTRLEN> out{};
        const unsigned bits = flags->front();
        if ((bits & (kDadFailed | kDeprecated | kTentative)) != 0 ||
            ::inet_ntop(AF_INET6, octets->data(), out.data(), out.size()) == nullptr) {
            continue;
        }
        if ((bits & kTemporary) == 0) {
            return std::string{out.data()};
        }
        if (!temporary) {
            temporary = out.data();
        }
    }
    return temporary;
}

}  // namespace rota::instance
