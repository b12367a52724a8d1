#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "rota/health/check.h"
#include "rota/health/command.h"
#include "rota/health/observation.h"
#include "rota/health/probes.h"

namespace rota::health {
namespace {

/// The value of "name=value" on a line of its own; empty when there is none.
std::string_view property(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=') {
            return line.substr(name.size() + 1);
        }
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    return {};
}

}  // namespace

Observation judge_unit(std::string_view unit, std::string_view properties) {
    const std::string_view load = property(properties, "LoadState");
    const std::string_view active = property(properties, "ActiveState");
    if (active.empty()) {
        return {.detail = fmt::format("unit {}: systemctl does not say its state", unit)};
    }
    const bool passes = active == "active" || active == "reloading";
    return {.outcome = passes ? Outcome::passed : Outcome::failed,
            .detail =
                fmt::format("unit {} is {} ({}){}", unit, active, property(properties, "SubState"),
                            load == "not-found" ? ": there is no such unit" : "")};
}

Observation probe_systemd(const Check& check, std::chrono::milliseconds timeout) {
    const auto end = run_command(
        {"systemctl", "show", "--property=LoadState,ActiveState,SubState", "--", check.target},
        timeout);
    if (!end) {
        return {.detail = end.error().message};
    }
    if (end->is_late) {
        return {.detail = fmt::format("unit {}: systemctl took longer than {} ms", check.target,
                                      timeout.count())};
    }
    if (end->exit_status != 0) {
        return {.detail = fmt::format("unit {}: systemctl ended with {}: {}", check.target,
                                      end->exit_status, end->output)};
    }
    return judge_unit(check.target, end->output);
}

}  // namespace rota::health
