#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/types.h"

namespace rota::lab {

/// A query for the A records of `name`, in wire form.
std::vector<std::uint8_t> address_query(std::uint16_t id, const dns::Name& name);

struct AddressAnswer {
    dns::Rcode rcode = dns::Rcode::noerror;
    std::optional<std::string> address;  ///< the first A record
    std::chrono::seconds ttl{0};
};

/// Reads the answer to such a query; nothing for any other message, whole or broken.
std::optional<AddressAnswer> parse_answer(std::span<const std::uint8_t> message, std::uint16_t id,
                                          const dns::Name& name);

}  // namespace rota::lab
