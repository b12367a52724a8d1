#include "rota/dns/rdata.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/service_params.h"
#include "rota/dns/types.h"
#include "rota/dns/value_text.h"
#include "rota/dns/wire.h"

// Every type is a list of fields; what holds between fields (the length of a digest) is checked on
// the finished octets. Text is written field by field too and then read back, so that octets which
// are no RDATA of their type are found by the one reader there is.
namespace rota::dns {

namespace {

constexpr std::size_t kMaxValue = 4000;  // characters, the API's RData

enum class Field : std::uint8_t {
    ipv4,
    ipv6,
    u8,
    u16,
    u32,
    name,
    tag,      // letters and digits after a length octet, RFC 8659
    string,   // one character string, RFC 1035
    text,     // a quoted string that fills the rest
    hex,      // octets that fill the rest
    strings,  // character strings that fill the rest
    params,   // service parameters that fill the rest, RFC 9460
};

struct Layout {
    Type type;
    std::string_view count;  // as Route 53 words it: MXRRDATANotTwoFields
    std::vector<Field> fields;
};

const Layout* layout_of(Type type) {
    using enum Field;
    static const std::array<Layout, 17> layouts{{
        {Type::a, "Single", {ipv4}},
        {Type::aaaa, "Single", {ipv6}},
        {Type::caa, "Three", {u8, tag, text}},
        {Type::cname, "Single", {name}},
        {Type::ds, "Four", {u16, u8, u8, hex}},
        {Type::https, "Two", {u16, name, params}},
        {Type::mx, "Two", {u16, name}},
        {Type::naptr, "Six", {u16, u16, string, string, string, name}},
        {Type::ns, "Single", {name}},
        {Type::ptr, "Single", {name}},
        {Type::soa, "Seven", {name, name, u32, u32, u32, u32, u32}},
        {Type::spf, "", {strings}},
        {Type::srv, "Four", {u16, u16, u16, name}},
        {Type::sshfp, "Three", {u8, u8, hex}},
        {Type::svcb, "Two", {u16, name, params}},
        {Type::tlsa, "Four", {u8, u8, u8, hex}},
        {Type::txt, "", {strings}},
    }};
    const auto* const layout = std::ranges::find(layouts, type, &Layout::type);
    return layout == layouts.end() ? nullptr : layout;
}

std::string code(Type type, std::string_view what) {
    return fmt::format("{}RRDATA{}", to_string(type), what);
}

Status check_word_count(const Layout& layout, std::size_t words, std::string_view value) {
    const bool has_params = layout.fields.back() == Field::params;
    const std::size_t wanted = layout.fields.size() - (has_params ? 1 : 0);
    if (words == wanted || (has_params && words > wanted)) {
        return {};
    }
    if (wanted == 1) {
        return refuse_value(code(layout.type, "NotSingleField"), "Value contains spaces", value);
    }
    return refuse_value(
        code(layout.type, fmt::format("Not{}Fields", layout.count)),
        fmt::format("{} record doesn't have {} fields", to_string(layout.type), wanted), value);
}

Status read_address(WireWriter& out, const Layout& layout, std::string_view word) {
    const bool is_ipv4 = layout.fields[0] == Field::ipv4;
    const auto address = parse_address(word, is_ipv4 ? 4 : 16);
    if (!address) {
        return refuse_value(
            code(layout.type, is_ipv4 ? "IllegalIPv4Address" : "IllegalIPv6Address"),
            is_ipv4 ? "Value is not a valid IPv4 address" : "Value is not a valid IPv6 address",
            word);
    }
    out.octets(*address);
    return {};
}

Status read_number(WireWriter& out, Type type, Field field, std::string_view word,
                   std::string_view value) {
    const std::uint32_t maximum = field == Field::u8    ? 0xff
                                  : field == Field::u16 ? 0xffff
                                                        : 0xffffffff;
    const auto number = ROTA_TRY(parse_number(word, maximum, code(type, "IllegalNumber"), value));
    if (field == Field::u32) {
        out.u32(number);
    } else if (field == Field::u16) {
        out.u16(static_cast<std::uint16_t>(number));
    } else {
        out.u8(static_cast<std::uint8_t>(number));
    }
    return {};
}

Status read_name(WireWriter& out, std::string_view word) {
    const auto name = Name::parse(word);
    if (!name) {
        return fail(ErrorKind::bad_input, "FATAL problem: " + name.error().message);
    }
    out.name(*name);
    return {};
}

Status read_tag(WireWriter& out, Type type, std::string_view word, std::string_view value) {
    const bool is_alphanumeric = std::ranges::all_of(word, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    if (word.empty() || word.size() > 255 || !is_alphanumeric) {
        return refuse_value(code(type, "IllegalTag"), "Value is not a tag of letters and digits",
                            value);
    }
    out.u8(static_cast<std::uint8_t>(word.size())).octets(as_octets(to_lower(word)));
    return {};
}

Status read_string(WireWriter& out, Field field, std::string_view word, std::string_view value) {
    const auto octets = ROTA_TRY(take_quoted(word));
    if (!word.empty()) {
        return refuse_value("InvalidCharacterString", "Value should be enclosed in quotation marks",
                            value);
    }
    if (field == Field::string) {
        if (octets.size() > 255) {
            return refuse_value("CharacterStringTooLong", "Value is too long", value);
        }
        out.u8(static_cast<std::uint8_t>(octets.size()));
    }
    out.octets(as_octets(octets));
    return {};
}

Status read_hex(WireWriter& out, Type type, std::string_view word, std::string_view value) {
    const auto octets = from_hex(word);
    if (!octets || octets->empty()) {
        return refuse_value(code(type, "IllegalHex"),
                            "Value does not end in an even number of hexadecimal digits", value);
    }
    out.octets(*octets);
    return {};
}

Status read_field(WireWriter& out, const Layout& layout, Field field, std::string_view word,
                  std::string_view value) {
    switch (field) {
        case Field::ipv4:
        case Field::ipv6:
            return read_address(out, layout, word);
        case Field::u8:
        case Field::u16:
        case Field::u32:
            return read_number(out, layout.type, field, word, value);
        case Field::name:
            return read_name(out, word);
        case Field::tag:
            return read_tag(out, layout.type, word, value);
        case Field::string:
        case Field::text:
            return read_string(out, field, word, value);
        case Field::hex:
            return read_hex(out, layout.type, word, value);
        case Field::strings:
        case Field::params:
            break;
    }
    ROTA_ASSERT(field < Field::strings);  // those that fill the rest are no single word
    return {};
}

struct Digest {
    Type type;
    std::uint8_t digest_type;
    std::size_t length;
};

// DS: RFC 4034, RFC 4509, RFC 5933, RFC 6605. SSHFP: RFC 4255, RFC 6594. TLSA: RFC 6698.
constexpr std::array<Digest, 8> kDigests{{{Type::ds, 1, 20},
                                          {Type::ds, 2, 32},
                                          {Type::ds, 3, 32},
                                          {Type::ds, 4, 48},
                                          {Type::sshfp, 1, 20},
                                          {Type::sshfp, 2, 32},
                                          {Type::tlsa, 1, 32},
                                          {Type::tlsa, 2, 64}}};

Status check_digest(Type type, std::uint8_t digest_type, std::size_t length,
                    std::string_view value) {
    const auto* const known = std::ranges::find_if(kDigests, [&](const Digest& digest) {
        return digest.type == type && digest.digest_type == digest_type;
    });
    if (known != kDigests.end() && length != known->length) {
        return refuse_value(code(type, "IllegalDigest"),
                            fmt::format("A digest of type {} has {} hexadecimal digits",
                                        digest_type, 2 * known->length),
                            value);
    }
    return {};
}

/// Refuses a field above what its registry defines, leaving TLSA's 255 for private use.
Status check_registered(Type type, std::uint8_t number, std::uint8_t last, std::string_view what,
                        std::string_view value) {
    if (number > last && number != 255) {
        return refuse_value(code(type, "IllegalNumber"),
                            fmt::format("{} is not a {}", number, what), value);
    }
    return {};
}

/// What holds between the fields of one value.
Status check_rdata(Type type, std::span<const std::uint8_t> rdata, std::string_view value) {
    switch (type) {
        case Type::ds:
            return check_digest(type, rdata[3], rdata.size() - 4, value);
        case Type::sshfp:
            return check_digest(type, rdata[1], rdata.size() - 2, value);
        case Type::tlsa:
            ROTA_CHECK(check_registered(type, rdata[0], 3, "certificate usage", value));
            ROTA_CHECK(check_registered(type, rdata[1], 1, "selector", value));
            ROTA_CHECK(check_registered(type, rdata[2], 2, "matching type", value));
            return check_digest(type, rdata[2], rdata.size() - 3, value);
        case Type::svcb:
        case Type::https: {
            WireReader in{rdata};
            const bool is_alias = in.u16() == 0;
            in.name();
            if (is_alias && !in.finished()) {
                return refuse_value("InvalidSvcParams", "Priority 0 (an alias) takes no parameters",
                                    value);
            }
            return {};
        }
        default:
            return {};
    }
}

std::string write_field(WireReader& in, Field field) {
    switch (field) {
        case Field::ipv4: {
            const auto address = in.octets(4);
            return in.ok() ? address_to_text(address) : "";
        }
        case Field::ipv6: {
            const auto address = in.octets(16);
            return in.ok() ? address_to_text(address) : "";
        }
        case Field::u8:
            return fmt::to_string(in.u8());
        case Field::u16:
            return fmt::to_string(in.u16());
        case Field::u32:
            return fmt::to_string(in.u32());
        case Field::name:
            return in.name().to_text();
        case Field::tag: {
            const auto octets = in.octets(in.u8());
            return to_lower({reinterpret_cast<const char*>(octets.data()), octets.size()});
        }
        case Field::string: {
            const auto octets = in.octets(in.u8());
            return quote({reinterpret_cast<const char*>(octets.data()), octets.size()});
        }
        case Field::text: {
            const auto octets = in.rest();
            return quote({reinterpret_cast<const char*>(octets.data()), octets.size()});
        }
        case Field::hex:
            return to_hex(in.rest());
        case Field::strings:
        case Field::params:
            break;
    }
    ROTA_ASSERT(field < Field::strings);  // those that fill the rest are no single word
    return {};
}

std::unexpected<Error> refuse_rdata(Type type) {
    return fail(ErrorKind::bad_input,
                fmt::format("octets that are no RDATA of type {}", to_string(type)));
}

Result<std::string> write_value(const Layout& layout, WireReader& in) {
    std::string text;
    for (const Field field : layout.fields) {
        if (field == Field::params) {
            text += ROTA_TRY(service_params_to_text(in.rest()));
            break;
        }
        if (field == Field::strings) {
            while (in.remaining() > 0) {
                text += (text.empty() ? "" : " ") + write_field(in, Field::string);
            }
            break;
        }
        text += (text.empty() ? "" : " ") + write_field(in, field);
    }
    if (!in.finished()) {
        return refuse_rdata(layout.type);
    }
    return text;
}

bool equal_but_for_case(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
    const auto fold = [](std::uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : int{c}; };
    return std::ranges::equal(a, b, {}, fold, fold);
}

Result<std::vector<std::uint8_t>> read_value(const Layout& layout, std::string_view value) {
    if (layout.fields[0] == Field::strings) {
        return character_strings(value);
    }
    const auto words = ROTA_TRY(split_words(value));
    ROTA_CHECK(check_word_count(layout, words.size(), value));
    WireWriter out;
    for (std::size_t i = 0; i < layout.fields.size(); ++i) {
        if (layout.fields[i] == Field::params) {
            const auto params = std::span{words}.subspan(i);
            out.octets(ROTA_TRY(service_params_from_text(params, value)));
        } else {
            ROTA_CHECK(read_field(out, layout, layout.fields[i], words[i], value));
        }
    }
    auto rdata = out.take();
    ROTA_CHECK(check_rdata(layout.type, rdata, value));
    return rdata;
}

}  // namespace

Result<std::vector<std::uint8_t>> rdata_from_text(Type type, std::string_view value) {
    const Layout* const layout = layout_of(type);
    if (layout == nullptr) {
        return fail(ErrorKind::bad_input,
                    fmt::format("type {} has no record values", static_cast<unsigned>(type)));
    }
    if (value.size() > kMaxValue) {
        return refuse_value("ValueTooLong",
                            fmt::format("Value is longer than {} characters", kMaxValue),
                            fmt::format("{}...", value.substr(0, 32)));
    }
    return read_value(*layout, value);
}

Result<std::string> rdata_to_text(Type type, std::span<const std::uint8_t> rdata) {
    const Layout* const layout = layout_of(type);
    if (layout == nullptr) {
        return fail(ErrorKind::bad_input,
                    fmt::format("type {} has no record values", static_cast<unsigned>(type)));
    }
    WireReader in{rdata};
    auto text = ROTA_TRY(write_value(*layout, in));
    const auto back = read_value(*layout, text);
    if (!back || !equal_but_for_case(*back, rdata)) {
        return refuse_rdata(type);
    }
    return text;
}

}  // namespace rota::dns
