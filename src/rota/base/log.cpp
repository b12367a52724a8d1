#include "rota/base/log.h"

#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/time_format.h"

namespace rota::log {
namespace {

std::atomic<Level> least_level{Level::info};
std::atomic<Format> line_format{Format::key_value};

std::string_view level_name(Level level) noexcept {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
    }
    return "error";
}

/// The journal's priority of a level (sd-daemon(3)).
char journal_priority(Level level) noexcept {
    switch (level) {
        case Level::debug:
            return '7';
        case Level::info:
            return '6';
        case Level::warning:
            return '4';
        case Level::error:
            return '3';
    }
    return '3';
}

void append_escaped(std::string& out, std::string_view value) {
    for (const char c : value) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (c == '\n') {
            out += "\\n";
        } else if (octet < 0x20 || octet == 0x7f) {
            out += fmt::format("\\u{:04x}", octet);
        } else {
            out.push_back(c);
        }
    }
}

bool needs_quotes(std::string_view value) noexcept {
    if (value.empty()) {
        return true;
    }
    for (const char c : value) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet <= 0x20 || octet == 0x7f || c == '"' || c == '=' || c == '\\') {
            return true;
        }
    }
    return false;
}

void append_pair(std::string& out, Format format, std::string_view key, std::string_view value,
                 bool is_bare = false) {
    if (format == Format::json) {
        out += out.size() > 1 ? ",\"" : "\"";
        append_escaped(out, key);
        out += "\":";
        if (is_bare) {
            out += value;
            return;
        }
        out.push_back('"');
        append_escaped(out, value);
        out.push_back('"');
        return;
    }
    if (!out.empty()) {
        out.push_back(' ');
    }
    out += key;
    out.push_back('=');
    if (needs_quotes(value)) {
        out.push_back('"');
        append_escaped(out, value);
        out.push_back('"');
    } else {
        out += value;
    }
}

}  // namespace

void configure(Level least, Format format) {
    least_level = least;
    line_format = format;
}

std::string format_line(Format format, Level level, std::string_view time, std::string_view event,
                        std::initializer_list<Field> fields) {
    std::string out = format == Format::json ? "{" : "";
    if (!time.empty()) {
        append_pair(out, format, "time", time);
    }
    append_pair(out, format, "level", level_name(level));
    append_pair(out, format, "event", event);
    for (const Field& field : fields) {
        append_pair(out, format, field.key, field.value, field.is_bare);
    }
    if (format == Format::json) {
        out.push_back('}');
    }
    return out;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (level < least_level.load(std::memory_order_relaxed)) {
        return;
    }
    static const bool journal =
        ::getenv("JOURNAL_STREAM") != nullptr;  // NOLINT(concurrency-mt-unsafe)
    std::string line = journal ? fmt::format("<{}>", journal_priority(level)) : std::string{};
    line += format_line(line_format.load(std::memory_order_relaxed), level,
                        journal ? std::string{} : format_rfc3339_millis(wall_now()), event, fields);
    line.push_back('\n');
    // One write a line: lines of several threads and processes do not mix (up to PIPE_BUF octets).
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace rota::log
