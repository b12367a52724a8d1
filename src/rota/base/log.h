#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

// One line an event on standard error: `time=… level=info event=joined name=www.example.com …` or
// the same as a JSON object. Under systemd (JOURNAL_STREAM set) the time is left out and the level
// becomes the journal's <N> prefix. Nothing on the query path logs, and no secret is ever a field.
namespace rota::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t { key_value, json };

/// One key and its value as text; numbers are formatted by the constructor, and stay such in JSON.
struct Field {
    std::string_view key;
    std::string value;
    bool is_bare = false;  ///< a number, true or false

    Field(std::string_view k, std::string_view v) : key{k}, value{v} {}

    Field(std::string_view k, const char* v) : key{k}, value{v} {}

    Field(std::string_view k, const std::string& v) : key{k}, value{v} {}

    template <typename T>
        requires(std::is_arithmetic_v<T> && !std::is_same_v<T, char>)
    Field(std::string_view k, T v)
        : key{k}, value{fmt::format("{}", v)}, is_bare{std::isfinite(static_cast<double>(v))} {}
};

/// Sets the least level and the format for the whole process; call before threads start. Default:
/// info, key=value.
void configure(Level least, Format format);

/// Writes one line. `event` is a short sentence in plain words, stable enough to search for.
/// @param fields  in the order given; values are quoted where they need to be, control characters
/// escaped.
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::debug, event, fields);
}

inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}

inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warning, event, fields);
}

inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}

/// The line without its prefix and newline, as write() formats it; for tests.
std::string format_line(Format format, Level level, std::string_view time, std::string_view event,
                        std::initializer_list<Field> fields);

}  // namespace rota::log
