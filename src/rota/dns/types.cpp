#include "rota/dns/types.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace rota::dns {

namespace {

using Entry = std::pair<Type, std::string_view>;

// Sorted by mnemonic. The numbers are IANA's, "Resource Record (RR) TYPEs".
constexpr std::array<Entry, 17> kStoredTypes{{{Type::a, "A"},
                                              {Type::aaaa, "AAAA"},
                                              {Type::caa, "CAA"},
                                              {Type::cname, "CNAME"},
                                              {Type::ds, "DS"},
                                              {Type::https, "HTTPS"},
                                              {Type::mx, "MX"},
                                              {Type::naptr, "NAPTR"},
                                              {Type::ns, "NS"},
                                              {Type::ptr, "PTR"},
                                              {Type::soa, "SOA"},
                                              {Type::spf, "SPF"},
                                              {Type::srv, "SRV"},
                                              {Type::sshfp, "SSHFP"},
                                              {Type::svcb, "SVCB"},
                                              {Type::tlsa, "TLSA"},
                                              {Type::txt, "TXT"}}};

}  // namespace

std::string_view to_string(Type type) noexcept {
    const auto* const entry = std::ranges::find(kStoredTypes, type, &Entry::first);
    return entry == kStoredTypes.end() ? std::string_view{} : entry->second;
}

std::optional<Type> type_from_string(std::string_view mnemonic) noexcept {
    const auto* const entry = std::ranges::find(kStoredTypes, mnemonic, &Entry::second);
    if (entry == kStoredTypes.end()) {
        return std::nullopt;
    }
    return entry->first;
}

}  // namespace rota::dns
