#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "rota/dns/name.h"

namespace rota::dns {

/// Any octet, but mostly those that are special somewhere: dots, asterisks, hyphens, quotes,
/// backslashes, letters of both cases.
inline rc::Gen<std::uint8_t> awkward_octet() {
    return rc::gen::weightedOneOf<std::uint8_t>(
        {{6, rc::gen::map(rc::gen::elementOf(std::string{"abAB09-_*.\\\" ;,="}),
                          [](char c) { return static_cast<std::uint8_t>(c); })},
         {1, rc::gen::arbitrary<std::uint8_t>()}});
}

/// Any uncompressed name; few and short labels are the likely ones, so that names meet and share
/// suffixes.
inline rc::Gen<std::vector<std::uint8_t>> any_wire_name() {
    return rc::gen::exec([] {
        std::vector<std::uint8_t> wire;
        const int labels = *rc::gen::inRange(0, 6);
        for (int i = 0; i < labels; ++i) {
            const auto length =
                *rc::gen::weightedElement<std::size_t>({{8, 1}, {4, 2}, {2, 5}, {1, 63}});
            if (wire.size() + length + 2 > 255) {
                break;
            }
            wire.push_back(static_cast<std::uint8_t>(length));
            for (std::size_t at = 0; at < length; ++at) {
                wire.push_back(*awkward_octet());
            }
        }
        wire.push_back(0);
        return wire;
    });
}

inline rc::Gen<Name> any_name() {
    return rc::gen::map(any_wire_name(),
                        [](const auto& wire) { return Name::from_wire(wire).value(); });
}

inline void showValue(const Name& name, std::ostream& out) {  // NOLINT: RapidCheck's hook
    out << name.to_text();
}

}  // namespace rota::dns
