#include "rota/cli/durations.h"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

using std::chrono::seconds;

/// @returns 0 for a unit that there is not.
std::int64_t seconds_in(std::string_view unit) {
    if (unit.empty() || unit == "s") {
        return 1;
    }
    if (unit == "m") {
        return seconds{std::chrono::minutes{1}}.count();
    }
    if (unit == "h") {
        return seconds{std::chrono::hours{1}}.count();
    }
    return unit == "d" ? seconds{std::chrono::days{1}}.count() : 0;
}

}  // namespace

Result<seconds> read_duration(std::string_view text, const DurationRange& range) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
    const std::int64_t factor = seconds_in(unit);
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (parsed.ec != std::errc{} || factor == 0 || number < 0 || number > kMost / factor) {
        return fail(ErrorKind::config,
                    fmt::format("'{}' is not a duration such as 15, 15s, 5m or 1h", text));
    }
    const seconds found{number * factor};
    if (found < range.least) {
        return fail(ErrorKind::config,
                    fmt::format("'{}' is less than the least, {} s", text, range.least.count()));
    }
    if (found > range.most) {
        return fail(ErrorKind::config,
                    fmt::format("'{}' is more than the most, {} s", text, range.most.count()));
    }
    return found;
}

Result<seconds> parse_duration(std::string_view option, std::string_view text) {
    auto found = read_duration(text);
    if (!found) {
        found.error().message = fmt::format("{}: {}", option, found.error().message);
    }
    return found;
}

CLI::Option* add_duration(CLI::App& command, const std::string& flag, std::string& into,
                          const std::string& description, const DurationRange& range) {
    return command.add_option(flag, into, description)
        ->check(complaint([range](const std::string& text) { return read_duration(text, range); }))
        ->type_name("DURATION")
        ->capture_default_str();
}

}  // namespace rota::cli
