#include "rota/base/metrics.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rota/base/clock.h"

namespace rota {
namespace {

std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') {
            out.push_back('\\');
            out.push_back(c);
        } else if (c == '\n') {
            out += "\\n";
        } else {
            out.push_back(c);
        }
    }
    return out;
}

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type == Type::counter ? "counter" : "gauge");
}

void MetricsText::line(Labels labels, std::string_view value) {
    text_ += name_;
    char before = '{';
    for (const auto& [key, label] : labels) {
        fmt::format_to(std::back_inserter(text_), "{}{}=\"{}\"", before, key, escaped(label));
        before = ',';
    }
    fmt::format_to(std::back_inserter(text_), "{} {}\n", labels.size() == 0 ? "" : "}", value);
}

void MetricsText::sample(Labels labels, std::uint64_t value) {
    line(labels, fmt::format("{}", value));
}

void MetricsText::sample(Labels labels, double value) {
    line(labels, fmt::format("{}", value));
}

void MetricsText::counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, Type::counter, help);
    sample({}, value);
}

void MetricsText::gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, Type::gauge, help);
    sample({}, value);
}

void write_process_metrics(MetricsText& out, WallTime started_at) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    out.family("process_cpu_seconds_total", MetricsText::Type::counter,
               "User and system CPU time spent.");
    out.sample({}, seconds(usage.ru_utime) + seconds(usage.ru_stime));

    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    std::ifstream{"/proc/self/statm"} >> size >> resident;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    out.gauge("process_virtual_memory_bytes", "Virtual memory size.", size * page);
    out.gauge("process_resident_memory_bytes", "Resident memory size.", resident * page);

    std::error_code error;
    const std::filesystem::directory_iterator descriptors{"/proc/self/fd", error};
    const auto open = error ? 0 : std::distance(begin(descriptors), end(descriptors));
    out.gauge("process_open_fds", "Open file descriptors.", static_cast<std::uint64_t>(open));
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    out.gauge("process_max_fds", "Most file descriptors that may be open.", limit.rlim_cur);

    out.family("process_start_time_seconds", MetricsText::Type::gauge,
               "When the process began, in seconds since 1970.");
    out.sample({}, std::chrono::duration<double>{started_at.time_since_epoch()}.count());
}

}  // namespace rota
