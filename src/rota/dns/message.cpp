#include "rota/dns/message.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/dns/wire.h"

namespace rota::dns {

namespace {

// RFC 1035 section 4.1.1.
constexpr std::uint16_t kQr = 0x8000;
constexpr std::uint16_t kAa = 0x0400;
constexpr std::uint16_t kTc = 0x0200;
constexpr std::uint16_t kRd = 0x0100;
constexpr std::uint16_t kRa = 0x0080;
constexpr std::uint32_t kDo = 0x8000;  // in the TTL of OPT

/// Where the names are in the RDATA of a type: after so many octets and character strings.
struct NamedRdata {
    Type type;
    std::size_t octets;
    std::size_t strings;
    std::size_t names;
};

constexpr std::array<NamedRdata, 9> kNamedRdata{{{Type::ns, 0, 0, 1},
                                                 {Type::cname, 0, 0, 1},
                                                 {Type::ptr, 0, 0, 1},
                                                 {Type::soa, 0, 0, 2},
                                                 {Type::mx, 2, 0, 1},
                                                 {Type::srv, 6, 0, 1},
                                                 {Type::naptr, 4, 3, 1},
                                                 {Type::svcb, 2, 0, 1},
                                                 {Type::https, 2, 0, 1}}};

/// Reads RDATA that fills the reader, expanding the names in it.
std::vector<std::uint8_t> read_rdata(WireReader& in, Type type) {
    WireWriter out;
    const auto* const named = std::ranges::find(kNamedRdata, type, &NamedRdata::type);
    if (named != kNamedRdata.end()) {
        out.octets(in.octets(named->octets));
        for (std::size_t i = 0; i < named->strings; ++i) {
            const std::uint8_t length = in.u8();
            out.u8(length).octets(in.octets(length));
        }
        for (std::size_t i = 0; i < named->names; ++i) {
            out.name(in.name());
        }
    }
    return out.octets(in.rest()).take();
}

Record read_record(WireReader& in, std::span<const std::uint8_t> message) {
    Record record;
    record.name = in.name();
    record.type = static_cast<Type>(in.u16());
    record.klass = static_cast<Class>(in.u16());
    record.ttl = in.u32();
    const std::size_t length = in.u16();
    const std::size_t start = in.position();
    in.octets(length);
    if (in.ok()) {
        WireReader rdata{message.first(start + length), start};
        record.rdata = read_rdata(rdata, record.type);
        if (!rdata.ok()) {
            in.fail();
        }
    }
    return record;
}

void read_flags(Message& message, std::uint16_t flags) {
    message.is_response = (flags & kQr) != 0;
    message.opcode = static_cast<std::uint8_t>((flags >> 11U) & 0xfU);
    message.authoritative = (flags & kAa) != 0;
    message.truncated = (flags & kTc) != 0;
    message.recursion_desired = (flags & kRd) != 0;
    message.recursion_available = (flags & kRa) != 0;
    message.rcode = static_cast<Rcode>(flags & 0xfU);
}

std::uint16_t write_flags(const Message& message) {
    return static_cast<std::uint16_t>(
        (message.is_response ? kQr : 0) | ((message.opcode & 0xf) << 11) |
        (message.authoritative ? kAa : 0) | (message.truncated ? kTc : 0) |
        (message.recursion_desired ? kRd : 0) | (message.recursion_available ? kRa : 0) |
        (std::to_underlying(message.rcode) & 0xf));
}

/// Takes the OPT record out of the additional section. False when there are two or it is malformed.
bool take_opt(Message& message) {
    const auto is_opt = [](const Record& record) { return record.type == Type::opt; };
    const auto opt = std::ranges::find_if(message.additionals, is_opt);
    if (opt == message.additionals.end()) {
        return true;
    }
    if (!opt->name.is_root()) {
        return false;
    }
    // RFC 6891 section 6.1.3: the class is the payload size; the TTL has the upper eight bits of
    // the RCODE, the version and the flags.
    message.edns = Edns{.udp_size = std::to_underlying(opt->klass),
                        .version = static_cast<std::uint8_t>(opt->ttl >> 16U),
                        .dnssec_ok = (opt->ttl & kDo) != 0,
                        .options = std::move(opt->rdata)};
    message.rcode =
        static_cast<Rcode>(std::to_underlying(message.rcode) | ((opt->ttl >> 24U) << 4U));
    message.additionals.erase(opt);
    return std::ranges::none_of(message.additionals, is_opt);
}

void write_record(WireWriter& out, const Record& record) {
    out.name(record.name)
        .u16(std::to_underlying(record.type))
        .u16(std::to_underlying(record.klass))
        .u32(record.ttl)
        .u16(static_cast<std::uint16_t>(record.rdata.size()))
        .octets(record.rdata);
}

Record opt_record(const Edns& edns, Rcode rcode) {
    const std::uint32_t upper = std::to_underlying(rcode) >> 4U;
    return {
        .name = {},
        .type = Type::opt,
        .klass = static_cast<Class>(edns.udp_size),
        .ttl = (upper << 24U) | (std::uint32_t{edns.version} << 16U) | (edns.dnssec_ok ? kDo : 0),
        .rdata = edns.options};
}

}  // namespace

Result<Message> parse_message(std::span<const std::uint8_t> octets) {
    WireReader in{octets};
    Message message;
    message.id = in.u16();
    read_flags(message, in.u16());
    const std::size_t question_count = in.u16();
    const std::array<std::pair<std::size_t, std::vector<Record>*>, 3> sections{
        {{in.u16(), &message.answers},
         {in.u16(), &message.authorities},
         {in.u16(), &message.additionals}}};
    for (std::size_t i = 0; i < question_count && in.ok(); ++i) {
        auto name = in.name();
        const auto type = static_cast<Type>(in.u16());
        message.questions.push_back({std::move(name), type, static_cast<Class>(in.u16())});
    }
    for (const auto& [count, records] : sections) {
        for (std::size_t i = 0; i < count && in.ok(); ++i) {
            records->push_back(read_record(in, octets));
        }
    }
    if (!in.finished() || !take_opt(message)) {
        return fail(ErrorKind::bad_input,
                    fmt::format("{} octets that are no DNS message", octets.size()));
    }
    return message;
}

std::vector<std::uint8_t> encode_message(const Message& message) {
    WireWriter out;
    out.u16(message.id)
        .u16(write_flags(message))
        .u16(static_cast<std::uint16_t>(message.questions.size()))
        .u16(static_cast<std::uint16_t>(message.answers.size()))
        .u16(static_cast<std::uint16_t>(message.authorities.size()))
        .u16(static_cast<std::uint16_t>(message.additionals.size() + (message.edns ? 1 : 0)));
    for (const auto& question : message.questions) {
        out.name(question.name)
            .u16(std::to_underlying(question.type))
            .u16(std::to_underlying(question.klass));
    }
    for (const auto* const section :
         {&message.answers, &message.authorities, &message.additionals}) {
        for (const auto& record : *section) {
            write_record(out, record);
        }
    }
    if (message.edns) {
        write_record(out, opt_record(*message.edns, message.rcode));
    }
    return out.take();
}

Message make_query(const Name& name, Type type, std::uint16_t id, const std::optional<Edns>& edns) {
    Message query;
    query.id = id;
    query.questions.push_back({name, type, Class::in});
    query.edns = edns;
    return query;
}

std::string to_text(const Record& record) {
    const auto mnemonic = to_string(record.type);
    const std::string type = mnemonic.empty()
                                 ? fmt::format("TYPE{}", std::to_underlying(record.type))
                                 : std::string{mnemonic};
    const std::string klass =
        record.klass == Class::in ? "IN" : fmt::format("CLASS{}", std::to_underlying(record.klass));
    const auto value = rdata_to_text(record.type, record.rdata);
    const std::string text =
        value ? *value : fmt::format("\\# {} {}", record.rdata.size(), to_hex(record.rdata));
    return fmt::format("{} {} {} {} {}", record.name.to_text(), record.ttl, klass, type, text);
}

std::string to_text(Rcode rcode) {
    switch (rcode) {
        case Rcode::noerror:
            return "NOERROR";
        case Rcode::formerr:
            return "FORMERR";
        case Rcode::servfail:
            return "SERVFAIL";
        case Rcode::nxdomain:
            return "NXDOMAIN";
        case Rcode::notimp:
            return "NOTIMP";
        case Rcode::refused:
            return "REFUSED";
        case Rcode::badvers:
            return "BADVERS";
    }
    return fmt::format("RCODE{}", std::to_underlying(rcode));
}

}  // namespace rota::dns
