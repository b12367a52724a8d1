#include "rota/health/check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/http/url.h"

namespace rota::health {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kLongestShown = 120;
constexpr int kLowestStatus = 100;
constexpr int kHighestStatus = 599;
constexpr std::size_t kLongestUnit = 255;  // systemd.unit(5)

std::optional<StatusSet::Range> parse_range(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_number<int>(text.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number<int>(text.substr(dash + 1));
    if (!first || !last || *first < kLowestStatus || *last > kHighestStatus || *first > *last) {
        return std::nullopt;
    }
    return StatusSet::Range{.first = *first, .last = *last};
}

std::unexpected<Error> unknown_check(std::string_view text, std::string_view why) {
    return fail(ErrorKind::config,
                fmt::format("check '{}'{}{} is none of http://…, https://…, tcp://HOST:PORT, "
                            "grpc://HOST:PORT[/SERVICE], grpcs://…, exec:COMMAND, systemd:UNIT, "
                            "agent-check://HOST:PORT",
                            excerpt(text, kLongestShown), why.empty() ? "" : ": ", why));
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

bool is_address_character(char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
           c == '.';
}

/// Takes "host:port" or "[::1]:port" apart. @returns false: it is neither.
bool read_endpoint(std::string_view text, Check& check) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return false;
    }
    std::string_view host = text.substr(0, colon);
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    const bool is_bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
    if (is_bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    if (!port || *port == 0 || host.empty() ||
        !std::ranges::all_of(host, is_bracketed ? is_address_character : is_host_character)) {
        return false;
    }
    check.target = text;
    check.host = host;
    check.port = *port;
    return true;
}

Result<Check> read_http(std::string_view text, std::string_view /*rest*/, Check check) {
    if (const auto url = http::parse_url(text); !url) {
        return fail(ErrorKind::config, fmt::format("check '{}': {}", excerpt(text, kLongestShown),
                                                   url.error().message));
    }
    check.target = text;
    return check;
}

Result<Check> read_tcp(std::string_view text, std::string_view rest, Check check) {
    if (!read_endpoint(rest, check)) {
        return unknown_check(text, "HOST:PORT is wrong");
    }
    return check;
}

Result<Check> read_grpc(std::string_view text, std::string_view rest, Check check) {
    const auto slash = rest.find('/');
    if (!read_endpoint(rest.substr(0, slash), check)) {
        return unknown_check(text, "HOST:PORT is wrong");
    }
    if (slash != std::string_view::npos) {
        check.service = rest.substr(slash + 1);
    }
    constexpr std::size_t kLongestService = 255;
    if (check.service.size() > kLongestService ||
        !std::ranges::all_of(check.service, [](char c) { return c > ' ' && c < '\x7f'; })) {
        return unknown_check(text, "SERVICE is not a name");
    }
    check.tls = text.starts_with("grpcs");
    return check;
}

Result<Check> read_exec(std::string_view text, std::string_view rest, Check check) {
    if (rest.find_first_not_of(" \t") == std::string_view::npos || rest.contains('\0')) {
        return unknown_check(text, "COMMAND is missing");
    }
    check.target = rest;
    return check;
}

Result<Check> read_systemd(std::string_view text, std::string_view rest, Check check) {
    const auto is_unit_character = [](char c) {
        return is_host_character(c) || c == ':' || c == '\\' || c == '@';
    };
    if (rest.empty() || rest.size() > kLongestUnit ||
        !std::ranges::all_of(rest, is_unit_character)) {
        return unknown_check(text, "UNIT is not a unit's name");
    }
    check.target = rest;
    return check;
}

Result<Check> read_agent_check(std::string_view text, std::string_view rest, Check check) {
    // HAProxy's DEF_AGENT_RISETIME and DEF_AGENT_FALLTIME.
    check.rise = 1;
    check.fall = 1;
    return read_tcp(text, rest, std::move(check));
}

struct Form {
    std::string_view prefix;
    CheckKind kind;
    Result<Check> (*read)(std::string_view text, std::string_view rest, Check check);
};

constexpr std::array kForms{
    Form{"http://", CheckKind::http, read_http},
    Form{"https://", CheckKind::http, read_http},
    Form{"tcp://", CheckKind::tcp, read_tcp},
    Form{"grpc://", CheckKind::grpc, read_grpc},
    Form{"grpcs://", CheckKind::grpc, read_grpc},
    Form{"exec:", CheckKind::exec, read_exec},
    Form{"systemd:", CheckKind::systemd, read_systemd},
    Form{"agent-check://", CheckKind::agent_check, read_agent_check},
};

Status require(bool is_met, const Check& check, std::string_view what) {
    if (is_met) {
        return {};
    }
    return fail(ErrorKind::config,
                fmt::format("check '{}': {}", excerpt(check.text, kLongestShown), what));
}

bool is_count(unsigned number) {
    constexpr unsigned kMost = 10;
    return number >= 1 && number <= kMost;
}

}  // namespace

StatusSet::StatusSet() : ranges_{{.first = 200, .last = 399}} {}

Result<StatusSet> StatusSet::parse(std::string_view text) {
    StatusSet set;
    set.ranges_.clear();
    std::string_view rest = text;
    while (true) {
        const auto comma = rest.find(',');
        const auto range = parse_range(rest.substr(0, comma));
        constexpr std::size_t kMost = 100;
        if (!range || set.ranges_.size() == kMost) {
            return fail(ErrorKind::config,
                        fmt::format("statuses '{}' are not numbers from {} to {} and ranges of "
                                    "them, as 200-399,401",
                                    excerpt(text, kLongestShown), kLowestStatus, kHighestStatus));
        }
        set.ranges_.push_back(*range);
        if (comma == std::string_view::npos) {
            return set;
        }
        rest.remove_prefix(comma + 1);
    }
}

bool StatusSet::contains(int status) const noexcept {
    return std::ranges::any_of(ranges_, [status](const Range& range) {
        return range.first <= status && status <= range.last;
    });
}

std::string StatusSet::text() const {
    std::string out;
    for (const auto& [first, last] : ranges_) {
        out += out.empty() ? "" : ",";
        out += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    }
    return out;
}

std::string_view to_string(CheckKind kind) noexcept {
    switch (kind) {
        case CheckKind::http:
            return "http";
        case CheckKind::tcp:
            return "tcp";
        case CheckKind::grpc:
            return "grpc";
        case CheckKind::exec:
            return "exec";
        case CheckKind::systemd:
            return "systemd";
        case CheckKind::agent_check:
            return "agent-check";
    }
    return "unknown";
}

Result<Check> parse_check(std::string_view text) {
    for (const auto& [prefix, kind, read] : kForms) {
        if (text.starts_with(prefix)) {
            return read(text, text.substr(prefix.size()),
                        Check{.kind = kind, .text = std::string{text}});
        }
    }
    return unknown_check(text, "");
}

Status validate(const Check& check) {
    ROTA_CHECK(require(check.interval >= seconds{1} && check.interval <= seconds{300}, check,
                       "the interval must be from 1 s to 300 s"));
    ROTA_CHECK(require(check.timeout >= milliseconds{100} && check.timeout <= seconds{120}, check,
                       "the timeout must be from 0.1 s to 120 s"));
    ROTA_CHECK(require(check.timeout <= check.interval, check,
                       "the timeout must not be longer than the interval"));
    ROTA_CHECK(require(is_count(check.rise), check, "rise must be from 1 to 10"));
    ROTA_CHECK(require(is_count(check.fall), check, "fall must be from 1 to 10"));
    ROTA_CHECK(require(is_count(check.initial_rise), check, "initial-rise must be from 1 to 10"));
    ROTA_CHECK(require(check.body.empty() || check.kind == CheckKind::http, check,
                       "a body text is for http and https only"));
    return require(check.body.size() <= kLongestBodyText, check,
                   "the body text must not be longer than 255 octets");
}

}  // namespace rota::health
