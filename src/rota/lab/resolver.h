#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/rng.h"
#include "rota/dns/name.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/resolver_cache.h"

namespace rota::lab {

/// One resolver as its clients see it: a cache that honours the TTL, and real queries over UDP to
/// the name server when the cache has nothing. Three tries of a second each.
class Resolver {
public:
    using Done = std::function<void(Result<std::string> address)>;

    /// @param server  "127.77.1.1:5300".
    /// @errors io, bad_input.
    static Result<std::unique_ptr<Resolver>> create(EventLoop& loop, const std::string& server,
                                                    dns::Name name, std::uint64_t seed);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    Resolver(Resolver&&) = delete;
    Resolver& operator=(Resolver&&) = delete;
    ~Resolver() = default;

    /// Calls `done` with an address to connect to, at once on a hit.
    void resolve(Done done);

    [[nodiscard]] const DnsCounters& counters() const noexcept { return counters_; }

private:
    Resolver(EventLoop& loop, Fd socket, dns::Name name, std::uint64_t seed);
    void send_query();
    void on_readable();
    void on_timeout();
    void finish(const Result<std::string>& address);

    EventLoop& loop_;
    Fd socket_;
    dns::Name name_;
    Rng rng_;
    ResolverCache cache_;
    DnsCounters counters_;
    std::vector<Done> waiting_;
    std::uint16_t query_id_ = 0;
    int tries_left_ = 0;
    std::optional<EventLoop::TimerId> timer_;
};

}  // namespace rota::lab
