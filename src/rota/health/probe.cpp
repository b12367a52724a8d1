#include "rota/health/probe.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"

namespace rota::health {
namespace {

constexpr std::size_t kLongestDetail = 500;

/// On one line and not too long; UTF-8 stays whole.
void tidy(std::string& detail) {
    if (detail.size() > kLongestDetail) {
        std::size_t end = kLongestDetail;
        const auto is_inside = [&](std::size_t at) {
            return (static_cast<unsigned char>(detail[at]) & 0xC0U) == 0x80U;
        };
        while (end > 0 && is_inside(end)) {
            --end;
        }
        detail.resize(end);
    }
    std::ranges::replace_if(
        detail, [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; }, ' ');
}

Observation ask(const Check& check, std::chrono::milliseconds timeout) {
    switch (check.kind) {
        case CheckKind::http:
            return probe_http(check, timeout);
        case CheckKind::tcp:
            return probe_tcp(check, timeout);
        case CheckKind::grpc:
            return probe_grpc(check, timeout);
        case CheckKind::exec:
            return probe_exec(check, timeout);
        case CheckKind::systemd:
            return probe_systemd(check, timeout);
        case CheckKind::agent_check:
            return probe_agent(check, timeout);
    }
    return {};
}

}  // namespace

Observation probe(const Check& check, std::chrono::milliseconds timeout) {
    Observation observation = ask(check, timeout);
    tidy(observation.detail);
    return observation;
}

}  // namespace rota::health
