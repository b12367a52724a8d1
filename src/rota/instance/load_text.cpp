#include "rota/instance/load_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/instance/load.h"

namespace rota::instance {
namespace {

using Json = nlohmann::json;

constexpr double kPercent = 100;
constexpr std::string_view kSpace = " \t\r\n";

std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find_first_of("\r\n"));
}

std::string_view next_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    const auto word = text.substr(0, text.find_first_of(kSpace));
    text.remove_prefix(word.size());
    return word;
}

/// A finite number that is not negative, in plain decimal notation.
std::optional<double> parse_figure(std::string_view text) {
    const auto number = parse_number<double>(text, std::chars_format::fixed);
    return number && std::isfinite(*number) && !std::signbit(*number) ? number : std::nullopt;
}

/// What follows `key` at the beginning of a line.
std::optional<std::string_view> line_after(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        if (line.starts_with(key)) {
            return line.substr(key.size());
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return std::nullopt;
}

std::optional<double> number_after(std::string_view text, std::string_view key) {
    auto line = line_after(text, key);
    return line ? parse_figure(next_word(*line)) : std::nullopt;
}

std::unexpected<Error> not_as_expected(std::string_view what, std::string_view text) {
    return fail(ErrorKind::bad_input,
                fmt::format("{} reads '{}', which has no such figure", what, excerpt(text)));
}

Result<double> parse_told_number(std::string_view text) {
    const bool is_percent = text.ends_with('%');
    if (is_percent) {
        text.remove_suffix(1);
    }
    const auto number = parse_figure(trimmed(text));
    if (!number) {
        return fail(ErrorKind::bad_input,
                    fmt::format("'{}' is no load: a number from 0 to 1, a percentage as 75%, or "
                                "JSON as {{\"utilisation\":0.7}}",
                                excerpt(text)));
    }
    if (!is_percent && *number > 1 && !text.contains('.')) {
        return fail(ErrorKind::bad_input,
                    fmt::format("load '{}' may be meant as a percentage or not: write {}% or {}.0",
                                excerpt(text), excerpt(text), excerpt(text)));
    }
    return is_percent ? *number / kPercent : *number;
}

Status check_utilisation(double utilisation) {
    if (!(utilisation >= 0 && utilisation <= kLargestUtilisation)) {
        return fail(ErrorKind::bad_input,
                    fmt::format("a utilisation of {} is not from 0 to {} (1 is all that the "
                                "instance can carry)",
                                utilisation, kLargestUtilisation));
    }
    return {};
}

/// A counter, written as a whole number or as 1.5e6.
Result<std::optional<std::uint64_t>> counter(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return std::nullopt;
    }
    if (found->is_number_unsigned()) {
        return found->get<std::uint64_t>();
    }
    constexpr double kLargestExact = 0x1p53;
    if (found->is_number_float()) {
        const auto number = found->get<double>();
        if (number >= 0 && number <= kLargestExact) {
            return static_cast<std::uint64_t>(number);
        }
    }
    return fail(ErrorKind::bad_input,
                fmt::format("the load's \"{}\" is no counter: a number from 0 up", key));
}

Result<LoadSample> parse_told_json(std::string_view text) {
    const Json object = Json::parse(text, nullptr, false);
    if (!object.is_object()) {
        return fail(ErrorKind::bad_input, fmt::format("'{}' is no JSON object", excerpt(text)));
    }
    LoadSample sample;
    if (const auto found = object.find("utilisation"); found != object.end() && !found->is_null()) {
        if (!found->is_number()) {
            return fail(ErrorKind::bad_input, "the load's \"utilisation\" is no number");
        }
        ROTA_CHECK(check_utilisation(found->get<double>()));
        sample.utilisation = found->get<double>();
    }
    sample.requests = ROTA_TRY(counter(object, "requests"));
    sample.errors = ROTA_TRY(counter(object, "errors"));
    if (sample == LoadSample{}) {
        return fail(ErrorKind::bad_input,
                    "the load has none of \"utilisation\", \"requests\" and \"errors\"");
    }
    return sample;
}

}  // namespace

Result<CpuTimes> parse_cpu_times(std::string_view proc_stat) {
    auto line = line_after(proc_stat, "cpu ");
    // user, nice, system, idle, iowait, irq, softirq, steal. What guests used is in user already.
    constexpr std::size_t kStates = 8;
    constexpr std::size_t kIdle = 3;
    constexpr std::size_t kIoWait = 4;
    CpuTimes times;
    for (std::size_t i = 0; line && i < kStates; ++i) {
        const auto ticks = parse_figure(next_word(*line));
        if (!ticks) {
            if (i > kIdle) {
                break;  // before Linux 2.6.11 there were fewer
            }
            return not_as_expected("/proc/stat", first_line(proc_stat));
        }
        times.total += *ticks;
        times.busy += i == kIdle || i == kIoWait ? 0 : *ticks;
    }
    if (!line) {
        return not_as_expected("/proc/stat", first_line(proc_stat));
    }
    return times;
}

std::optional<double> busy_share(const CpuTimes& before, const CpuTimes& after) {
    const double total = after.total - before.total;
    // The kernel's iowait may go back, and with it the total.
    if (!(total > 0)) {
        return std::nullopt;
    }
    return std::clamp((after.busy - before.busy) / total, 0.0, 1.0);
}

std::optional<double> parse_cpu_quota(std::string_view cpu_max) {
    const auto quota = parse_figure(next_word(cpu_max));
    const auto period = parse_figure(next_word(cpu_max));
    if (!quota || !period || !(*quota > 0) || !(*period > 0)) {
        return std::nullopt;
    }
    return *quota / *period;
}

std::optional<std::uint64_t> parse_cpu_usage(std::string_view cpu_stat) {
    auto line = line_after(cpu_stat, "usage_usec ");
    if (!line) {
        return std::nullopt;
    }
    return parse_number<std::uint64_t>(next_word(*line));
}

Result<double> parse_pressure(std::string_view text) {
    const auto percent = number_after(text, "some avg10=");
    if (!percent) {
        return not_as_expected("/proc/pressure", first_line(text));
    }
    return std::min(*percent / kPercent, 1.0);
}

Result<double> parse_load_average(std::string_view text, unsigned processors) {
    const auto load = parse_figure(next_word(text));
    if (!load) {
        return not_as_expected("/proc/loadavg", first_line(text));
    }
    return std::min(*load / std::max(processors, 1U), kLargestUtilisation);
}

Result<double> parse_memory(std::string_view text) {
    const auto total = number_after(text, "MemTotal:");
    const auto available = number_after(text, "MemAvailable:");
    if (!total || !available || !(*total > 0)) {
        return not_as_expected("/proc/meminfo", first_line(text));
    }
    return std::clamp(1 - *available / *total, 0.0, 1.0);
}

Result<LoadSample> parse_told_load(std::string_view text) {
    const auto begin = trimmed(text);
    if (begin.starts_with('{')) {
        return parse_told_json(begin);
    }
    const double utilisation = ROTA_TRY(parse_told_number(trimmed(first_line(text))));
    ROTA_CHECK(check_utilisation(utilisation));
    return LoadSample{.utilisation = utilisation, .requests = {}, .errors = {}};
}

}  // namespace rota::instance
