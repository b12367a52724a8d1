#include "rota/agent/stop_timeout.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <stdlib.h>

#include "rota/base/text.h"
#include "rota/health/command.h"

namespace rota::agent {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr std::array<std::pair<std::string_view, microseconds>, 9> kUnits{
    {{"y", std::chrono::years{1}},
     {"month", std::chrono::months{1}},
     {"w", std::chrono::weeks{1}},
     {"d", std::chrono::days{1}},
     {"h", std::chrono::hours{1}},
     {"min", std::chrono::minutes{1}},
     {"s", seconds{1}},
     {"ms", std::chrono::milliseconds{1}},
     {"us", microseconds{1}}}};

/// "rota-agent.service" of "0::/system.slice/rota-agent.service"; empty outside of a service.
std::string own_unit() {
    std::ifstream file{"/proc/self/cgroup"};
    std::string line;
    while (std::getline(file, line)) {
        const std::string_view path{line};
        if (path.starts_with("0::") && path.ends_with(".service")) {
            return std::string{path.substr(path.rfind('/') + 1)};
        }
    }
    return {};
}

}  // namespace

std::optional<seconds> parse_time_span(std::string_view text) {
    microseconds sum{0};
    text = trimmed(text);
    if (text.empty()) {
        return std::nullopt;
    }
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text = trimmed(text.substr(word.size()));
        const auto digits = std::min(word.find_first_not_of("0123456789"), word.size());
        const auto number = parse_number<std::uint32_t>(word.substr(0, digits));
        const auto* const unit = std::ranges::find(
            kUnits, word.substr(digits), &std::pair<std::string_view, microseconds>::first);
        if (!number || unit == kUnits.end()) {
            return std::nullopt;
        }
        sum += *number * unit->second;
    }
    return std::chrono::ceil<seconds>(sum);
}

std::optional<seconds> parse_unit_timeout(std::string_view text) {
    bool is_loaded = false;
    std::optional<seconds> timeout;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        constexpr std::string_view kTimeout = "TimeoutStopUSec=";
        if (line == "LoadState=loaded") {
            is_loaded = true;
        } else if (line.starts_with(kTimeout)) {
            timeout = parse_time_span(line.substr(kTimeout.size()));
        }
    }
    // Of a unit that is not there systemd tells its defaults.
    return is_loaded ? timeout : std::nullopt;
}

std::optional<seconds> read_stop_timeout(const std::string& unit) {
    const auto end = health::run_command(
        {"systemctl", "show", "--property=LoadState", "--property=TimeoutStopUSec", "--", unit},
        seconds{2});
    return end && end->exit_status == 0 ? parse_unit_timeout(end->output) : std::nullopt;
}

std::optional<seconds> read_stop_timeout() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment by now
    const std::string unit = ::getenv("INVOCATION_ID") != nullptr ? own_unit() : std::string{};
    return unit.empty() ? std::nullopt : read_stop_timeout(unit);
}

}  // namespace rota::agent
