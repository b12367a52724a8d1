#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "dns_generators.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/dns/wire.h"

namespace rota::dns {
namespace {

constexpr std::array kTypes{Type::a,   Type::aaaa,  Type::caa,  Type::cname, Type::ds,  Type::https,
                            Type::mx,  Type::naptr, Type::ns,   Type::ptr,   Type::soa, Type::spf,
                            Type::srv, Type::sshfp, Type::svcb, Type::tlsa,  Type::txt};

std::vector<std::uint8_t> octets(std::size_t from, std::size_t to) {
    return *rc::gen::container<std::vector<std::uint8_t>>(*rc::gen::inRange(from, to + 1),
                                                          awkward_octet());
}

std::uint16_t any_u16() {
    return *rc::gen::arbitrary<std::uint16_t>();
}

void put_string(WireWriter& out, std::size_t from, std::size_t to) {
    const auto string = octets(from, to);
    out.u8(static_cast<std::uint8_t>(string.size())).octets(string);
}

/// The value of an SVCB parameter that may stand with any others.
std::vector<std::uint8_t> param_value(std::uint16_t key) {
    WireWriter out;
    switch (key) {
        case 1:
            for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
                put_string(out, 1, 5);
            }
            break;
        case 3:
            out.u16(any_u16());
            break;
        case 4:
            out.octets(octets(4, 4))
                .octets(*rc::gen::arbitrary<bool>() ? octets(4, 4) : octets(0, 0));
            break;
        case 5:
            out.octets(octets(1, 20));
            break;
        case 6:
            out.octets(octets(16, 16));
            break;
        default:
            out.octets(octets(0, 8));
    }
    return out.take();
}

void put_params(WireWriter& out) {
    std::set<std::uint16_t> keys;
    for (const std::uint16_t key :
         std::initializer_list<std::uint16_t>{1, 3, 4, 5, 6, 7, 667, 65534}) {
        if (*rc::gen::arbitrary<bool>()) {
            keys.insert(key);
        }
    }
    if (!keys.empty() && *rc::gen::arbitrary<bool>()) {
        out.u16(0).u16(2).u16(*keys.begin());
    }
    for (const std::uint16_t key : keys) {
        const auto value = param_value(key);
        out.u16(key).u16(static_cast<std::uint16_t>(value.size())).octets(value);
    }
}

void put_digest(WireWriter& out, const std::vector<std::pair<std::uint8_t, std::size_t>>& forms) {
    const auto [type, size] = *rc::gen::elementOf(forms);
    out.u8(type).octets(octets(size, size));
}

/// Octets that are RDATA of the type.
std::vector<std::uint8_t> valid_rdata(Type type) {
    WireWriter out;
    switch (type) {
        case Type::a:
            out.octets(octets(4, 4));
            break;
        case Type::aaaa:
            out.octets(octets(16, 16));
            break;
        case Type::caa: {
            const auto tag = *rc::gen::nonEmpty(
                rc::gen::container<std::string>(rc::gen::elementOf(std::string{"abcxyz0189"})));
            out.u8(*rc::gen::arbitrary<std::uint8_t>()).u8(static_cast<std::uint8_t>(tag.size()));
            out.octets({reinterpret_cast<const std::uint8_t*>(tag.data()), tag.size()});
            out.octets(octets(0, 300));
            break;
        }
        case Type::ds:
            out.u16(any_u16()).u8(*rc::gen::arbitrary<std::uint8_t>());
            put_digest(out, {{1, 20}, {2, 32}, {4, 48}, {77, 5}});
            break;
        case Type::sshfp:
            out.u8(*rc::gen::arbitrary<std::uint8_t>());
            put_digest(out, {{1, 20}, {2, 32}, {9, 3}});
            break;
        case Type::tlsa:
            out.u8(*rc::gen::inRange<std::uint8_t>(0, 4)).u8(*rc::gen::inRange<std::uint8_t>(0, 2));
            put_digest(out, {{0, 7}, {1, 32}, {2, 64}});
            break;
        case Type::mx:
            out.u16(any_u16()).name(*any_name());
            break;
        case Type::srv:
            out.u16(any_u16()).u16(any_u16()).u16(any_u16()).name(*any_name());
            break;
        case Type::naptr:
            out.u16(any_u16()).u16(any_u16());
            for (int i = 0; i < 3; ++i) {
                put_string(out, 0, 40);
            }
            out.name(*any_name());
            break;
        case Type::soa:
            out.name(*any_name()).name(*any_name());
            for (int i = 0; i < 5; ++i) {
                out.u32(*rc::gen::arbitrary<std::uint32_t>());
            }
            break;
        case Type::txt:
        case Type::spf:
            for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
                put_string(out, 0, 255);
            }
            break;
        case Type::svcb:
        case Type::https:
            out.u16(static_cast<std::uint16_t>(any_u16() | 1U)).name(*any_name());
            put_params(out);
            break;
        default:
            out.name(*any_name());
    }
    return out.take();
}

RC_GTEST_PROP(Rdata, text_reads_back_as_the_same_octets_for_every_type, ()) {
    for (const Type type : kTypes) {
        const auto rdata = valid_rdata(type);
        const auto text = rdata_to_text(type, rdata);
        RC_LOG() << to_string(type);
        RC_ASSERT(text);
        if (text->size() <= 4000) {
            RC_ASSERT(rdata_from_text(type, *text).value() == rdata);
        }
        RC_ASSERT(text->find_first_not_of(
                      " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                      "abcdefghijklmnopqrstuvwxyz{|}~") == std::string::npos);
    }
}

RC_GTEST_PROP(Rdata, any_octets_are_refused_or_come_back_from_their_text, ()) {
    const Type type = *rc::gen::elementOf(kTypes);
    const auto rdata = octets(0, 40);
    if (const auto text = rdata_to_text(type, rdata)) {
        const auto back = rdata_from_text(type, *text);
        RC_ASSERT(back);
        RC_ASSERT(rdata_to_text(type, *back).value() == *text);
    }
}

RC_GTEST_PROP(Rdata, any_text_is_refused_or_settles_on_one_form, ()) {
    const Type type = *rc::gen::elementOf(kTypes);
    const auto text =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string{"0012 .ab\"\"\\,=:alpn"}));
    if (const auto rdata = rdata_from_text(type, text)) {
        const auto canonical = rdata_to_text(type, *rdata);
        RC_ASSERT(canonical);
        RC_ASSERT(rdata_from_text(type, *canonical).value() == *rdata);
    }
}

}  // namespace
}  // namespace rota::dns
