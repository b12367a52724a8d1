#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/connection.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"
#include "rota/http/stream.h"

namespace rota::health {
namespace {

/// What comes up to the first line end, or to the end of the stream, as HAProxy reads it.
Result<std::string> read_line(http::Stream& stream, BootTime deadline) {
    std::string line;
    while (line.size() < kLongestAgentCheck) {
        std::array<char, kLongestAgentCheck> chunk{};
        const std::size_t got = ROTA_TRY(stream.read(chunk, deadline));
        line.append(chunk.data(), got);
        const auto end = line.find_first_of("\r\n");
        if (got == 0 || end != std::string::npos) {
            line.resize(std::min(end, line.size()));
            return line;
        }
    }
    return fail(ErrorKind::bad_input,
                fmt::format("no line end in the first {} octets", kLongestAgentCheck));
}

Outcome outcome_of(const AgentCheckReport& report) {
    if (!report.health) {
        return Outcome::neutral;
    }
    return *report.health == AgentHealth::up ? Outcome::passed : Outcome::failed;
}

}  // namespace

// Not to be reached is no failure (HAProxy: "Failure to connect to the agent is not considered an
// error"), so that an agent that is only restarted takes nobody out.
Observation probe_agent(const Check& check, std::chrono::milliseconds timeout) {
    const BootTime deadline = boot_now() + timeout;
    const auto stream = connect(check, deadline);
    if (!stream) {
        return {.outcome = Outcome::neutral, .detail = stream.error().message};
    }
    const auto line = read_line(**stream, deadline);
    if (!line) {
        return {.outcome = Outcome::neutral,
                .detail = fmt::format("agent {}: {}", check.target, line.error().message)};
    }
    if (line->empty()) {
        return {.outcome = Outcome::neutral,
                .detail = fmt::format("agent {} says nothing", check.target)};
    }
    AgentCheckReport report = parse_agent_check(*line);
    std::string detail = fmt::format("agent {} says '{}'", check.target, *line);
    if (!report.unknown.empty()) {
        detail += fmt::format("; '{}' means nothing", report.unknown);
    }
    return {
        .outcome = outcome_of(report), .detail = std::move(detail), .report = std::move(report)};
}

}  // namespace rota::health
