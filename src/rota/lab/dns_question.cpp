#include "rota/lab/dns_question.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/dns/wire.h"

namespace rota::lab {
namespace {

constexpr auto kTypeA = std::to_underlying(dns::Type::a);
constexpr auto kClassIn = std::to_underlying(dns::Class::in);
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kTruncated = 0x0200;

}  // namespace

std::vector<std::uint8_t> make_query(std::uint16_t id, const dns::Name& name) {
    dns::WireWriter writer;
    writer.u16(id).u16(0).u16(1).u16(0).u16(0).u16(0);  // a query, one question, nothing else
    writer.name(name).u16(kTypeA).u16(kClassIn);
    return writer.take();
}

std::optional<AddressAnswer> parse_answer(std::span<const std::uint8_t> message, std::uint16_t id,
                                          const dns::Name& name) {
    dns::WireReader reader{message};
    const bool is_ours = reader.u16() == id;
    const std::uint16_t flags = reader.u16();
    const std::uint16_t questions = reader.u16();
    const std::uint16_t answers = reader.u16();
    reader.u32();  // authority and additional records are not looked at
    if (!reader.ok() || !is_ours || (flags & kResponse) == 0 || (flags & kTruncated) != 0 ||
        questions != 1 || reader.name() != name || reader.u16() != kTypeA ||
        reader.u16() != kClassIn) {
        return std::nullopt;
    }
    AddressAnswer answer;
    answer.rcode = flags & 0xfU;
    for (unsigned i = 0; i < answers; ++i) {
        reader.name();
        const std::uint16_t type = reader.u16();
        reader.u16();
        const std::uint32_t ttl = reader.u32();
        const auto rdata = reader.octets(reader.u16());
        if (!reader.ok()) {
            return std::nullopt;
        }
        if (type == kTypeA && rdata.size() == 4 && !answer.address) {
            answer.address = fmt::format("{}.{}.{}.{}", rdata[0], rdata[1], rdata[2], rdata[3]);
            answer.ttl = std::chrono::seconds{ttl};
        }
    }
    return answer;
}

}  // namespace rota::lab
