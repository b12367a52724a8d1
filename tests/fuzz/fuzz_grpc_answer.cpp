#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rota/base/error.h"
#include "rota/health/grpc_call.h"

// What a server sends for grpc.health.v1.Health/Check. The first octet says in what pieces the rest
// comes; the rest is also read as a message alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota::health;
    if (size == 0) {
        return 0;
    }
    std::string_view rest{reinterpret_cast<const char*>(octets + 1), size - 1};
    static_cast<void>(decode_health_response(rest));
    const std::size_t piece = octets[0] == 0 ? rest.size() + 1 : octets[0];
    GrpcCall call{{.authority = "127.0.0.1:1", .service = "a.B"}};
    ROTA_ASSERT(!call.take_output().empty());
    while (!rest.empty() && !call.is_done()) {
        const std::string_view next = rest.substr(0, std::min(piece, rest.size()));
        if (!call.feed(next)) {
            break;
        }
        call.take_output();
        rest.remove_prefix(next.size());
    }
    if (call.is_done()) {
        ROTA_ASSERT(!call.conclude("it").detail.empty());
    }
    return 0;
}
