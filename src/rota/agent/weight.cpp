#include "rota/agent/weight.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/agent/capacity.h"
#include "rota/agent/fleet.h"
#include "rota/agent/gain.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/agent_check.h"

namespace rota::agent {
namespace {

using Seconds = std::chrono::duration<double>;
using std::chrono::seconds;

constexpr double kPercent = 100;
constexpr double kLargestWeight = 255;

constexpr double kSlowStartFloor = 0.1;
constexpr double kWorthPublishing = 0.05;

constexpr seconds kFleetExpiry{30};  // three heartbeats of the slowest kind
constexpr seconds kLongestLook{30};  // a figure stands for no longer
constexpr double kCoverage = 0.5;    // of a window that counts

// The trim, in logarithms of a factor.
constexpr double kLeak = 0.98;
constexpr double kStep = 0.1;
constexpr double kShedStep = 0.2;
constexpr double kTrimRange = std::numbers::ln2;
constexpr double kShedRange = 2 * std::numbers::ln2;

constexpr double kFullFleet = 0.85;
constexpr std::size_t kLeastFleet = 3;
constexpr double kReportsWanted = 0.7;

constexpr double kLeastCapacityFactor = 0.1;
constexpr double kMostCapacityFactor = 4;

seconds interval_of(const WeightSettings& settings) {
    return control_interval(settings.ttl, settings.interval);
}

/// The fleet's report while it is fresh.
const FleetReport* known_fleet(const WeightState& state, BootTime now) {
    return state.fleet && now - state.fleet_at <= kFleetExpiry ? &*state.fleet : nullptr;
}

/// This instance's capacity over what the base weight stands for.
std::optional<double> capacity_factor(const WeightState& state, const WeightSettings& settings,
                                      BootTime now) {
    const auto own = capacity(state.capacity, now);
    const auto reference = settings.reference_capacity          ? settings.reference_capacity
                           : known_fleet(state, now) != nullptr ? state.fleet_capacity
                                                                : std::nullopt;
    if (!own || !reference || !(*reference > 0)) {
        return std::nullopt;
    }
    return std::clamp(*own / *reference, kLeastCapacityFactor, kMostCapacityFactor);
}

/// Why the trim must not move on the fleet's figures; empty when it may.
std::string_view why_frozen(const FleetReport& fleet, double mean) {
    if (mean > kFullFleet) {
        return "the whole fleet is full";
    }
    if (fleet.reporting < kLeastFleet) {
        return "fewer than 3 members report";
    }
    if (static_cast<double>(fleet.reporting) <
        kReportsWanted * static_cast<double>(fleet.members)) {
        return "more than 30 % of the reports are missing";
    }
    return {};
}

/// The trim's correction for a relative error of the utilisation, without the leak.
double correction(const WeightSettings& settings, double error, double most_down) {
    if (std::abs(error) < std::max(settings.dead_band, 2 * settings.share_noise)) {
        return 0;
    }
    const double gain =
        safe_gain(settings.gain, settings.connection_life, settings.ttl, settings.interval);
    return -std::clamp(gain * error, -kStep, most_down);
}

/// Into the range, but never far at once: the law that brought it out of there may have been
/// another.
double moved(double trim, double change, double least, double most) {
    const double next = std::clamp(kLeak * trim + change, least, most);
    return std::clamp(next, trim - kShedStep, trim + kShedStep);
}

/// Against the fleet's mean.
void trim_to_fleet(WeightState& state, const WeightSettings& settings, const FleetReport& fleet,
                   double utilisation, double mean) {
    if (const auto why = why_frozen(fleet, mean); !why.empty()) {
        state.trim_note = fmt::format("trim rests: {}", why);
        return;
    }
    constexpr double kIdle = 0.01;  // of nothing, every part is large
    const double error = mean > kIdle ? utilisation / mean - 1 : 0;
    state.trim = moved(state.trim, correction(settings, error, kStep), -kTrimRange, kTrimRange);
    state.trim_note =
        fmt::format("{:.0f}% busy, the fleet {:.0f}%", utilisation * kPercent, mean * kPercent);
}

/// Against the configured target, alone: sheds what is too much and takes it back, but never more
/// than the base weight.
void trim_to_target(WeightState& state, const WeightSettings& settings, double utilisation) {
    const double error = utilisation / settings.target - 1;
    state.trim = moved(state.trim, correction(settings, error, kShedStep), -kShedRange, 0);
    state.trim_note = fmt::format("{:.0f}% busy, the target {:.0f}%", utilisation * kPercent,
                                  settings.target * kPercent);
}

void step_trim(WeightState& state, const WeightSettings& settings, BootTime now) {
    const LoadWindow& window = state.window;
    const double least = kCoverage * Seconds{interval_of(settings)}.count();
    if (window.covered < least) {
        state.trim_note = "trim rests: no load figures";
        return;
    }
    const double utilisation = window.utilisation_seconds / window.covered;
    const bool has_capacity = capacity_factor(state, settings, now).has_value();
    // Two members cannot tell which of them is the odd one; the target can.
    const FleetReport* fleet = known_fleet(state, now);
    if (fleet != nullptr && window.fleet_covered >= least &&
        (fleet->members >= kLeastFleet || has_capacity)) {
        trim_to_fleet(state, settings, *fleet, utilisation,
                      window.fleet_seconds / window.fleet_covered);
    } else if (has_capacity) {
        state.trim = moved(state.trim, 0, -kTrimRange, kTrimRange);
        state.trim_note.clear();
    } else {
        trim_to_target(state, settings, utilisation);
    }
}

void take_fleet(WeightState& state, const FleetReport& fleet, BootTime now) {
    if (fleet.median_capacity) {
        const bool is_new = known_fleet(state, now) == nullptr || !state.fleet_capacity;
        state.fleet_capacity = smooth(is_new ? std::nullopt : state.fleet_capacity,
                                      *fleet.median_capacity, now - state.fleet_at);
    }
    state.fleet = fleet;
    state.fleet_at = now;
}

void begin_window(WeightState& state, BootTime begin) {
    state.window = LoadWindow{.begin = begin};
}

void take_into_window(WeightState& state, const WeightInput& input, BootTime now) {
    LoadWindow& window = state.window;
    if (now < window.begin) {
        return;
    }
    const auto elapsed = now - state.looked_at.value_or(now);
    const double span = Seconds{std::min<BootClock::duration>(elapsed, kLongestLook)}.count();
    if (input.load.utilisation) {
        window.utilisation_seconds += span * *input.load.utilisation;
        window.covered += span;
    }
    const FleetReport* fleet = known_fleet(state, now);
    if (fleet != nullptr && fleet->mean_utilisation) {
        window.fleet_seconds += span * *fleet->mean_utilisation;
        window.fleet_covered += span;
    }
}

/// The part of the weight that a member of this age takes.
double slow_start(WeightState& state, const WeightSettings& settings, BootTime now) {
    // Where most of the fleet is new, holding back helps nobody. Alone it would not either, but the
    // next ones to join would begin far below.
    const FleetReport* fleet = known_fleet(state, now);
    const bool is_young = fleet != nullptr && fleet->young && 2 * *fleet->young > fleet->members;
    const auto age =
        state.in_service_since ? now - *state.in_service_since : BootClock::duration::zero();
    if (state.is_warm) {
        return 1;
    }
    if (is_young || age >= settings.slow_start) {
        if (state.in_service_since) {
            state.is_warm = true;
            // Resolvers follow within a TTL; what is seen until then is not this member's share.
            begin_window(state, now + interval_of(settings));
        }
        return 1;
    }
    return std::max(kSlowStartFloor, Seconds{age} / Seconds{settings.slow_start});
}

double base_of(const WeightSettings& settings, const std::optional<health::AgentWeight>& word) {
    if (!word) {
        return settings.base;
    }
    return word->is_percent ? settings.base * (word->value / kPercent) : word->value;
}

std::uint8_t rounded(double weight, double base) {
    const double floor = std::max(1.0, base / kPercent);
    return static_cast<std::uint8_t>(
        std::lround(std::clamp(weight, std::min(floor, kLargestWeight), kLargestWeight)));
}

bool may_publish(const WeightState& state, const WeightSettings& settings, std::uint8_t weight,
                 BootTime now) {
    if (!state.in_service_since || !state.published ||
        now - state.published_at < interval_of(settings)) {
        return false;
    }
    const double before = *state.published;
    return std::abs(weight - before) > kWorthPublishing * before;
}

/// "100 x capacity 0.83 (83 of 100 requests/s) x trim 0.95 (70% busy, the fleet 60%)".
std::string reason(const WeightState& state, const WeightSettings& settings,
                   const WeightInput& input, std::optional<double> factor, double warmth,
                   BootTime now) {
    std::string out = fmt::format("{:.0f}", base_of(settings, input.word));
    if (input.word) {
        out += fmt::format(" (the agent-check says {}{})", input.word->value,
                           input.word->is_percent ? "%" : "");
    }
    if (factor) {
        out += fmt::format(" x capacity {:.2f} ({:.0f} of {:.0f} requests/s)", *factor,
                           capacity(state.capacity, now).value_or(0),
                           settings.reference_capacity.value_or(state.fleet_capacity.value_or(0)));
    }
    constexpr double kVisible = 0.005;
    if (std::abs(state.trim) >= kVisible || state.trim_note.starts_with("trim rests")) {
        out += fmt::format(" x trim {:.2f}", std::exp(state.trim));
        out += state.trim_note.empty() ? "" : fmt::format(" ({})", state.trim_note);
    }
    if (warmth < 1) {
        out += fmt::format(" x slow start {:.0f}%", warmth * kPercent);
    }
    if (input.part < 1) {
        out += fmt::format(" x risk {:.2f}", input.part);
    }
    return out;
}

}  // namespace

Status validate(const WeightSettings& settings) {
    const auto refuse = [](std::string message) {
        return fail(ErrorKind::config, std::move(message));
    };
    if (settings.base == 0) {
        return refuse("a base weight of 0 is none: 1 to 255, and 100 leaves room both ways");
    }
    if (!(settings.target > 0 && settings.target <= 1)) {
        return refuse(
            fmt::format("target utilisation {} is not above 0 and up to 1", settings.target));
    }
    if (settings.reference_capacity &&
        !(*settings.reference_capacity > 0 && std::isfinite(*settings.reference_capacity))) {
        return refuse(fmt::format("capacity {} is no number of requests a second",
                                  *settings.reference_capacity));
    }
    constexpr seconds kLongestSlowStart{3600};
    if (settings.slow_start < seconds{0} || settings.slow_start > kLongestSlowStart) {
        return refuse(fmt::format("slow start of {} s is not from 0 to {} s",
                                  settings.slow_start.count(), kLongestSlowStart.count()));
    }
    if (!(settings.dead_band >= 0 && settings.dead_band < 1) ||
        !(settings.share_noise >= 0 && settings.share_noise < 1)) {
        return refuse(fmt::format("dead band {} and share noise {} must be from 0 to below 1",
                                  settings.dead_band, settings.share_noise));
    }
    if (settings.ttl < seconds{0} || settings.connection_life < seconds{0}) {
        return refuse("the TTL and the life of connections cannot be negative");
    }
    if (settings.interval < seconds{1}) {
        return refuse("less than a second between two changes of the weight");
    }
    return check_gain(settings.gain, settings.connection_life, settings.ttl, settings.interval);
}

WeightDecision observe(WeightState& state, const WeightSettings& settings, const WeightInput& input,
                       BootTime now) {
    observe(state.capacity, input.load, now);
    if (input.fleet) {
        take_fleet(state, *input.fleet, now);
    }
    if (state.is_warm) {
        take_into_window(state, input, now);
        if (now - state.window.begin >= interval_of(settings)) {
            step_trim(state, settings, now);
            begin_window(state, now);
        }
    }
    state.looked_at = now;

    const auto factor = capacity_factor(state, settings, now);
    const double warmth = slow_start(state, settings, now);
    const double base = base_of(settings, input.word);
    const double weight = base * factor.value_or(1) * std::exp(state.trim) * warmth * input.part;
    WeightDecision decision{.weight = rounded(weight, base),
                            .asks_for_none = input.word && input.word->value == 0};
    decision.may_publish = may_publish(state, settings, decision.weight, now);
    decision.reason = reason(state, settings, input, factor, warmth, now);
    return decision;
}

std::uint8_t first_weight(const WeightState& state, const WeightSettings& settings,
                          WeightInput input, BootTime now) {
    WeightState next = state;
    left(next);
    input.load = {};  // observe() has counted it
    return observe(next, settings, input, now).weight;
}

void joined(WeightState& state, std::uint8_t weight, BootTime now) {
    state.in_service_since = now;
    state.is_warm = false;
    published(state, weight, now);
}

void resumed(WeightState& state, std::uint8_t weight, BootTime now) {
    joined(state, weight, now);
    state.is_warm = true;
    begin_window(state, now);
}

void published(WeightState& state, std::uint8_t weight, BootTime now) {
    state.published = weight;
    state.published_at = now;
}

void left(WeightState& state) {
    state.in_service_since.reset();
    state.published.reset();
    state.is_warm = false;
    state.trim = 0;
    state.trim_note.clear();
}

}  // namespace rota::agent
