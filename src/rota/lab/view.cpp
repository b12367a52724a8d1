#include "rota/lab/view.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "rota/lab/load_curve.h"
#include "rota/lab/record.h"

namespace rota::lab {
namespace {

constexpr std::array<std::string_view, 9> kHeights{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> kWidths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};

constexpr std::string_view kBold = "1";
constexpr std::string_view kDim = "2";
constexpr std::string_view kRed = "1;31";
constexpr std::string_view kGreen = "32";
constexpr std::string_view kYellow = "33";
constexpr std::string_view kBlue = "34";
constexpr std::string_view kCyan = "36";
constexpr std::string_view kGrey = "90";

/// Ended members stay on the screen for a while, so that people see how a leave ends.
constexpr Elapsed kLinger{4};

struct Painter {
    bool has_colour;

    [[nodiscard]] std::string operator()(std::string_view code, std::string_view text) const {
        return has_colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string{text};
    }
};

std::string_view colour_of(MemberState state) noexcept {
    switch (state) {
        case MemberState::booting:
        case MemberState::joining:
            return kBlue;
        case MemberState::in_service:
            return kGreen;
        case MemberState::withdrawing:
        case MemberState::draining:
            return kYellow;
        case MemberState::stopping:
        case MemberState::ended:
            return kGrey;
        case MemberState::dead:
            return kRed;
    }
    return kGrey;
}

std::string clock_text(Elapsed time) {
    const auto seconds = static_cast<long>(std::max(0.0, time.count()));
    return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

/// Text cut or padded to `width` columns; only for text without escape sequences.
std::string cell(std::string_view text, std::size_t width) {
    return fmt::format("{:<{}.{}}", text, width, width);
}

std::string bar(double share, double full, std::size_t width) {
    const double cells = full > 0 ? std::min(1.0, share / full) * static_cast<double>(width) : 0;
    const auto whole = static_cast<std::size_t>(cells);
    std::string text;
    for (std::size_t i = 0; i < whole; ++i) {
        text += "█";
    }
    const auto eighths = static_cast<std::size_t>((cells - static_cast<double>(whole)) * 8);
    text += kWidths.at(eighths);
    const std::size_t used = whole + (eighths > 0 ? 1 : 0);
    return text.append(width - std::min(width, used), ' ');
}

std::string load_picture(const RunRecord& record, std::size_t width, const Painter& paint) {
    const RunSettings& settings = record.settings;
    std::string past;
    std::string future;
    for (std::size_t i = 0; i < width; ++i) {
        const Elapsed at = Elapsed{settings.duration} *
                           ((static_cast<double>(i) + 0.5) / static_cast<double>(width));
        const double height =
            settings.curve.high > 0 ? load_at(settings.curve, at) / settings.curve.high : 0;
        const auto step =
            static_cast<std::size_t>(std::lround(1 + std::clamp(height, 0.0, 1.0) * 7));
        (at <= record.elapsed ? past : future) += kHeights.at(step);
    }
    return paint(kCyan, past) + paint(kGrey, future);
}

std::string state_text(const RunRecord& record, const Member& member) {
    if (member.state == MemberState::draining && member.withdrawn) {
        const Elapsed left =
            *member.withdrawn + record.settings.ttl + record.settings.margin - record.elapsed;
        return fmt::format("draining {:.0f} s", std::max(0.0, std::ceil(left.count())));
    }
    if (member.state == MemberState::dead) {
        return member.swept ? "dead, swept" : "dead, in the rota";
    }
    return std::string{to_string(member.state)};
}

std::string dots(const RunRecord& record, const Painter& paint) {
    std::string text;
    for (const Member& member : record.members) {
        if (member.state != MemberState::ended) {
            text += paint(colour_of(member.state), "●");
        }
    }
    return text;
}

std::vector<std::string> head_lines(const RunRecord& record, ViewSize size, const Painter& paint) {
    const RunSettings& settings = record.settings;
    const Totals totals = totals_of(record);
    const std::string title =
        fmt::format(" {}  {} · TTL {} s · margin {} s · seed {}{}", paint(kBold, "rota lab"),
                    settings.name, settings.ttl.count(), settings.margin.count(), settings.seed,
                    settings.chaos ? " · chaos" : "");
    const std::string clock = fmt::format("{} {} / {} ", record.phase, clock_text(record.elapsed),
                                          clock_text(Elapsed{settings.duration}));
    const std::size_t used = visible_width(title) + visible_width(clock);
    const std::string gap(size.width > used ? size.width - used : 1, ' ');
    const std::string failed = fmt::format("{} failed", grouped(totals.failed));
    const std::size_t picture = std::clamp<std::size_t>(size.width / 2, 10, 60);
    return {
        title + gap + paint(kBold, clock),
        "",
        fmt::format(" load    {}  {}", load_picture(record, picture, paint),
                    paint(kBold, fmt::format("{:.0f} requests/s", record.offered))),
        fmt::format(" group   {}  {} · {} in service, {} starting, {} leaving", dots(record, paint),
                    paint(kBold, fmt::format("desired {}", record.desired)), totals.in_service,
                    totals.pending, totals.leaving),
        fmt::format(" work    {}  {:.0f} % of what the members can do (target {:.0f} %)",
                    paint(record.utilisation > 1 ? kYellow : kCyan, bar(record.utilisation, 1, 20)),
                    100 * record.utilisation, 100 * settings.target),
        fmt::format(" total   {} · {} · {} · p50 {:.0f} ms · p99 {:.0f} ms",
                    paint(kBold, grouped(totals.requests) + " requests"),
                    paint(totals.failed == 0 ? "1;32" : kRed, failed),
                    fmt::format("{} reconnects", grouped(totals.reconnects)), record.p50_ms,
                    record.p99_ms),
        fmt::format(" names   {} look-ups, {} answered by caches, {} by the name server",
                    grouped(record.dns.look_ups), grouped(record.dns.hits),
                    grouped(record.dns.queries)),
        "",
    };
}

std::string table_head(std::size_t bar_width, const Painter& paint) {
    return paint(kDim, fmt::format(" {:<19} {:<13} {:<18} {:>6} {:>8} {:>8} {:<{}} {:>6} {:>5}",
                                   "instance", "address", "state", "weight", "expected", "observed",
                                   "", bar_width, "req/s", "conns"));
}

std::string member_line(const RunRecord& record, const Member& member, double full,
                        std::size_t bar_width, const Painter& paint) {
    const std::string_view colour = colour_of(member.state);
    const bool is_in = member.current_share > 0;
    std::string line =
        fmt::format(" {} {} {} {:>6} {:>8} {:>8} {} {:>6.1f} {:>5}", cell(member.id, 19),
                    cell(member.address, 13), paint(colour, cell(state_text(record, member), 18)),
                    is_in ? fmt::format("{}", member.weight) : "–",
                    is_in ? fmt::format("{:.1f} %", 100 * member.current_share) : "–",
                    fmt::format("{:.1f} %", 100 * member.recent_share),
                    paint(colour, bar(member.recent_share, full, bar_width)),
                    member.recent_requests_a_second, member.traffic.open_connections);
    if (member.traffic.failed > 0) {
        line += paint(kRed, fmt::format(" {} failed", member.traffic.failed));
    }
    return member.state == MemberState::ended ? paint(kGrey, line) : line;
}

std::vector<const Member*> shown_members(const RunRecord& record) {
    std::vector<const Member*> shown;
    for (const Member& member : record.members) {
        const bool is_gone = member.ended && member.state == MemberState::ended &&
                             record.elapsed - *member.ended > kLinger;
        if (!is_gone) {
            shown.push_back(&member);
        }
    }
    return shown;
}

std::string happening_line(const Happening& happening, const Painter& paint) {
    return fmt::format(" {}  {}", paint(kGrey, fmt::format("{:>5}", clock_text(happening.at))),
                       happening.is_bad ? paint(kRed, happening.text) : happening.text);
}

/// Cuts a line to `width` columns, keeping its escape sequences whole and ending its colours.
std::string fitted(const std::string& line, std::size_t width, bool has_colour) {
    if (visible_width(line) <= width) {
        return line;
    }
    std::string out;
    std::size_t column = 0;
    bool in_escape = false;
    for (const char c : line) {
        const bool begins_character = (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
        if (c == '\x1b') {
            in_escape = true;
        }
        if (!in_escape && begins_character && ++column > width) {
            break;
        }
        out.push_back(c);
        if (in_escape && c == 'm') {
            in_escape = false;
        }
    }
    return has_colour ? out + "\x1b[0m" : out;
}

}  // namespace

std::size_t visible_width(std::string_view line) noexcept {
    std::size_t width = 0;
    bool in_escape = false;
    for (const char c : line) {
        if (c == '\x1b') {
            in_escape = true;
        } else if (in_escape) {
            in_escape = c != 'm';
        } else if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {
            ++width;
        }
    }
    return width;
}

std::string grouped(std::uint64_t number) {
    std::string text = fmt::format("{}", number);
    for (std::size_t i = text.size(); i > 3; i -= 3) {
        text.insert(i - 3, ",");
    }
    return text;
}

std::vector<std::string> render(const RunRecord& record, ViewSize size, ViewStyle style) {
    const Painter paint{style.has_colour};
    std::vector<std::string> lines = head_lines(record, size, paint);
    constexpr std::size_t kTableWithoutBar = 92;
    const std::size_t bar_width = size.width > kTableWithoutBar
                                      ? std::min<std::size_t>(24, size.width - kTableWithoutBar)
                                      : 0;
    lines.push_back(table_head(bar_width, paint));

    const std::vector<const Member*> members = shown_members(record);
    double full = 0.01;
    for (const Member* const member : members) {
        full = std::max(full, member->recent_share);
    }
    constexpr std::size_t kLeastHappenings = 3;
    const std::size_t room = size.height > lines.size() + kLeastHappenings + 1
                                 ? size.height - lines.size() - kLeastHappenings - 1
                                 : 1;
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (i + 1 == room && members.size() > room) {
            lines.push_back(fmt::format(" … and {} more", members.size() - i));
            break;
        }
        lines.push_back(member_line(record, *members[i], full, bar_width, paint));
    }
    lines.emplace_back();
    const std::size_t left = size.height > lines.size() ? size.height - lines.size() : 0;
    const std::size_t first = record.happenings.size() - std::min(left, record.happenings.size());
    for (std::size_t i = first; i < record.happenings.size(); ++i) {
        lines.push_back(happening_line(record.happenings[i], paint));
    }
    lines.resize(std::min(lines.size(), size.height));
    for (std::string& line : lines) {
        line = fitted(line, size.width, style.has_colour);
    }
    return lines;
}

std::string progress_line(const RunRecord& record) {
    const Totals totals = totals_of(record);
    return fmt::format(
        "{:>5}  {:>4.0f} requests/s  {} in service, {} starting, {} leaving (desired {})  "
        "{:.0f} % busy  {} requests, {} failed",
        clock_text(record.elapsed), record.offered, totals.in_service, totals.pending,
        totals.leaving, record.desired, 100 * record.utilisation, totals.requests, totals.failed);
}

}  // namespace rota::lab
