#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rota/base/error.h"
#include "rota/dns/name.h"

using rota::dns::Name;

// What either reader accepts must survive the way through the other form unchanged.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    if (const auto name = Name::parse(text)) {
        ROTA_ASSERT(Name::from_wire(name->wire()).value() == *name);
        ROTA_ASSERT(Name::parse(name->to_text()).value() == *name);
    }
    if (const auto name = Name::from_wire(std::span{octets, size})) {
        ROTA_ASSERT(Name::parse(name->to_text()).value() == *name);
        ROTA_ASSERT(name->is_at_or_below(name->parent()));
        ROTA_ASSERT((*name <=> *name) == 0);
    }
    return 0;
}
