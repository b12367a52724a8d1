#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "rota/base/clock.h"

namespace rota::lab {

/// What one resolver remembers of one name. It honours the TTL exactly: an address is given out
/// from the moment its answer arrived until the TTL has passed, and never at or after that moment.
/// While a query is out, everybody waits for its answer: one query a miss, however many ask.
class ResolverCache {
public:
    enum class Outcome : std::uint8_t {
        hit,   ///< `address` may be used for a new connection now
        miss,  ///< nothing valid: the caller sends the query, and later calls store() or fail()
        wait,  ///< a query is out already
    };

    struct Lookup {
        Outcome outcome = Outcome::miss;
        std::string address;
    };

    Lookup look_up(BootTime now);

    /// Takes an answer that arrived at `now`; TTL 0 means that only those who wait may use it.
    void store(std::string address, std::chrono::seconds ttl, BootTime now);

    /// The query was given up; the next look-up sends another.
    void fail() noexcept { is_asking_ = false; }

    [[nodiscard]] bool holds(const std::string& address, BootTime now) const;

private:
    std::string address_;
    std::optional<BootTime> expires_;
    bool is_asking_ = false;
};

}  // namespace rota::lab
