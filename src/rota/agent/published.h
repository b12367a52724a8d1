#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/base/guarded.h"

namespace rota::agent {

/// What the loop has counted since it began.
struct Figures {
    struct OfCall {
        std::uint64_t made = 0;
        std::map<std::string, std::uint64_t, std::less<>> failed;  ///< by kind of error
    };

    std::map<std::string, OfCall, std::less<>> calls;     ///< by name: "upsert", "heartbeat"
    std::vector<std::optional<BootTime>> leases_renewed;  ///< one a rota; the last time
};

struct Snapshot {
    State state;
    Figures figures;
    std::vector<std::uint8_t> weights;  ///< as configured, one a rota; the state's may be another's
};

/// The state as other threads may see it: the loop alone writes, and what was published does not
/// change any more.
class Published {
public:
    /// @param state  as it is at the start.
    explicit Published(const State& state);

    /// Counts a call that is about to be made. The loop's thread only, as publish().
    void count(const Call& call);

    /// Counts what an event tells of a call. @param state  as it is before the event.
    void count(const State& state, const Event& event, BootTime now);

    void publish(const State& state);

    /// Any thread; never nothing.
    [[nodiscard]] std::shared_ptr<const Snapshot> latest() const;

private:
    Figures figures_;  ///< the loop's
    std::vector<std::uint8_t> weights_;
    Guarded<std::shared_ptr<const Snapshot>> latest_;
};

}  // namespace rota::agent
