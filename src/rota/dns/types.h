#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rota::dns {

/// Record types by their IANA numbers: those that Route 53 stores, and those that only messages
/// carry.
enum class Type : std::uint16_t {
    a = 1,
    ns = 2,
    cname = 5,
    soa = 6,
    ptr = 12,
    mx = 15,
    txt = 16,
    aaaa = 28,
    srv = 33,
    naptr = 35,
    opt = 41,
    ds = 43,
    sshfp = 44,
    tlsa = 52,
    svcb = 64,
    https = 65,
    spf = 99,
    any = 255,
    caa = 257,
};

enum class Class : std::uint16_t { in = 1, any = 255 };

enum class Rcode : std::uint8_t {
    noerror = 0,
    formerr = 1,
    servfail = 2,
    nxdomain = 3,
    notimp = 4,
    refused = 5,
    badvers = 16
};

/// The mnemonic of a type that Route 53 stores ("A", "AAAA", …); empty for others.
std::string_view to_string(Type type) noexcept;

/// The stored type of an upper-case mnemonic; nothing for OPT, ANY and unknown ones.
std::optional<Type> type_from_string(std::string_view mnemonic) noexcept;

}  // namespace rota::dns
