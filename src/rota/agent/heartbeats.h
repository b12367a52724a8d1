#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/route53/rota_client.h"

namespace rota::agent {

/// Renews one rota's lease at `rota serve`: a connection of its own, so that no other call waits
/// for it or holds it up. One thread at a time.
class Heartbeats {
public:
    Heartbeats(const RotaConfig& rota, const Settings& settings,
               std::shared_ptr<const Surroundings> surroundings);

    Beaten operator()(const Beat& beat);

private:
    RotaConfig rota_;
    std::chrono::seconds slow_start_;
    route53::Heartbeat heartbeat_;
    std::shared_ptr<const Surroundings> surroundings_;
    std::unique_ptr<route53::RotaClient> client_;  ///< made with the first one
};

/// Where others may probe the instance: as the first of the checks that is HTTP or TCP.
std::optional<route53::ProbeTarget> probe_target(const Settings& settings);

}  // namespace rota::agent
