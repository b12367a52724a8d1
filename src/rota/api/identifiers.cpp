#include "rota/api/identifiers.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/encoding.h"
#include "rota/base/rng.h"

namespace rota::api {
std::string new_id(char prefix) {
    constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::array<std::uint8_t, 20> octets{};
    fill_random(octets);
    std::string id{prefix};
    for (const std::uint8_t octet : octets) {
        id.push_back(kAlphabet[octet % kAlphabet.size()]);
    }
    return id;
}

std::string new_request_id() {
    std::array<std::uint8_t, 16> octets{};
    fill_random(octets);
    octets[6] = static_cast<std::uint8_t>((octets[6] & 0x0fU) | 0x40U);
    octets[8] = static_cast<std::uint8_t>((octets[8] & 0x3fU) | 0x80U);
    std::string id = to_hex(octets);
    for (const std::size_t at : {20U, 16U, 12U, 8U}) {
        id.insert(at, 1, '-');
    }
    return id;
}

}  // namespace rota::api
