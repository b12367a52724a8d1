#include "rota/health/connection.h"

#include <memory>
#include <optional>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/check.h"
#include "rota/http/resolve.h"
#include "rota/http/stream.h"

namespace rota::health {

Result<std::unique_ptr<http::Stream>> connect(const Check& check, BootTime deadline) {
    const auto addresses = ROTA_TRY(http::resolve(check.host, check.port, deadline));
    auto stream = ROTA_TRY(http::Stream::connect(check.target, addresses, std::nullopt, deadline));
    if (check.tls) {
        const auto context = ROTA_TRY(http::TlsContext::make_unverified("h2"));
        ROTA_CHECK(stream->secure(*context, check.host, deadline));
    }
    return stream;
}

}  // namespace rota::health
