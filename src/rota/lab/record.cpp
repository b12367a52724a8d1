#include "rota/lab/record.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/lab/load_curve.h"
#include "rota/lab/population.h"

namespace rota::lab {
namespace {

/// Three decimals are as exact as anything here is.
double rounded(double value) noexcept {
    return std::round(value * 1000) / 1000;
}

nlohmann::json moment(const std::optional<Elapsed>& at) {
    return at ? nlohmann::json(rounded(at->count())) : nlohmann::json(nullptr);
}

nlohmann::json member_json(const RunRecord& record, const Member& member, const Totals& totals) {
    const Shares shares = shares_of(record, member, totals);
    nlohmann::json json{{"id", member.id},
                        {"address", member.address},
                        {"state", to_string(member.state)},
                        {"requests", member.traffic.requests},
                        {"share", rounded(shares.observed)},
                        {"expected_share", rounded(shares.expected)},
                        {"share_deviation", rounded(shares.deviation)},
                        {"failed", member.traffic.failed},
                        {"reconnects", member.traffic.reconnects},
                        {"connections", member.traffic.connections},
                        {"launched", rounded(member.launched.count())},
                        {"joined", moment(member.joined)},
                        {"asked_to_leave", moment(member.asked_to_leave)},
                        {"last_connection", moment(member.traffic.last_connection)},
                        {"drained", moment(member.drained)},
                        {"ended", moment(member.ended)},
                        {"killed", moment(member.killed)},
                        {"swept", moment(member.swept)}};
    if (const auto took = member.leave_time()) {
        json["drain_seconds"] = rounded(took->count());
    }
    return json;
}

/// What became of the record of the one that was killed.
std::string sweep_line(const RunRecord& record) {
    for (const Member& member : record.members) {
        if (!member.killed) {
            continue;
        }
        if (!member.swept) {
            return fmt::format("and its record dangled for {:.1f} s, to the end",
                               (record.elapsed - *member.killed).count());
        }
        return fmt::format(
            "until it was swept out of the rota after {:.1f} s and the caches forgot it; without "
            "the sweeper its record would have dangled for {:.1f} s more",
            (*member.swept - *member.killed).count(), (record.elapsed - *member.swept).count());
    }
    return "nobody was killed";
}

std::string plural(std::uint64_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string drain_line(const RunRecord& record) {
    std::vector<double> times;
    for (const Member& member : record.members) {
        if (const auto took = member.leave_time()) {
            times.push_back(took->count());
        }
    }
    if (times.empty()) {
        return "none";
    }
    const auto [least, most] = std::ranges::minmax(times);
    return fmt::format("{:.1f} to {:.1f} s from the notice to safe (TTL {} s + margin {} s)", least,
                       most, record.settings.ttl.count(), record.settings.margin.count());
}

}  // namespace

RunSettings completed(RunSettings settings) {
    const double one_member = settings.workers /
                              std::chrono::duration<double>{settings.service_time}.count() *
                              settings.target;
    // Low enough for the smallest group, high enough to need the largest.
    settings.curve = fit_curve(one_member * settings.min_instances * 0.65,
                               one_member * (settings.max_instances - 0.4), settings.duration,
                               settings.ttl + settings.margin);
    settings.concentration = concentration(zipf_shares(settings.resolvers, settings.zipf));
    return settings;
}

std::string caveat(const RunSettings& settings) {
    const auto needed = shortest_wave(settings.ttl + settings.margin);
    if (settings.curve.period >= needed) {
        return {};
    }
    return fmt::format(
        "the load rises and falls faster than caches of TTL {} s can follow, so that members may "
        "be "
        "overloaded meanwhile: give --duration {:.0f}s or more",
        settings.ttl.count(), needed.count());
}

std::string_view to_string(MemberState state) noexcept {
    switch (state) {
        case MemberState::booting:
            return "booting";
        case MemberState::joining:
            return "joining";
        case MemberState::in_service:
            return "in service";
        case MemberState::withdrawing:
            return "withdrawing";
        case MemberState::draining:
            return "draining";
        case MemberState::stopping:
            return "stopping";
        case MemberState::ended:
            return "ended";
        case MemberState::dead:
            return "dead";
    }
    return "ended";
}

std::optional<Elapsed> Member::leave_time() const {
    if (!asked_to_leave || !drained || !left_cleanly) {
        return std::nullopt;
    }
    return *drained - *asked_to_leave;
}

Totals totals_of(const RunRecord& record) {
    Totals totals;
    totals.requests = record.unplaced.requests;
    totals.failed = record.unplaced.failed;
    for (const Member& member : record.members) {
        totals.requests += member.traffic.requests;
        totals.failed += member.traffic.failed;
        totals.failed_because_of_kill += member.failed_because_of_kill;
        totals.reconnects += member.traffic.reconnects;
        totals.joins += member.joined ? 1U : 0U;
        totals.leaves += member.joined && member.leave_time() ? 1U : 0U;
        switch (member.state) {
            case MemberState::booting:
            case MemberState::joining:
                ++totals.pending;
                break;
            case MemberState::in_service:
                ++totals.in_service;
                break;
            case MemberState::withdrawing:
            case MemberState::draining:
            case MemberState::stopping:
                ++totals.leaving;
                break;
            case MemberState::ended:
            case MemberState::dead:
                break;
        }
    }
    return totals;
}

Shares shares_of(const RunRecord& record, const Member& member, const Totals& totals) {
    Shares shares;
    if (totals.requests == 0) {
        return shares;
    }
    const auto all = static_cast<double>(totals.requests);
    shares.observed = static_cast<double>(member.traffic.requests) / all;
    shares.expected = member.expected_requests / all;
    shares.deviation = std::sqrt(record.settings.concentration * member.request_variance) / all;
    return shares;
}

std::string summary_json(const RunRecord& record, const std::string& report_path) {
    const Totals totals = totals_of(record);
    const RunSettings& settings = record.settings;
    nlohmann::json json{
        {"requests", totals.requests},
        {"failed", totals.failed},
        {"failed_because_of_kill", totals.failed_because_of_kill},
        {"reconnects", totals.reconnects},
        {"joins", totals.joins},
        {"leaves", totals.leaves},
        {"largest_group", record.largest_group},
        {"smallest_group", record.smallest_group},
        {"duration", rounded(record.elapsed.count())},
        {"seed", settings.seed},
        {"ttl", settings.ttl.count()},
        {"margin", settings.margin.count()},
        {"min_instances", settings.min_instances},
        {"max_instances", settings.max_instances},
        {"chaos", settings.chaos},
        {"latency_ms", {{"p50", rounded(record.p50_ms)}, {"p99", rounded(record.p99_ms)}}},
        {"dns",
         {{"look_ups", record.dns.look_ups},
          {"cache_hits", record.dns.hits},
          {"queries", record.dns.queries},
          {"failures", record.dns.failures}}}};
    json["drain_seconds"] = nlohmann::json::array();
    json["members"] = nlohmann::json::array();
    for (const Member& member : record.members) {
        if (const auto took = member.leave_time()) {
            json["drain_seconds"].push_back(rounded(took->count()));
        }
        json["members"].push_back(member_json(record, member, totals));
    }
    json["report"] = report_path.empty() ? nlohmann::json(nullptr) : nlohmann::json(report_path);
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string summary_text(const RunRecord& record) {
    const Totals totals = totals_of(record);
    std::string text =
        fmt::format("{} in {:.0f} s, {} failed, {} (p50 {:.0f} ms, p99 {:.0f} ms)\n",
                    plural(totals.requests, "request"), record.elapsed.count(), totals.failed,
                    plural(totals.reconnects, "reconnect"), record.p50_ms, record.p99_ms);
    text += fmt::format("{}, {}; the group had {} to {} members\n", plural(totals.joins, "join"),
                        plural(totals.leaves, "complete leave"), record.smallest_group,
                        record.largest_group);
    text += fmt::format("drains: {}\n", drain_line(record));
    if (record.settings.chaos) {
        text += fmt::format("killed without warning: {}, {}\n",
                            plural(totals.failed_because_of_kill, "failed request"),
                            sweep_line(record));
    }
    text += fmt::format("\n{:<20} {:<15} {:>9} {:>9} {:>9} {:>7} {:>8}\n", "instance", "address",
                        "requests", "share", "expected", "failed", "drain");
    for (const Member& member : record.members) {
        const Shares shares = shares_of(record, member, totals);
        const auto drain = member.leave_time();
        text += fmt::format("{:<20} {:<15} {:>9} {:>7.1f} % {:>7.1f} % {:>7} {:>8}\n", member.id,
                            member.address, member.traffic.requests, 100 * shares.observed,
                            100 * shares.expected, member.traffic.failed,
                            drain ? fmt::format("{:.1f} s", drain->count()) : "");
    }
    return text;
}

std::vector<Sample> condensed(const std::vector<Sample>& samples, std::size_t count) {
    const std::size_t group = std::max<std::size_t>(1, (samples.size() + count - 1) / count);
    std::vector<Sample> result;
    for (std::size_t i = 0; i < samples.size(); i += group) {
        // States are those of the last neighbour, counts the sum of all.
        const std::size_t last = std::min(i + group, samples.size()) - 1;
        Sample sum = samples[last];
        for (std::size_t j = i; j < last; ++j) {
            sum.failed += samples[j].failed;
            sum.reconnects += samples[j].reconnects;
            sum.p99_ms = std::max(sum.p99_ms, samples[j].p99_ms);
            for (const auto& [member, requests] : samples[j].requests) {
                sum.requests[member] += requests;
            }
        }
        result.push_back(std::move(sum));
    }
    return result;
}

}  // namespace rota::lab
