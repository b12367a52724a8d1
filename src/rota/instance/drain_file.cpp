#include "rota/instance/drain_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/boot.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/file.h"
#include "rota/base/text.h"
#include "rota/base/time_format.h"

namespace rota::instance {
namespace {

constexpr std::size_t kLongest = 4096;
constexpr std::size_t kLongestReason = 200;

// Longer than any machine is up, and a nanosecond count holds it: 292 years are its limit.
constexpr std::chrono::seconds kCentury = std::chrono::hours{24 * 365 * 100};

bool is_printable(char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
}

std::string on_one_line(std::string_view text) {
    std::string line{text.substr(0, kLongestReason)};
    std::ranges::replace_if(line, [](char c) { return !is_printable(c); }, ' ');
    return line;
}

std::string directory_of(const std::string& file) {
    const std::string directory = std::filesystem::path{file}.parent_path().string();
    return directory.empty() ? "." : directory;
}

Status make_directory(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
        return fail_errno(directory, error.value());
    }
    return {};
}

/// The end on the clock that never steps, and the end on the wall clock that it stands for.
struct BootLine {
    BootEnd boot_end;
    WallTime until;
};

/// "BOOT SECONDS UNTIL"
std::optional<BootLine> parse_boot_line(std::string_view value) {
    const auto first = value.find(' ');
    const auto last = value.rfind(' ');
    if (first == std::string_view::npos || first == 0 || first == last) {
        return std::nullopt;
    }
    const auto seconds = parse_number<std::uint32_t>(value.substr(first + 1, last - first - 1));
    const auto until = parse_rfc3339(value.substr(last + 1));
    if (!seconds || !until || std::chrono::seconds{*seconds} > kCentury) {
        return std::nullopt;
    }
    return BootLine{.boot_end = {.boot = std::string{value.substr(0, first)},
                                 .end = BootTime{std::chrono::seconds{*seconds}}},
                    .until = *until};
}

}  // namespace

Moment this_moment() {
    return {.boot = this_boot(), .steady = boot_now(), .wall = wall_now()};
}

void end_after(DrainOrder& order, std::chrono::seconds length, const Moment& now) {
    length = std::min(length, kCentury);
    order.until = now.wall + length;
    order.boot_end.reset();
    if (!now.boot.empty()) {
        // Not early by the part of a second that the text leaves out.
        order.boot_end = {.boot = now.boot,
                          .end = std::chrono::ceil<std::chrono::seconds>(now.steady + length)};
    }
}

std::optional<DrainEnd> end_of(const DrainOrder& order, const Moment& now) {
    if (!order.until) {
        return std::nullopt;
    }
    if (order.boot_end && !now.boot.empty() && order.boot_end->boot == now.boot) {
        const BootTime end = order.boot_end->end;
        return DrainEnd{
            .steady = end,
            .wall = now.wall + std::chrono::floor<WallTime::duration>(end - now.steady)};
    }
    const WallTime::duration left = *order.until - now.wall;
    return DrainEnd{.steady = now.steady + std::clamp<WallTime::duration>(left, {}, kCentury),
                    .wall = *order.until};
}

DrainOrder parse_drain_order(std::string_view text) {
    DrainOrder order;
    std::optional<BootLine> boot;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
            line.remove_suffix(1);
        }
        const std::string_view value = line.substr(std::min(line.size(), line.find('=') + 1));
        const auto until =
            line.starts_with("until=") ? parse_rfc3339(value) : std::optional<WallTime>{};
        const auto boot_line =
            line.starts_with("boot=") ? parse_boot_line(value) : std::optional<BootLine>{};
        if (until) {
            order.until = until;
        } else if (boot_line) {
            boot = boot_line;
        } else if (line == "last=remove") {
            order.takes_last = true;
        } else if (line.starts_with("reason=")) {
            order.reason = on_one_line(value);
        } else if (!line.empty()) {
            order.reason = on_one_line(line);
        }
    }
    if (boot && order.until == boot->until) {
        order.boot_end = std::move(boot->boot_end);
    }
    return order;
}

std::string to_text(const DrainOrder& order) {
    std::string text;
    if (order.until) {
        const std::string until = format_rfc3339(*order.until);
        text += fmt::format("until={}\n", until);
        if (order.boot_end) {
            const auto end = std::chrono::ceil<std::chrono::seconds>(order.boot_end->end);
            text += fmt::format("boot={} {} {}\n", order.boot_end->boot,
                                end.time_since_epoch().count(), until);
        }
    }
    if (order.takes_last) {
        text += "last=remove\n";
    }
    if (!order.reason.empty()) {
        text += fmt::format("reason={}\n", on_one_line(order.reason));
    }
    return text;
}

Result<std::optional<DrainOrder>> read_drain_file(const std::string& path) {
    // Not blocking: a FIFO in its place must not stop the agent.
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return std::optional<DrainOrder>{};
        }
        return fail_errno(path, errno);
    }
    std::array<char, kLongest> buffer{};
    const auto count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0) {
        return fail_errno(path, errno);
    }
    return parse_drain_order({buffer.data(), static_cast<std::size_t>(count)});
}

Status write_drain_file(const std::string& path, const DrainOrder& order) {
    constexpr mode_t kMode = 0644;
    return replace_file(path, to_text(order), kMode);
}

Status remove_drain_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
        return fail_errno(path, errno);
    }
    return {};
}

Result<DirectoryWatch> DirectoryWatch::open(const std::string& file) {
    const std::string directory = directory_of(file);
    ROTA_CHECK(make_directory(directory));
    Fd inotify{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!inotify) {
        return fail_errno("inotify", errno);
    }
    // Not IN_CREATE: what is in a file is known when its writer has closed it.
    constexpr std::uint32_t kChanges =
        IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
    if (::inotify_add_watch(inotify.get(), directory.c_str(), kChanges) < 0) {
        return fail_errno(directory, errno);
    }
    return DirectoryWatch{std::move(inotify)};
}

void DirectoryWatch::clear() const {
    alignas(inotify_event) std::array<char, kLongest> buffer{};
    while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) {
    }
}

}  // namespace rota::instance
