#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "rota/base/error.h"
#include "rota/instance/load.h"

// The texts that load is read from: the kernel's, and an application's. All pure.
namespace rota::instance {

/// /proc/stat: everything but idle and iowait is busy, time stolen by the hypervisor too.
/// @errors bad_input: has no line of all processors.
Result<CpuTimes> parse_cpu_times(std::string_view proc_stat);

/// The part of the time between two looks that was busy, from 0 to 1.
/// @returns nothing where no time has passed or the figures went back.
std::optional<double> busy_share(const CpuTimes& before, const CpuTimes& after);

/// A cgroup's cpu.max: how many processors it may use; nothing for "max".
std::optional<double> parse_cpu_quota(std::string_view cpu_max);

/// usage_usec of a cgroup's cpu.stat.
std::optional<std::uint64_t> parse_cpu_usage(std::string_view cpu_stat);

/// /proc/pressure/*: the part of the last 10 s in which some task waited. @errors bad_input.
Result<double> parse_pressure(std::string_view text);

/// /proc/loadavg: its first figure over the number of processors. @errors bad_input.
Result<double> parse_load_average(std::string_view text, unsigned processors);

/// /proc/meminfo: 1 - MemAvailable / MemTotal. @errors bad_input.
Result<double> parse_memory(std::string_view text);

/// What an application tells: `0.7` or `75%` on the first line, or a JSON object with
/// `utilisation` (a number, 1 is all), `requests` and `errors` (counters), of which at least one
/// is there; other keys are left aside. A whole number above 1 without "%" is refused, because it
/// may be meant either way.
/// @errors bad_input: says what is wrong with the text.
Result<LoadSample> parse_told_load(std::string_view text);

}  // namespace rota::instance
