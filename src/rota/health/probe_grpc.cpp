#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/check.h"
#include "rota/health/connection.h"
#include "rota/health/grpc_call.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"
#include "rota/http/stream.h"

namespace rota::health {
namespace {

Status exchange(http::Stream& stream, GrpcCall& call, BootTime deadline) {
    std::size_t written = 0;
    while (true) {
        ROTA_CHECK(stream.write(call.take_output(), deadline, written));
        if (call.is_done()) {
            return {};
        }
        std::array<char, 4096> chunk{};
        const std::size_t got = ROTA_TRY(stream.read(chunk, deadline));
        if (got == 0) {
            return fail(ErrorKind::unavailable, "it closes the connection without an answer");
        }
        ROTA_CHECK(call.feed({chunk.data(), got}));
    }
}

}  // namespace

Observation probe_grpc(const Check& check, std::chrono::milliseconds timeout) {
    const BootTime deadline = boot_now() + timeout;
    const auto stream = connect(check, deadline);
    if (!stream) {
        return {.detail = stream.error().message};
    }
    GrpcCall call{{.authority = check.target,
                   .service = check.service,
                   .tls = check.tls,
                   .timeout = timeout}};
    if (const auto status = exchange(**stream, call, deadline); !status && !call.is_done()) {
        return {.detail = fmt::format("{}: {}", check.text, status.error().message)};
    }
    return call.conclude(check.text);
}

}  // namespace rota::health
