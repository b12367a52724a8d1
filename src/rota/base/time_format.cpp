#include "rota/base/time_format.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/base/clock.h"

namespace rota {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> kWeekdays{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Fields {
    int year;
    unsigned month, day, hour, minute, second, millisecond, weekday_index;
};

Fields split(WallTime time) {
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss<microseconds> clock{time - day};
    return {static_cast<int>(date.year()),
            static_cast<unsigned>(date.month()),
            static_cast<unsigned>(date.day()),
            static_cast<unsigned>(clock.hours().count()),
            static_cast<unsigned>(clock.minutes().count()),
            static_cast<unsigned>(clock.seconds().count()),
            static_cast<unsigned>(clock.subseconds().count() / 1000),
            weekday{day}.c_encoding()};
}

/// Reads exactly `width` digits at `at` and moves past them.
std::optional<unsigned> digits(std::string_view text, std::size_t& at, std::size_t width) {
    if (text.size() < at + width) {
        return std::nullopt;
    }
    unsigned value = 0;
    for (const char c : text.substr(at, width)) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    at += width;
    return value;
}

bool literal(std::string_view text, std::size_t& at, std::string_view expected) {
    if (!text.substr(at).starts_with(expected)) {
        return false;
    }
    at += expected.size();
    return true;
}

std::optional<WallTime> join(unsigned year, unsigned month, unsigned day, unsigned hour,
                             unsigned minute, unsigned second) {
    const year_month_day date{std::chrono::year{static_cast<int>(year)}, std::chrono::month{month},
                              std::chrono::day{day}};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) {
        return std::nullopt;
    }
    return WallTime{sys_days{date}} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
           seconds{second};
}

/// Reads the six numbers of a date and time with the given separators.
std::optional<WallTime> read_numbers(std::string_view text, std::size_t& at, std::string_view dash,
                                     std::string_view colon) {
    const auto year = digits(text, at, 4);
    const bool first = literal(text, at, dash);
    const auto month = digits(text, at, 2);
    const bool second_dash = literal(text, at, dash);
    const auto day = digits(text, at, 2);
    const bool t = literal(text, at, "T");
    const auto hour = digits(text, at, 2);
    const bool first_colon = literal(text, at, colon);
    const auto minute = digits(text, at, 2);
    const bool second_colon = literal(text, at, colon);
    const auto second = digits(text, at, 2);
    const bool separators = first && second_dash && t && first_colon && second_colon;
    if (!separators || !year || !month || !day || !hour || !minute || !second) {
        return std::nullopt;
    }
    return join(*year, *month, *day, *hour, *minute, *second);
}

}  // namespace

std::string format_rfc3339(WallTime time) {
    const Fields f = split(time);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", f.year, f.month, f.day, f.hour,
                       f.minute, f.second);
}

std::string format_rfc3339_millis(WallTime time) {
    const Fields f = split(time);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", f.year, f.month, f.day, f.hour,
                       f.minute, f.second, f.millisecond);
}

std::string format_basic(WallTime time) {
    const Fields f = split(time);
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", f.year, f.month, f.day, f.hour, f.minute,
                       f.second);
}

std::string format_http_date(WallTime time) {
    const Fields f = split(time);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kWeekdays.at(f.weekday_index),
                       f.day, kMonths.at(f.month - 1), f.year, f.hour, f.minute, f.second);
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
    std::size_t at = 0;
    auto time = read_numbers(text, at, "-", ":");
    if (!time) {
        return std::nullopt;
    }
    if (literal(text, at, ".")) {
        const std::size_t start = at;
        long scale = 100000;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            *time += microseconds{(text[at] - '0') * scale};
            scale /= 10;
            ++at;
        }
        if (at == start) {
            return std::nullopt;
        }
    }
    const std::string_view zone = text.substr(at);
    return zone == "Z" || zone == "+00:00" || zone == "-00:00" ? time : std::nullopt;
}

std::optional<WallTime> parse_basic(std::string_view text) {
    std::size_t at = 0;
    const auto time = read_numbers(text, at, "", "");
    return text.substr(at) == "Z" ? time : std::nullopt;
}

std::optional<WallTime> parse_http_date(std::string_view text) {
    constexpr std::size_t kLength = 29;
    if (text.size() != kLength || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") {
        return std::nullopt;
    }
    unsigned month = 0;
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
        if (kMonths.at(i) == text.substr(8, 3)) {
            month = static_cast<unsigned>(i) + 1;
        }
    }
    std::size_t day_at = 5;
    std::size_t year_at = 12;
    std::size_t hour_at = 17;
    std::size_t minute_at = 20;
    std::size_t second_at = 23;
    const auto day = digits(text, day_at, 2);
    const auto year = digits(text, year_at, 4);
    const auto hour = digits(text, hour_at, 2);
    const auto minute = digits(text, minute_at, 2);
    const auto second = digits(text, second_at, 2);
    const bool separators =
        text[7] == ' ' && text[11] == ' ' && text[16] == ' ' && text[19] == ':' && text[22] == ':';
    if (!separators || month == 0 || !day || !year || !hour || !minute || !second) {
        return std::nullopt;
    }
    return join(*year, month, *day, *hour, *minute, *second);
}

}  // namespace rota
