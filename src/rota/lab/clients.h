#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "rota/base/error.h"

namespace rota::lab {

/// The lab's clients, the `rota lab-clients` process: people behind resolvers of different sizes.
struct ClientsOptions {
    std::string dns;                            ///< the name server, "127.77.1.1:5300"
    std::string name;                           ///< what they resolve
    std::uint16_t port = 8080;                  ///< where the service listens on every address
    unsigned resolvers = 120;                   ///< a few big ones, many small ones
    double zipf = 0.7;                          ///< exponent of their sizes
    unsigned users = 400;                       ///< shared out over the resolvers
    std::chrono::milliseconds keep{3000};       ///< mean life of a connection, cut at ten times it
    std::chrono::milliseconds patience{30000};  ///< from the wish to the last octet of the answer
    std::uint64_t seed = 1;
};

/// Makes requests at the rate that standard input last said ("rate 120.5"), each by a random user;
/// "stop" or the end of the input finishes what is under way and ends. Tells what happened as a
/// JSON line on standard output four times a second; all counters in it are sums since the start.
///
/// A request fails on any connect error, reset, time-out, missing address or status other than 200.
/// One exception, as in browsers (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1): a GET on a
/// reused connection that ended before an octet of the answer came is made once more on a new
/// connection, and counts as a reconnect.
Status run_clients(const ClientsOptions& options);

}  // namespace rota::lab
