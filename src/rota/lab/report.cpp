#include "rota/lab/report.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ios>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/lab/load_curve.h"
#include "rota/lab/record.h"
#include "rota/lab/svg.h"
#include "rota/lab/view.h"

namespace rota::lab {
namespace {

// Hues that stay apart on white and on dark grey, neighbours first; red is kept for failures, amber
// for drains, grey for what is not in service.
constexpr std::array<std::string_view, 10> kHues{"#2f7ed8", "#16a085", "#8e5bd0", "#6aa84f",
                                                 "#e377b0", "#19a8c7", "#5a4fcf", "#9bbf3b",
                                                 "#c2549d", "#2b9d6e"};

std::string_view hue_of(unsigned number) noexcept {
    return kHues.at(number % kHues.size());
}

constexpr std::string_view kStyle = R"(<style>
:root{--ink:#1c2733;--soft:#5b6b7c;--line:#d8dee6;--paper:#fff;--panel:#f6f8fa;--good:#1a7f4b;--bad:#c62828;--wait:#e09b00}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa8b6;--line:#333d48;--paper:#11161c;--panel:#1a2129;--good:#4cc38a;--bad:#ff6b6b;--wait:#f0b429}}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 24px 60px;max-width:1060px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:26px;margin:0 0 2px}h2{font-size:17px;margin:34px 0 2px}
p{margin:4px 0 10px;max-width:84ch}.soft{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:10px;margin:20px 0}
.tile{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.tile b{display:block;font-size:22px;line-height:1.3;white-space:nowrap}.tile span{color:var(--soft);font-size:13px}
.good b{color:var(--good)}.bad b{color:var(--bad)}
svg{display:block;width:100%;height:auto;margin:6px 0}
.grid{stroke:var(--line);stroke-width:1}.tick{fill:var(--soft);font-size:12px}
.label{fill:var(--ink);font-size:12px}.now{stroke:var(--ink)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:12.5px}
th,td{padding:5px 6px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:600;white-space:normal;vertical-align:bottom}th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
.chip{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;color:var(--soft);font-size:13px}
</style>
)";

std::string tile(std::string_view value, std::string_view words, std::string_view kind = "") {
    return fmt::format("<div class=\"tile {}\"><b>{}</b><span>{}</span></div>\n", kind, value,
                       words);
}

std::string tiles(const RunRecord& record, const Totals& totals) {
    const std::uint64_t unexplained = totals.failed - totals.failed_because_of_kill;
    std::string out = "<div class=\"tiles\">\n";
    out += tile(grouped(totals.requests), "requests");
    out += tile(grouped(unexplained), "failed", unexplained == 0 ? "good" : "bad");
    if (record.settings.chaos) {
        out += tile(grouped(totals.failed_because_of_kill), "failed because of the kill", "bad");
    }
    out += tile(fmt::format("{}", totals.joins), "joins");
    out += tile(fmt::format("{}", totals.leaves), "complete leaves");
    out += tile(fmt::format("{} – {}", record.smallest_group, record.largest_group),
                "members in service");
    out += tile(record.p99_ms < 1000 ? fmt::format("{:.0f} ms", record.p99_ms)
                                     : fmt::format("{:.1f} s", record.p99_ms / 1000),
                "99 % answered within");
    out += tile(grouped(totals.reconnects), "reconnects");
    return out + "</div>\n";
}

std::string key_entry(std::string_view colour, std::string_view words) {
    return fmt::format("<span><i class=\"chip\" style=\"background:{}\"></i>{}</span>", colour,
                       svg::escaped(words));
}

double sample_length(const std::vector<Sample>& samples, std::size_t i) {
    const double before = i == 0 ? 0 : samples[i - 1].at.count();
    return std::max(0.01, samples[i].at.count() - before);
}

std::string traffic_plot(const RunRecord& record, const std::vector<Sample>& samples) {
    double top = record.settings.curve.high;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        double sum = 0;
        for (const auto& [member, requests] : samples[i].requests) {
            sum += static_cast<double>(requests) / sample_length(samples, i);
        }
        top = std::max(top, sum);
    }
    const auto y_ticks = svg::ticks(top, 5);
    const svg::Axes axes{.height = 280, .x_end = record.elapsed.count(), .y_end = y_ticks.back()};
    std::string out = svg::open(axes, "Requests a second by member over time");
    out += svg::grid(axes, y_ticks);
    std::vector<double> floor(samples.size(), 0);
    for (const Member& member : record.members) {
        std::vector<svg::Point> upper;
        std::vector<svg::Point> outline;
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const auto found = samples[i].requests.find(member.number);
            outline.push_back({samples[i].at.count(), floor[i]});
            if (found != samples[i].requests.end()) {
                floor[i] += static_cast<double>(found->second) / sample_length(samples, i);
            }
            upper.push_back({samples[i].at.count(), floor[i]});
        }
        outline.insert(outline.end(), upper.rbegin(), upper.rend());
        out += fmt::format(
            "<path d=\"{}Z\" fill=\"{}\" fill-opacity=\".85\"><title>{} ({})</title></path>\n",
            svg::path(axes, outline), hue_of(member.number), svg::escaped(member.id),
            svg::escaped(member.address));
    }
    std::vector<svg::Point> offered;
    offered.reserve(samples.size());
    for (const Sample& sample : samples) {
        offered.push_back({sample.at.count(), sample.offered});
    }
    out += fmt::format(
        "<path class=\"now\" d=\"{}\" fill=\"none\" stroke-width=\"1.5\" stroke-dasharray=\"5 "
        "4\"/>",
        svg::path(axes, offered));
    return out + "</svg>\n";
}

std::string group_plot(const RunRecord& record, const std::vector<Sample>& samples) {
    std::vector<svg::Point> desired;
    std::vector<svg::Point> in_service;
    std::vector<svg::Point> with_leavers;
    std::vector<svg::Point> load;
    unsigned top = record.settings.max_instances;
    for (const Sample& sample : samples) {
        const double at = sample.at.count();
        desired.push_back({at, static_cast<double>(sample.desired)});
        in_service.push_back({at, static_cast<double>(sample.in_service)});
        with_leavers.push_back({at, static_cast<double>(sample.in_service + sample.leaving)});
        top = std::max(top, sample.in_service + sample.leaving);
    }
    const auto y_ticks = svg::ticks(top, std::min(top, 6U));
    const svg::Axes axes{.height = 200, .x_end = record.elapsed.count(), .y_end = y_ticks.back()};
    load.reserve(samples.size());
    for (const Sample& sample : samples) {
        load.push_back(
            {sample.at.count(), record.settings.curve.high > 0
                                    ? sample.offered / record.settings.curve.high * axes.y_end
                                    : 0});
    }
    const auto area = [&](const std::vector<svg::Point>& points, std::string_view colour) {
        if (points.empty()) {
            return std::string{};
        }
        return fmt::format("<path d=\"{}V{:.1f}H{:.1f}Z\" fill=\"{}\" fill-opacity=\".9\"/>\n",
                           svg::steps(axes, points), axes.y(0), axes.x(points.front().seconds),
                           colour);
    };
    std::string out = svg::open(axes, "Size of the group over time");
    out += svg::grid(axes, y_ticks);
    out += area(with_leavers, "var(--wait)");
    out += area(in_service, "#2f7ed8");
    out += fmt::format(
        "<path class=\"now\" d=\"{}\" fill=\"none\" stroke-width=\"1.8\" stroke-dasharray=\"6 "
        "4\"/>\n",
        svg::steps(axes, desired));
    out +=
        fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"var(--soft)\" stroke-width=\"1.2\"/>\n",
                    svg::path(axes, load));
    out += "</svg>\n<div class=\"key\">" + key_entry("#2f7ed8", "in service") +
           key_entry("var(--wait)", "leaving (withdrawing, draining, stopping)") +
           key_entry("var(--ink)", "desired, dashed") +
           key_entry("var(--soft)", "load curve, its peak at the top");
    return out + "</div>\n";
}

struct Stretch {
    double from;
    double until;
    std::string colour;
    std::string words;
};

std::vector<Stretch> stretches_of(const RunRecord& record, const Member& member) {
    const double end = member.ended.value_or(member.killed.value_or(record.elapsed)).count();
    const auto or_end = [&](const std::optional<Elapsed>& at) {
        return at ? std::min(at->count(), end) : end;
    };
    const double left = or_end(member.asked_to_leave);
    const double withdrawn = or_end(member.withdrawn);
    const double drained = or_end(member.drained);
    const double joined = std::min(or_end(member.joined), left);
    std::vector<Stretch> stretches{
        {member.launched.count(), joined, "#9aa8b6", "starting"},
        {joined, left, std::string{hue_of(member.number)}, "in service"},
        {left, std::min(withdrawn, drained), "#d9822b", "withdrawing"},
        {std::min(withdrawn, drained), drained, "var(--wait)", "draining"},
        {drained, end, "#5b6b7c", "stopping"}};
    if (member.killed) {
        stretches.push_back({end, member.swept.value_or(record.elapsed).count(), "var(--bad)",
                             "dead, still in the rota"});
    }
    for (Stretch& stretch : stretches) {
        stretch.from = std::max(0.0, stretch.from);  // the first ones started before the clients
    }
    std::erase_if(stretches, [](const Stretch& s) { return s.until - s.from < 0.001; });
    return stretches;
}

std::string lives_plot(const RunRecord& record) {
    constexpr double kRow = 24;
    const auto rows = static_cast<double>(record.members.size());
    svg::Axes axes{.left = 170, .x_end = record.elapsed.count(), .y_end = 1};
    axes.height = axes.top + axes.bottom + kRow * rows;
    std::string out = svg::open(axes, "Life of each member");
    out += svg::grid(axes, {});
    double y = axes.top;
    for (const Member& member : record.members) {
        out += fmt::format("<text class=\"label\" x=\"0\" y=\"{:.1f}\">{}</text>\n", y + 16,
                           svg::escaped(member.id));
        for (const Stretch& stretch : stretches_of(record, member)) {
            out += fmt::format(
                "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"14\" fill=\"{}\">"
                "<title>{} {}: {:.1f} to {:.1f} s</title></rect>\n",
                axes.x(stretch.from), y + 5,
                std::max(1.0, axes.x(stretch.until) - axes.x(stretch.from)), stretch.colour,
                svg::escaped(member.id), stretch.words, stretch.from, stretch.until);
        }
        if (member.traffic.last_connection && member.asked_to_leave) {
            out += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"var(--ink)\" "
                "stroke=\"var(--paper)\"><title>last new connection at {:.1f} s</title></circle>\n",
                axes.x(member.traffic.last_connection->count()), y + 12,
                member.traffic.last_connection->count());
        }
        y += kRow;
    }
    out += "</svg>\n<div class=\"key\">" + key_entry("#9aa8b6", "starting") +
           key_entry("#2f7ed8", "in service (the member's own colour)") +
           key_entry("#d9822b", "withdrawing") + key_entry("var(--wait)", "draining") +
           key_entry("#5b6b7c", "stopping") + key_entry("var(--ink)", "dot: last new connection");
    if (record.settings.chaos) {
        out += key_entry("var(--bad)", "dead, still in the rota");
    }
    return out + "</div>\n";
}

std::string trouble_plot(const RunRecord& record, const std::vector<Sample>& samples) {
    double top = 1;
    for (const Sample& sample : samples) {
        top = std::max(top, static_cast<double>(sample.failed + sample.reconnects));
    }
    const auto y_ticks = svg::ticks(top, 3);
    const svg::Axes axes{.height = 120, .x_end = record.elapsed.count(), .y_end = y_ticks.back()};
    std::string out = svg::open(axes, "Failed requests and reconnects over time");
    out += svg::grid(axes, y_ticks);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double from = samples[i].at.count() - sample_length(samples, i);
        const double width = std::max(1.0, axes.x(samples[i].at.count()) - axes.x(from) - 0.5);
        const auto bar = [&](double low, double high, std::string_view colour) {
            if (high > low) {
                out += fmt::format(
                    "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                    "height=\"{:.1f}\" fill=\"{}\"/>\n",
                    axes.x(from), axes.y(high), width, axes.y(low) - axes.y(high), colour);
            }
        };
        const auto failed = static_cast<double>(samples[i].failed);
        bar(0, failed, "var(--bad)");
        bar(failed, failed + static_cast<double>(samples[i].reconnects), "var(--soft)");
    }
    out += "</svg>\n<div class=\"key\">" + key_entry("var(--bad)", "failed") +
           key_entry("var(--soft)", "reconnects");
    return out + "</div>\n";
}

std::string drain_plot(const RunRecord& record) {
    struct Leave {
        const Member* member;
        Elapsed asked;
        Elapsed took;
    };

    std::vector<Leave> leaves;
    const double floor =
        static_cast<double>((record.settings.ttl + record.settings.margin).count());
    double longest = floor;
    for (const Member& member : record.members) {
        if (const auto took = member.leave_time()) {
            leaves.push_back({.member = &member,
                              .asked = member.asked_to_leave.value_or(Elapsed{}),
                              .took = *took});
            longest = std::max(longest, took->count());
        }
    }
    if (leaves.empty()) {
        return "<p>No member left.</p>\n";
    }
    constexpr double kRow = 24;
    svg::Axes axes{.left = 170, .right = 60, .x_end = longest * 1.03, .y_end = 1};
    axes.height = axes.top + axes.bottom + kRow * static_cast<double>(leaves.size());
    std::string out = svg::open(axes, "How long each leave took");
    out += svg::grid(axes, {});
    double y = axes.top;
    for (const auto& [member, asked, leave_time] : leaves) {
        const double took = leave_time.count();
        out += fmt::format(
            "<text class=\"label\" x=\"0\" y=\"{0:.1f}\">{1}</text>"
            "<rect x=\"{2:.1f}\" y=\"{3:.1f}\" width=\"{4:.1f}\" height=\"14\" "
            "fill=\"var(--wait)\"/>"
            "<text class=\"label\" x=\"{5:.1f}\" y=\"{0:.1f}\">{6:.2f} s</text>\n",
            y + 16, svg::escaped(member->id), axes.x(0), y + 5, axes.x(took) - axes.x(0),
            axes.x(took) + 6, took);
        if (const auto at = member->traffic.last_connection; at && *at > asked) {
            const double last = (*at - asked).count();
            out += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"var(--ink)\" "
                "stroke=\"var(--paper)\"><title>last new connection after {:.2f} s"
                "</title></circle>\n",
                axes.x(last), y + 12, last);
        }
        y += kRow;
    }
    out += fmt::format(
        "<line class=\"now\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" "
        "stroke-width=\"1.5\" stroke-dasharray=\"4 3\"/>\n",
        axes.x(floor), axes.top, axes.height - axes.bottom);
    return out + "</svg>\n";
}

std::string seconds_cell(const std::optional<Elapsed>& at) {
    return at ? fmt::format("{:.1f} s", at->count()) : std::string{"–"};
}

std::string member_table(const RunRecord& record, const Totals& totals) {
    std::string out =
        "<div class=\"scroll\"><table><tr><th>instance</th><th>address</th><th>requests</th>"
        "<th>share</th><th>expected</th><th>connections</th><th>reconnects</th><th>failed</th>"
        "<th>joined</th><th>leaving</th><th>last connection</th><th>safe</th></tr>\n";
    for (const Member& member : record.members) {
        const Shares shares = shares_of(record, member, totals);
        out += fmt::format(
            "<tr><td><i class=\"chip\" style=\"background:{}\"></i>{}</td><td>{}</td><td>{}</td>"
            "<td>{:.1f} %</td><td>{:.1f} ± {:.1f} %</td><td>{}</td><td>{}</td><td>{}</td>"
            "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            hue_of(member.number), svg::escaped(member.id), svg::escaped(member.address),
            grouped(member.traffic.requests), 100 * shares.observed, 100 * shares.expected,
            100 * shares.deviation, grouped(member.traffic.connections),
            grouped(member.traffic.reconnects), grouped(member.traffic.failed),
            seconds_cell(member.joined), seconds_cell(member.asked_to_leave),
            seconds_cell(member.traffic.last_connection), seconds_cell(member.drained));
    }
    return out + "</table></div>\n";
}

std::string happenings_list(const RunRecord& record) {
    std::string out = "<div class=\"scroll\"><table><tr><th>time</th><th>what happened</th></tr>\n";
    constexpr std::size_t kMost = 200;
    const std::size_t count = std::min(kMost, record.happenings.size());
    for (std::size_t i = 0; i < count; ++i) {
        const Happening& happening = record.happenings[i];
        out += fmt::format("<tr><td>{:.1f} s</td><td{}>{}</td></tr>\n", happening.at.count(),
                           happening.is_bad ? " style=\"color:var(--bad)\"" : "",
                           svg::escaped(happening.text));
    }
    out += "</table></div>\n";
    if (record.happenings.size() > count) {
        out +=
            fmt::format("<p class=\"soft\">… and {} more.</p>\n", record.happenings.size() - count);
    }
    return out;
}

std::string explanation(const RunRecord& record) {
    const RunSettings& settings = record.settings;
    return fmt::format(
        R"(<h2>What is real here</h2>
<p>Every part was a process of its own on loopback addresses and ran in real time: <code>rota serve</code>; for each instance a
metadata service (IMDSv2), an HTTP service with {} workers of {} ms each, and <code>rota agent</code>, the production binary; the group's
Auto Scaling and EC2 APIs; and the clients. The clients resolved {} over UDP through {} resolver caches of Zipf sizes, shared by {} users. Each cache honoured the TTL
exactly: an address was used for new connections only while it was cached. One resolver draws one member a TTL, so shares scatter
around the weights; the ± in the table is one standard deviation by that law.</p>
<p><b>Failed</b> is any connect error, reset, time-out (30 s), missing address, or status other than 200. <b>Reconnects</b> are not
failures: a connection that a client kept (mean life {:.1f} s) was ended by the service between two requests, before an octet of an answer
came, and the client repeated its GET on a new connection, as browsers do (RFC 9110 section 9.2.2).</p>
<p>An instance left in the order of an operating system's shutdown: first the agent (SIGTERM), which withdrew the record, waited
until every server answered without it (INSYNC), and then TTL + margin; then the application, which finished what it had begun; then the
rest. Loopback has no packet loss and no slow paths, and the caches here are better behaved than some of the Internet's.</p>
)",
        settings.workers, settings.service_time.count(), svg::escaped(settings.name),
        settings.resolvers, settings.users, std::chrono::duration<double>{settings.keep}.count());
}

}  // namespace

std::string report_html(const RunRecord& record, const std::string& made_at) {
    const Totals totals = totals_of(record);
    const RunSettings& settings = record.settings;
    const std::vector<Sample> samples = condensed(record.samples, 240);
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        "<title>rota lab</title>\n";
    out += kStyle;
    out += "</head><body>\n<h1>rota lab</h1>\n";
    out += fmt::format(
        "<p class=\"soft\">{} · {:.0f} s · {} to {} instances · TTL {} s + margin {} s · seed {}{} "
        "· "
        "{}</p>\n",
        svg::escaped(settings.name), record.elapsed.count(), settings.min_instances,
        settings.max_instances, settings.ttl.count(), settings.margin.count(), settings.seed,
        settings.chaos ? " · chaos" : "", svg::escaped(made_at));
    out += tiles(record, totals);
    out +=
        "<h2>Requests a second, by member</h2><p class=\"soft\">Stacked; dashed: what the load "
        "curve asked for.</p>\n" +
        traffic_plot(record, samples);
    out += "<h2>Size of the group</h2>\n" + group_plot(record, samples);
    out += "<h2>Life of each member</h2>\n" + lives_plot(record);
    out += fmt::format(
        "<h2>Drain times</h2><p class=\"soft\">From the request to leave until the agent said that "
        "it "
        "was safe. Dashed: TTL {} s + margin {} s. Dot: the last new connection of any "
        "client.</p>\n",
        settings.ttl.count(), settings.margin.count());
    out += drain_plot(record);
    out += "<h2>Errors</h2>\n" + trouble_plot(record, samples);
    out += "<h2>Members</h2>\n" + member_table(record, totals);
    out += explanation(record);
    out += "<h2>What happened</h2>\n" + happenings_list(record);
    return out + "</body></html>\n";
}

Status check_report_path(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        return fail_errno("cannot write the report to " + path, EISDIR);
    }
    const std::string draft = path + ".new";
    const Fd file{::open(draft.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
    if (!file) {
        return fail_errno("cannot write the report to " + path, errno);
    }
    std::filesystem::remove(draft, ignored);
    return {};
}

Status write_report(const RunRecord& record, const std::string& made_at, const std::string& path) {
    const std::string draft = path + ".new";
    {
        std::ofstream file{draft, std::ios::binary | std::ios::trunc};
        file << report_html(record, made_at);
        file.close();
        if (!file) {
            return fail(ErrorKind::io, "cannot write the report to " + draft);
        }
    }
    if (std::rename(draft.c_str(), path.c_str()) != 0) {
        return fail_errno("cannot write the report to " + path, errno);
    }
    return {};
}

}  // namespace rota::lab
