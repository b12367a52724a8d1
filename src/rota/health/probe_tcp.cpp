#include <chrono>

#include "rota/base/clock.h"
#include "rota/health/check.h"
#include "rota/health/connection.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"

namespace rota::health {

Observation probe_tcp(const Check& check, std::chrono::milliseconds timeout) {
    if (const auto stream = connect(check, boot_now() + timeout); !stream) {
        return {.detail = stream.error().message};
    }
    return {.outcome = Outcome::passed, .detail = check.target + " accepts connections"};
}

}  // namespace rota::health
