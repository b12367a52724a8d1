#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"

// How loaded this instance is: a LoadSource says where a figure comes from, a LoadMeter takes it,
// worst_of() makes one of several. What follows for the weight is the agent's law
// (agent/weight.h); docs/load.md has what each figure can and cannot tell.
namespace rota::instance {

enum class LoadKind : std::uint8_t {
    cpu,
    pressure,
    load_average,
    memory,
    connections,
    command,
    url,
};

struct LoadSource {
    LoadKind kind = LoadKind::cpu;
    std::string text;    ///< as configured, for people
    std::string target;  ///< pressure: the resource; command: the command; url: the URL
    double limit = 0;    ///< connections: how many are a utilisation of 1
    std::vector<std::uint16_t> ports;  ///< connections
};

/// One look; what a source does not know is left out. The counters are monotonic: two looks make a
/// rate.
struct LoadSample {
    std::optional<double> utilisation;  ///< 1 is all that the instance can carry; may be above
    std::optional<std::uint64_t> requests;
    std::optional<std::uint64_t> errors;
    bool operator==(const LoadSample&) const = default;
};

/// What a utilisation may be at most; a larger one is a mistake of whoever tells it.
inline constexpr double kLargestUtilisation = 10;

/// Reads "cpu", "psi:cpu", "psi:memory", "psi:io", "loadavg", "memory",
/// "connections:LIMIT[:PORT[,PORT…]]", "exec:COMMAND" or "http://…", "https://…".
/// @param service_ports  whose connections are counted where the text names no port.
/// @errors config: names the text and what is allowed.
Result<LoadSource> parse_load_source(std::string_view text,
                                     std::span<const std::uint16_t> service_ports = {});

/// The largest utilisation, and the counters of the first sample that has them.
LoadSample worst_of(std::span<const LoadSample> samples);

/// Where the kernel shows its figures.
struct LoadPaths {
    std::string proc = "/proc";
    std::string cgroup = "/sys/fs/cgroup";
};

/// CPU time spent and CPU time that there was, in one unit, since some beginning.
struct CpuTimes {
    double busy = 0;
    double total = 0;
};

/// Measures one source; it keeps what the look before saw. Not for two threads at once.
class LoadMeter {
public:
    explicit LoadMeter(LoadSource source, LoadPaths paths = {});

    [[nodiscard]] const LoadSource& source() const noexcept { return source_; }

    /// Looks once. `cpu` is a difference: the first look has no utilisation, and neither has one
    /// within a tenth of a second of the last.
    /// @param timeout  of a command or a URL.
    /// @errors io: the kernel does not show this figure, says what it needs; unavailable, timeout:
    /// the command or URL fails; bad_input: what it says is no figure.
    Result<LoadSample> measure(BootTime now, std::chrono::milliseconds timeout);

private:
    Result<LoadSample> measure_cpu(BootTime now);

    LoadSource source_;
    LoadPaths paths_;
    std::optional<CpuTimes> cpu_;
    bool cpu_is_quota_ = false;
    BootTime cpu_at_;
};

}  // namespace rota::instance
