#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"

namespace rota::dns {

struct QueryOptions {
    std::optional<Edns> edns = Edns{};
    bool recursion_desired = false;
    /// How long one try over UDP waits before the query is sent again.
    std::chrono::milliseconds try_timeout{1000};
};

/// Asks one server one question: over UDP, again after each try_timeout, and over TCP when the
/// answer is truncated. Blocks until an answer or the deadline; whatever else arrives (another id,
/// another question, no message) is passed over.
/// @param server  "192.0.2.1:53", "[2001:db8::1]:53"; without a port it is 53.
/// @returns the whole answer, whatever its RCODE.
/// @errors bad_input (server), timeout and unavailable (both retryable), io.
Result<Message> query(std::string_view server, const Name& name, Type type, BootTime deadline,
                      const QueryOptions& options = {});

}  // namespace rota::dns
