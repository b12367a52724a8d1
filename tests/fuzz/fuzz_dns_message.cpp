#include <cstddef>
#include <cstdint>
#include <span>

#include "rota/base/error.h"
#include "rota/dns/message.h"

// A message that is read must be written and read back as the same one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const auto message = rota::dns::parse_message(std::span{octets, size});
    if (!message) {
        return 0;
    }
    for (const auto* const section :
         {&message->answers, &message->authorities, &message->additionals}) {
        for (const auto& record : *section) {
            ROTA_ASSERT(!to_text(record).empty());
            if (record.rdata.size() > 65535) {
                return 0;  // names that grew when they were expanded
            }
        }
    }
    const auto back = rota::dns::parse_message(encode_message(*message));
    ROTA_ASSERT(back && *back == *message);
    return 0;
}
