#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rota/base/error.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"

namespace {

using rota::dns::Type;

constexpr std::array kTypes{Type::a,   Type::aaaa,  Type::caa,  Type::cname, Type::ds,  Type::https,
                            Type::mx,  Type::naptr, Type::ns,   Type::ptr,   Type::soa, Type::spf,
                            Type::srv, Type::sshfp, Type::svcb, Type::tlsa,  Type::txt};

}  // namespace

// The first octet chooses the type; the rest is a value, and once more octets that claim to be
// RDATA.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const Type type = kTypes[octets[0] % kTypes.size()];
    const std::string_view text{reinterpret_cast<const char*>(octets) + 1, size - 1};
    if (const auto rdata = rota::dns::rdata_from_text(type, text)) {
        const auto canonical = rota::dns::rdata_to_text(type, *rdata);
        ROTA_ASSERT(canonical);
        // An escape may be longer than what it stands for, and so the text than a value may be.
        ROTA_ASSERT(canonical->size() > 4000 ||
                    rota::dns::rdata_from_text(type, *canonical).value() == *rdata);
    }
    const auto written = rota::dns::rdata_to_text(type, std::span{octets, size}.subspan(1));
    ROTA_ASSERT(!written || written->size() > 4000 || rota::dns::rdata_from_text(type, *written));
    return 0;
}
