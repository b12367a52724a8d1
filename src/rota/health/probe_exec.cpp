#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/health/check.h"
#include "rota/health/command.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"

namespace rota::health {
namespace {

/// Whole lines only, when the beginning is missing.
std::string kept_lines(std::string output) {
    if (output.size() == kOutputKept) {
        const auto end = output.find('\n');
        if (end + 1 < output.size()) {  // npos + 1 is 0: one long line stays as it is
            output.erase(0, end + 1);
        }
    }
    return output;
}

std::string_view last_line(std::string_view output) {
    const auto end = output.find_last_not_of(" \t\r\n");
    if (end == std::string_view::npos) {
        return {};
    }
    output = output.substr(0, end + 1);
    constexpr std::size_t kLongest = 200;
    return output.substr(output.rfind('\n') + 1).substr(0, kLongest);
}

}  // namespace

Observation probe_exec(const Check& check, std::chrono::milliseconds timeout) {
    auto end = run_command({"/bin/sh", "-c", check.target}, timeout);
    if (!end) {
        return {.detail = end.error().message};
    }
    Observation observation{.output = kept_lines(std::move(end->output))};
    if (end->is_late) {
        observation.detail =
            fmt::format("'{}' took longer than {} ms", check.target, timeout.count());
    } else if (end->exit_status >= 0) {
        observation.outcome = end->exit_status == 0 ? Outcome::passed : Outcome::failed;
        observation.detail = fmt::format("'{}' ended with {}", check.target, end->exit_status);
    } else {
        observation.detail = fmt::format("'{}' was killed by signal {}", check.target, end->signal);
    }
    if (const auto line = last_line(observation.output); !line.empty()) {
        observation.detail += fmt::format(": {}", line);
    }
    return observation;
}

}  // namespace rota::health
