#include "rota/instance/load.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <ratio>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/health/command.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"
#include "rota/instance/connections.h"
#include "rota/instance/load_text.h"

namespace rota::instance {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kPressure = "psi:";
constexpr std::string_view kConnections = "connections:";
constexpr std::string_view kCommand = "exec:";
constexpr std::string_view kAllowed =
    "cpu, psi:cpu, psi:memory, psi:io, loadavg, memory, connections:LIMIT:PORT, exec:COMMAND, "
    "http://… or https://…";

std::optional<std::vector<std::uint16_t>> parse_ports(std::string_view text) {
    std::vector<std::uint16_t> ports;
    while (ports.size() < kMostPorts) {
        const auto comma = text.find(',');
        const auto port = parse_number<std::uint16_t>(text.substr(0, comma));
        if (!port || *port == 0) {
            return std::nullopt;
        }
        ports.push_back(*port);
        if (comma == std::string_view::npos) {
            return ports;
        }
        text.remove_prefix(comma + 1);
    }
    return std::nullopt;
}

Result<LoadSource> parse_connections(LoadSource source, std::string_view text,
                                     std::span<const std::uint16_t> service_ports) {
    const auto colon = text.find(':');
    const auto limit = parse_number<std::uint32_t>(text.substr(0, colon));
    auto ports = colon == std::string_view::npos
                     ? std::vector<std::uint16_t>(service_ports.begin(), service_ports.end())
                     : parse_ports(text.substr(colon + 1));
    if (!limit || *limit == 0 || !ports || ports->empty() || ports->size() > kMostPorts) {
        return fail(ErrorKind::config,
                    fmt::format("load source '{}' needs a limit above 0 and 1 to {} ports, as "
                                "connections:500:80,443",
                                source.text, kMostPorts));
    }
    source.kind = LoadKind::connections;
    source.limit = *limit;
    source.ports = std::move(*ports);
    return source;
}

Result<std::string> read_text(const std::string& path, std::string_view needs) {
    const std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || text.str().empty()) {
        return fail(ErrorKind::io, fmt::format("{} cannot be read: it needs {}", path, needs));
    }
    return text.str();
}

LoadSample sample_of(double utilisation) {
    return {.utilisation = utilisation, .requests = {}, .errors = {}};
}

Result<LoadSample> measure_pressure(const std::string& proc, const std::string& resource) {
    const std::string text = ROTA_TRY(
        read_text(fmt::format("{}/pressure/{}", proc, resource),
                  "a kernel with pressure stall information (CONFIG_PSI, Linux 4.20 or later; on "
                  "RHEL 9 and its clones boot with psi=1)"));
    return sample_of(ROTA_TRY(parse_pressure(text)));
}

Result<LoadSample> measure_load_average(const std::string& proc) {
    const std::string text = ROTA_TRY(read_text(proc + "/loadavg", "a mounted /proc"));
    const long processors = ::sysconf(_SC_NPROCESSORS_ONLN);
    return sample_of(
        ROTA_TRY(parse_load_average(text, static_cast<unsigned>(std::max(processors, 1L)))));
}

Result<LoadSample> measure_memory(const std::string& proc) {
    const std::string text = ROTA_TRY(read_text(proc + "/meminfo", "a mounted /proc"));
    return sample_of(ROTA_TRY(parse_memory(text)));
}

Result<LoadSample> measure_connections(const LoadSource& source) {
    const auto counted = ROTA_TRY(count_connections(source.ports));
    return sample_of(
        std::min(static_cast<double>(counted.total) / source.limit, kLargestUtilisation));
}

Result<LoadSample> named(const LoadSource& source, Result<LoadSample> told) {
    if (!told) {
        told.error().message =
            fmt::format("load source '{}': {}", source.text, told.error().message);
    }
    return told;
}

Result<LoadSample> measure_command(const LoadSource& source, milliseconds timeout) {
    const auto end = ROTA_TRY(health::run_command({"/bin/sh", "-c", source.target}, timeout));
    if (end.is_late) {
        return fail(
            ErrorKind::timeout,
            fmt::format("load source '{}' took longer than {} ms", source.text, timeout.count()),
            true);
    }
    if (end.exit_status != 0) {
        const std::string how = end.exit_status > 0
                                    ? fmt::format("ended with {}", end.exit_status)
                                    : fmt::format("was killed by signal {}", end.signal);
        return fail(ErrorKind::unavailable, fmt::format("load source '{}' {}", source.text, how),
                    true);
    }
    if (end.output.size() >= health::kOutputKept) {
        return fail(ErrorKind::bad_input,
                    fmt::format("load source '{}' wrote {} octets or more: one line is wanted",
                                source.text, health::kOutputKept));
    }
    return named(source, parse_told_load(end.output));
}

Result<LoadSample> measure_url(const LoadSource& source, milliseconds timeout) {
    const http::Url url = ROTA_TRY(http::parse_url(source.target));
    constexpr std::size_t kLongest = 4096;
    http::ClientOptions options;  // no proxy, any certificate: the application is on this machine
    options.connect_timeout = timeout;
    options.total_timeout = timeout;
    options.max_body = kLongest;
    options.verify_server = false;
    http::Client client{options};
    const http::Request request{
        .target = url.path + (url.query.empty() ? "" : "?" + url.query),
        .headers = {{"Accept", "application/json, text/plain"}, {"Connection", "close"}}};
    const http::Response response = ROTA_TRY(client.send(url, request));
    if (response.status != 200) {
        // Without the query, which may hold a secret.
        return fail(ErrorKind::unavailable,
                    fmt::format("load source {}://{}{} answers {}, not 200", url.scheme,
                                url.authority(), url.path, response.status),
                    true);
    }
    return named(source, parse_told_load(response.body));
}

/// The processors that the cgroup at the root of what we see may use: a container's limit. On a
/// machine of its own the root has none.
std::optional<CpuTimes> quota_times(const std::string& cgroup, BootTime now) {
    const auto limit = read_text(cgroup + "/cpu.max", "cgroup v2");
    const auto quota = limit ? parse_cpu_quota(*limit) : std::nullopt;
    if (!quota) {
        return std::nullopt;
    }
    const auto stat = read_text(cgroup + "/cpu.stat", "cgroup v2");
    const auto usage = stat ? parse_cpu_usage(*stat) : std::nullopt;
    if (!usage) {
        return std::nullopt;
    }
    const std::chrono::duration<double, std::micro> elapsed = now.time_since_epoch();
    return CpuTimes{.busy = static_cast<double>(*usage), .total = elapsed.count() * *quota};
}

Result<CpuTimes> machine_times(const std::string& proc) {
    const std::string text = ROTA_TRY(read_text(proc + "/stat", "a mounted /proc"));
    return parse_cpu_times(text);
}

}  // namespace

Result<LoadSource> parse_load_source(std::string_view text,
                                     std::span<const std::uint16_t> service_ports) {
    LoadSource source{.text = std::string{text}};
    const auto as = [&](LoadKind kind, std::string_view target = {}) {
        source.kind = kind;
        source.target = target;
        return source;
    };
    if (text == "cpu") {
        return as(LoadKind::cpu);
    }
    if (text == "psi:cpu" || text == "psi:memory" || text == "psi:io") {
        return as(LoadKind::pressure, text.substr(kPressure.size()));
    }
    if (text == "loadavg") {
        return as(LoadKind::load_average);
    }
    if (text == "memory") {
        return as(LoadKind::memory);
    }
    if (text.starts_with(kConnections)) {
        return parse_connections(std::move(source), text.substr(kConnections.size()),
                                 service_ports);
    }
    if (text.starts_with(kCommand) && text.size() > kCommand.size()) {
        return as(LoadKind::command, text.substr(kCommand.size()));
    }
    if (text.starts_with("http://") || text.starts_with("https://")) {
        if (auto url = http::parse_url(text); !url) {
            return fail(ErrorKind::config, url.error().message);
        }
        return as(LoadKind::url, text);
    }
    return fail(ErrorKind::config,
                fmt::format("load source '{}' is none of {}", source.text, kAllowed));
}

LoadSample worst_of(std::span<const LoadSample> samples) {
    LoadSample worst;
    for (const LoadSample& sample : samples) {
        if (sample.utilisation) {
            worst.utilisation = std::max(worst.utilisation.value_or(0), *sample.utilisation);
        }
        if (sample.requests && !worst.requests) {
            worst.requests = sample.requests;
            worst.errors = sample.errors;
        }
    }
    return worst;
}

LoadMeter::LoadMeter(LoadSource source, LoadPaths paths)
    : source_{std::move(source)}, paths_{std::move(paths)} {}

Result<LoadSample> LoadMeter::measure(BootTime now, milliseconds timeout) {
    switch (source_.kind) {
        case LoadKind::cpu:
            return measure_cpu(now);
        case LoadKind::pressure:
            return measure_pressure(paths_.proc, source_.target);
        case LoadKind::load_average:
            return measure_load_average(paths_.proc);
        case LoadKind::memory:
            return measure_memory(paths_.proc);
        case LoadKind::connections:
            return measure_connections(source_);
        case LoadKind::command:
            return measure_command(source_, timeout);
        case LoadKind::url:
            break;
    }
    return measure_url(source_, timeout);
}

Result<LoadSample> LoadMeter::measure_cpu(BootTime now) {
    constexpr milliseconds kShortest{100};
    if (cpu_ && now - cpu_at_ < kShortest) {
        return LoadSample{};  // the kernel counts in hundredths of a second
    }
    const auto of_container = quota_times(paths_.cgroup, now);
    const bool is_quota = of_container.has_value();
    const CpuTimes times = of_container ? *of_container : ROTA_TRY(machine_times(paths_.proc));
    LoadSample sample;
    if (cpu_ && cpu_is_quota_ == is_quota) {
        sample.utilisation = busy_share(*cpu_, times);
    }
    cpu_ = times;
    cpu_is_quota_ = is_quota;
    cpu_at_ = now;
    return sample;
}

}  // namespace rota::instance
