#pragma once

#include <chrono>
#include <string_view>

#include "rota/health/check.h"
#include "rota/health/observation.h"

// One probe a kind, for probe() alone; what they say is cut there.
namespace rota::health {

Observation probe_http(const Check& check, std::chrono::milliseconds timeout);
Observation probe_tcp(const Check& check, std::chrono::milliseconds timeout);
Observation probe_grpc(const Check& check, std::chrono::milliseconds timeout);
Observation probe_exec(const Check& check, std::chrono::milliseconds timeout);
Observation probe_systemd(const Check& check, std::chrono::milliseconds timeout);
Observation probe_agent(const Check& check, std::chrono::milliseconds timeout);

/// What `systemctl show` says of a unit, judged: active and reloading pass.
Observation judge_unit(std::string_view unit, std::string_view properties);

}  // namespace rota::health
