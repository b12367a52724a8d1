#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "rota/base/error.h"

namespace rota::lab {

/// The lab's application, the `rota lab-service` process: an HTTP/1.1 service whose workers each
/// take a while over a request, so that load matters.
struct ServiceOptions {
    std::string listen;                          ///< "127.77.1.11:8080"
    std::string instance_id;                     ///< said in every answer
    unsigned workers = 4;                        ///< requests in work at a time; others wait
    std::chrono::milliseconds service_time{40};  ///< mean of an exponential, cut at five times it
    std::chrono::milliseconds boot_delay{0};     ///< before it listens, as an image boots
    std::uint64_t seed = 1;
};

/// Runs until SIGTERM, then ends gracefully: accepts no more, finishes what it has begun with
/// `Connection: close`, closes idle connections, and gives up after 5 s. Tells its load as a JSON
/// line on standard output four times a second. GET /healthz answers at once, every other path
/// after the service time.
Status run_service(const ServiceOptions& options);

}  // namespace rota::lab
