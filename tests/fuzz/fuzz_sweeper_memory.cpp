#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/sweeper/memory.h"
#include "rota/sweeper/witnesses.h"

// Any text as a sweeper's memory: it is understood whole or an error, what it says lies in the past
// of this boot, and what was understood is written and read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota;
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    const BootTime now{std::chrono::hours{1000}};
    for (const std::string_view boot : {"this", "another"}) {
        const auto remembered = sweeper::parse_memory(text, boot, now);
        if (!remembered) {
            ROTA_ASSERT(remembered.error().kind == ErrorKind::bad_input);
            continue;
        }
        std::map<std::string, const sweeper::RotaMemory*, std::less<>> memories;
        for (const auto& [key, rota] : remembered->rotas) {
            memories.emplace(key, &rota);
            for (const auto& [identifier, member] : rota.members) {
                ROTA_ASSERT(!identifier.empty() && member.terminated_polls <= member.gone_polls);
                ROTA_ASSERT(member.first_seen <= now && member.gone_since <= now);
                ROTA_ASSERT(member.first_seen >= BootTime{} && !member.lease_over);
            }
        }
        const std::string written = sweeper::memory_text(memories, remembered->polled, boot);
        const auto again = sweeper::parse_memory(written, boot, now);
        ROTA_ASSERT(again.has_value());
    }
    return 0;
}
