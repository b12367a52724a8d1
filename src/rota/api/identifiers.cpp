#include "rota/api/identifiers.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/random.h>
#include <sys/types.h>

#include "rota/base/encoding.h"

namespace rota::api {
namespace {

void fill_random(std::span<std::uint8_t> octets) {
    std::size_t done = 0;
    while (done < octets.size()) {
        const ssize_t got = ::getrandom(octets.data() + done, octets.size() - done, 0);
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
}

}  // namespace

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
