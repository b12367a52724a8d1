#include "rota/agent/voice.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/log.h"
#include "rota/base/print.h"

namespace rota::agent {
namespace {

constexpr std::chrono::seconds kPlainInterval{30};
constexpr std::string_view kClearLine = "\r\033[K";
constexpr std::string_view kReset = "\033[0m";
constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kYellow = "\033[33m";
constexpr std::string_view kCyan = "\033[36m";

std::string_view environment(const char* name) {
    const char* const value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::size_t terminal_width() {
    constexpr std::size_t kUsual = 80;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return kUsual;
    }
    return size.ws_col;
}

}  // namespace

Voice::Voice(bool quiet)
    : quiet_{quiet},
      terminal_{::isatty(STDOUT_FILENO) == 1 && environment("TERM") != "dumb"},
      // https://no-color.org: set and not empty.
      coloured_{terminal_ && environment("NO_COLOR").empty()} {}

Voice::~Voice() {
    clear_progress();
}

void Voice::line(log::Level level, std::string_view text) {
    const bool is_grave = level >= log::Level::warning;
    if (level == log::Level::debug || (quiet_ && !is_grave)) {
        return;
    }
    clear_progress();
    std::FILE* const stream = is_grave ? stderr : stdout;
    const bool paint = is_grave && coloured_ && ::isatty(STDERR_FILENO) == 1;
    const std::string_view colour = level == log::Level::error ? kRed : kYellow;
    put(stream, "{}rota: {}{}\n", paint ? colour : "", text, paint ? kReset : "");
    flush(stream);
}

void Voice::progress(std::string_view text, BootTime now) {
    if (quiet_) {
        return;
    }
    if (!terminal_) {
        if (now >= next_plain_ && next_plain_ != BootTime{}) {
            put(stdout, "rota: {}\n", text);
            flush(stdout);
        }
        if (now >= next_plain_) {
            next_plain_ = now + kPlainInterval;
        }
        return;
    }
    if (text == last_progress_ && has_progress_) {
        return;
    }
    last_progress_ = text;
    const std::string_view shown = text.substr(0, std::min(text.size(), terminal_width() - 1));
    put(stdout, "{}{}{}{}", kClearLine, coloured_ ? kCyan : "", shown, coloured_ ? kReset : "");
    flush(stdout);
    has_progress_ = true;
}

void Voice::clear_progress() {
    if (has_progress_) {
        put(stdout, "{}", kClearLine);
        flush(stdout);
        has_progress_ = false;
    }
}

}  // namespace rota::agent
