#pragma once

#include <cstdint>
#include <vector>

namespace rota::test {

/// A message as it goes over TCP (RFC 1035, section 4.2.2): its size in two octets before it.
inline std::vector<std::uint8_t> framed(const std::vector<std::uint8_t>& message) {
    std::vector<std::uint8_t> octets{static_cast<std::uint8_t>(message.size() >> 8U),
                                     static_cast<std::uint8_t>(message.size())};
    octets.insert(octets.end(), message.begin(), message.end());
    return octets;
}

}  // namespace rota::test
