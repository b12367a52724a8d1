#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/error.h"

// Who this instance is and under which address clients reach it: from the metadata service as on
// EC2, from an interface, or as given. Nothing here ever makes up a value: an answer that is empty
// or is no address is an error, never a record set without an address.
namespace rota::instance {

enum class Family : std::uint8_t { ipv4, ipv6 };

enum class AddressKind : std::uint8_t { public_ipv4, local_ipv4, ipv6, interface, literal };

/// Where an address is taken from.
struct AddressSource {
    AddressKind kind = AddressKind::public_ipv4;
    std::string text;  ///< the interface's name or the literal

    friend bool operator==(const AddressSource&, const AddressSource&) = default;
};

/// Reads "public-ipv4", "local-ipv4", "ipv6", "interface:eth0" or an IPv4 or IPv6 address.
/// @errors config: names the text and what is allowed.
Result<AddressSource> parse_address_source(std::string_view text);

/// The same text back.
std::string to_string(const AddressSource& source);

/// IPv6 for ipv6 and IPv6 literals; IPv4 for everything else, interfaces too.
Family default_family(const AddressSource& source) noexcept;

/// True when the source can give an address of that family: interfaces give both.
bool can_give(const AddressSource& source, Family family) noexcept;

/// The text at "/latest/" + path of the metadata service; nothing when the item is absent.
using Metadata = std::function<Result<std::optional<std::string>>(std::string_view path)>;

/// The instance's address of that family, in canonical text.
/// @errors not_found: there is no such address;
/// config: the source gives no such family; bad_input: the metadata service answered something
/// else; and the metadata's own.
Result<std::string> find_address(const AddressSource& source, Family family,
                                 const Metadata& metadata);

/// "i-0abc…". @errors as find_address.
Result<std::string> find_instance_id(const Metadata& metadata);

/// The address of that family in canonical text; nothing when the text is not one.
std::optional<std::string> canonical_address(std::string_view text, Family family);

/// Why no client could reach an address, as "is a multicast address"; empty when one may.
/// @param from_here  clients on this machine count: loopback addresses are fine.
std::string_view why_unreachable(std::string_view address, bool from_here) noexcept;

/// The first global address of an interface that is neither deprecated nor tentative; a permanent
/// one before a temporary one.
/// @param if_inet6  the text of /proc/net/if_inet6.
std::optional<std::string> choose_interface_ipv6(std::string_view if_inet6,
                                                 std::string_view interface);

}  // namespace rota::instance
