#include "support/dns_messages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rota/base/rng.h"
#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/dns/wire.h"

namespace rota::test {

namespace {

constexpr std::array<std::string_view, 6> kRcodes{"NOERROR",  "FORMERR", "SERVFAIL",
                                                  "NXDOMAIN", "NOTIMP",  "REFUSED"};

std::string type_text(std::uint16_t type) {
    if (type == 13) {
        return "HINFO";
    }
    const auto text = dns::to_string(dns::Type{type});
    return text.empty() ? fmt::format("TYPE{}", type) : std::string{text};
}

/// RDATA with its names written out.
Octets expand(std::uint16_t type, std::span<const std::uint8_t> message, std::size_t at,
              std::size_t size, bool& ok) {
    dns::WireReader in{message.first(at + size), at};
    dns::WireWriter out;
    const auto names = [&](std::size_t skip, int count) {
        out.octets(in.octets(skip));
        for (int i = 0; i < count; ++i) {
            out.name(in.name());
        }
    };
    switch (dns::Type{type}) {
        case dns::Type::ns:
        case dns::Type::cname:
        case dns::Type::ptr:
            names(0, 1);
            break;
        case dns::Type::mx:
            names(2, 1);
            break;
        case dns::Type::soa:
            names(0, 2);
            break;
        default:
            break;
    }
    out.octets(in.rest());
    ok = ok && in.ok();
    return out.take();
}

std::string rdata_text(std::uint16_t type, const Octets& rdata) {
    if (type == 13) {
        return fmt::format("{}",
                           std::string_view{reinterpret_cast<const char*>(&rdata[1]), rdata[0]});
    }
    const auto text = dns::rdata_to_text(dns::Type{type}, rdata);
    return text ? *text : "broken: " + text.error().message;
}

struct Reader {
    std::span<const std::uint8_t> message;
    dns::WireReader in;
    std::vector<std::string> lines;
    bool ok = true;

    explicit Reader(std::span<const std::uint8_t> octets) : message{octets}, in{octets} {}

    void record(std::string_view section) {
        const dns::Name owner = in.name();
        const std::uint16_t type = in.u16();
        const std::uint16_t klass = in.u16();
        const std::uint32_t ttl = in.u32();
        const std::uint16_t size = in.u16();
        const std::size_t at = in.position();
        in.octets(size);
        if (!in.ok()) {
            ok = false;
        } else if (type == 41) {
            const bool is_sound =
                owner.is_root() && size == 0 && section == "additional" && (ttl & 0x7fff) == 0;
            ok = ok && is_sound;
            lines.push_back(fmt::format("~edns {} {}{}{}", klass, (ttl >> 16U) & 0xff,
                                        (ttl & 0x8000) != 0 ? " do" : "",
                                        (ttl >> 24U) != 0 ? " BADVERS" : ""));
        } else {
            ok = ok && klass == 1;
            const Octets rdata = expand(type, message, at, size, ok);
            lines.push_back(fmt::format("{} {} {} {} {}", section, owner.to_text(), ttl,
                                        type_text(type), rdata_text(type, rdata)));
        }
    }

    void section(std::string_view name, std::size_t count) {
        const auto before = static_cast<std::ptrdiff_t>(lines.size());
        for (std::size_t i = 0; i < count && ok; ++i) {
            record(name);
        }
        std::sort(lines.begin() + before, lines.end());
    }
};

std::string header_text(std::uint16_t flags) {
    const std::uint16_t rcode = flags & 0xfU;
    std::string text{rcode < kRcodes.size() ? kRcodes[rcode] : "RCODE?"};
    const std::array<std::pair<int, std::string_view>, 8> bits{{{0x8000, "qr"},
                                                                {0x0400, "aa"},
                                                                {0x0200, "tc"},
                                                                {0x0100, "rd"},
                                                                {0x0080, "ra"},
                                                                {0x0040, "z"},
                                                                {0x0020, "ad"},
                                                                {0x0010, "cd"}}};
    for (const auto& [bit, name] : bits) {
        if ((flags & bit) != 0) {
            text += fmt::format(" {}", name);
        }
    }
    if (const int opcode = (flags >> 11U) & 0xf; opcode != 0) {
        text += fmt::format(" opcode={}", opcode);
    }
    return text;
}

}  // namespace

model::RecordSets record_sets(std::string_view lines) {
    model::RecordSets sets;
    std::istringstream in{std::string{lines}};
    for (std::string line; std::getline(in, line);) {
        std::istringstream fields{line};
        model::RecordSet set;
        std::string word;
        if (!(fields >> word)) {
            continue;
        }
        if (word.starts_with('[')) {
            int weight = 0;
            std::string close;
            set.set_identifier = word.substr(1);
            fields >> close;
            std::from_chars(close.data(), close.data() + close.size(), weight);
            set.routing = model::WeightedRouting{static_cast<std::uint8_t>(weight)};
            fields >> word;
        }
        set.name = dns::Name::parse(word).value();
        fields >> set.ttl >> word >> std::ws;
        set.type = dns::type_from_string(word).value();
        std::getline(fields, word);
        auto& stored = sets.try_emplace(model::key_of(set), set).first->second;
        stored.values.push_back(word);
    }
    return sets;
}

model::HostedZone hosted_zone(std::string_view name, std::string_view id) {
    model::HostedZone zone;
    zone.id = id;
    zone.name = dns::Name::parse(name).value();
    return zone;
}

zone::SnapshotPtr snapshot(std::string_view zone, std::string_view lines) {
    return zone::with_zone(zone::empty_snapshot(), hosted_zone(zone), record_sets(lines));
}

std::uint16_t type_number(std::string_view type) {
    if (type.starts_with("TYPE")) {
        std::uint16_t number = 0;
        std::from_chars(type.data() + 4, type.data() + type.size(), number);
        return number;
    }
    return type == "ANY" ? std::uint16_t{255}
                         : std::to_underlying(dns::type_from_string(type).value());
}

Octets query(std::string_view name, std::string_view type, const QueryOptions& options) {
    dns::WireWriter out;
    out.u16(options.id).u8(options.flags_high).u8(options.flags_low);
    out.u16(1).u16(0).u16(0).u16(options.edns ? 1 : 0);
    auto wire = Octets{};
    const auto folded = dns::Name::parse(name).value();
    out.name(folded).u16(type_number(type)).u16(options.klass);
    if (options.edns) {
        out.u8(0).u16(41).u16(options.payload).u8(0).u8(options.version);
        out.u16(options.dnssec_ok ? 0x8000 : 0);
        out.u16(static_cast<std::uint16_t>(options.options.size())).octets(options.options);
    }
    wire = out.take();
    // The name's own case: Name folds it, but no escape is used where case matters.
    if (!name.contains('\\')) {
        std::size_t at = 12;
        for (std::size_t i = 0; i < name.size() && name != "."; ++i) {
            if (name[i] != '.') {
                wire[at + 1 + i] = static_cast<std::uint8_t>(name[i]);
            }
        }
    }
    return wire;
}

std::string to_text(std::span<const std::uint8_t> reply) {
    Reader reader{reply};
    dns::WireReader& in = reader.in;
    in.u16();
    const std::uint16_t flags = in.u16();
    const std::uint16_t questions = in.u16();
    const std::array<std::uint16_t, 3> counts{in.u16(), in.u16(), in.u16()};
    reader.lines.push_back(header_text(flags));
    for (int i = 0; i < questions; ++i) {
        in.name();
        in.u32();
    }
    reader.section("answer", counts[0]);
    reader.section("authority", counts[1]);
    reader.section("additional", counts[2]);
    if (!reader.ok || !in.finished()) {
        return fmt::format("broken: {}", fmt::join(reader.lines, "\n"));
    }
    for (std::string& line : reader.lines) {
        if (line.starts_with('~')) {
            line.erase(0, 1);
        }
    }
    return fmt::format("{}\n", fmt::join(reader.lines, "\n"));
}

std::pair<Octets, zone::Answer> ask(const zone::Snapshot& snapshot,
                                    std::span<const std::uint8_t> query, std::uint64_t seed,
                                    zone::Transport transport) {
    Rng rng{seed};
    Octets reply(transport == zone::Transport::udp ? 1232 : 65535);
    const zone::Answer answer = zone::answer(snapshot, query, reply, transport, rng);
    reply.resize(answer.size);
    return {reply, answer};
}

std::string answer_text(const zone::Snapshot& snapshot, std::string_view name,
                        std::string_view type, const QueryOptions& options) {
    return to_text(ask(snapshot, query(name, type, options)).first);
}

}  // namespace rota::test
