#include "rota/agent/weighing.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "rota/agent/api_share.h"
#include "rota/agent/fleet.h"
#include "rota/agent/gain.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/agent/weight.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/instance/load.h"
#include "rota/model/record_set.h"
#include "rota/route53/rota_client.h"

namespace rota::agent {
namespace {

using std::chrono::seconds;

// A recommendation to rebalance is a risk and no end: what comes of it comes within minutes.
constexpr double kPartAtRisk = 0.5;
constexpr std::chrono::minutes kRisk{30};

}  // namespace

bool Stepper::weighs() const {
    return state_.settings.goal == Goal::stay && state_.settings.load.has_value();
}

const LoadWeights& Stepper::load_weights() const {
    ROTA_ASSERT(state_.settings.load.has_value());
    return *state_.settings.load;
}

WeightSettings Stepper::law_of(const Member& member) const {
    WeightSettings law = load_weights().law;
    law.base = member.membership.weight;
    law.ttl = member.stored ? seconds{member.stored->ttl} : member.membership.ttl;
    return law;
}

void Stepper::count_call(const Member& member) {
    if (weighs()) {
        called(state_.api_share, 1, member.members_seen.most(now_), load_weights().budget, now_);
    }
}

void Stepper::measure_where_due() {
    Load& load = state_.load;
    if (!weighs() || state_.is_leaving) {
        load.wake.reset();
        return;
    }
    if (load.wake && *load.wake <= now_) {
        load.wake.reset();
        load.is_out = true;
        load.asked_at = now_;
        actions_.emplace_back(MeasureLoad{});
    }
}

void Stepper::on(const Measured& event) {
    Load& load = state_.load;
    if (!load.is_out) {
        return;
    }
    load.is_out = false;
    tell_load_problems(event);
    load.last = event;
    if (!weighs() || state_.is_leaving) {
        return;
    }
    load.wake = std::max(now_, load.asked_at + load_weights().interval);
    for (Member& member : state_.members) {
        if (member.phase == Phase::in_service && member.stored) {
            weigh(member);
        }
    }
}

void Stepper::tell_load_problems(const Measured& event) {
    const auto& before = state_.load.last.problems;
    if (event.problems.size() > before.size()) {
        for (const std::string& problem : event.problems) {
            actions_.emplace_back(Say{.level = log::Level::warning,
                                      .member = std::nullopt,
                                      .text = "the load cannot be told: " + problem});
        }
    } else if (event.problems.empty() && !before.empty()) {
        actions_.emplace_back(Say{.level = log::Level::info,
                                  .member = std::nullopt,
                                  .text = "all load sources tell the load again"});
    }
}

void Stepper::weigh(Member& member) {
    Scale& scale = member.scale;
    WeightInput input = weighing_input();
    input.fleet = std::exchange(scale.fleet, std::nullopt);
    scale.wanted = observe(scale.law, law_of(member), input, now_);
}

WeightInput Stepper::weighing_input() const {
    WeightInput input{.load = state_.load.last.load, .fleet = {}, .word = {}};
    const auto says = std::ranges::find_if(
        state_.examinations, [](const Examination& one) { return one.words.weight.has_value(); });
    if (says != state_.examinations.end()) {
        input.word = says->words.weight;
    }
    if (state_.load.at_risk_until && now_ < *state_.load.at_risk_until) {
        input.part = kPartAtRisk;
    }
    return input;
}

void Stepper::heed_recommendation(const std::optional<WallTime>& before, WallTime now) {
    const auto& recommended = state_.notices.rebalance;
    if (!weighs() || recommended == before) {
        return;
    }
    state_.load.at_risk_until.reset();
    if (!recommended || *recommended + kRisk <= now) {
        return;  // withdrawn, or told to an agent before this one
    }
    state_.load.at_risk_until =
        now_ + std::min<WallTime::duration>(*recommended + kRisk - now, kRisk);
    actions_.emplace_back(Say{
        .level = log::Level::warning,
        .member = std::nullopt,
        .text = fmt::format("EC2 recommends to rebalance since {}: half the weight until {} min "
                            "after that",
                            format_rfc3339(*recommended), kRisk.count())});
}

std::optional<route53::LoadReport> Stepper::report_of(const Member& member) const {
    const instance::LoadSample& load = state_.load.last.load;
    if (!weighs() || !load.utilisation) {
        return std::nullopt;
    }
    const Scale& scale = member.scale;
    std::optional<seconds> in_service;
    if (scale.joined_at) {
        in_service = std::chrono::floor<seconds>(now_ - *scale.joined_at);
    }
    return load_report(load, scale.law.capacity, in_service,
                       state_.is_leaving || !state_.absences.empty());
}

void Stepper::publish_where_due() {
    for (Member& member : state_.members) {
        if (!plan_urgent_weight(member) && wants_publishing(member)) {
            member.scale.is_publishing = true;
            member.scale.tried_at = now_;
            look(member, ReadGroup{});
        }
    }
}

bool Stepper::wants_publishing(const Member& member) const {
    const Scale& scale = member.scale;
    if (!weighs() || state_.is_leaving || !state_.absences.empty() ||
        member.phase != Phase::in_service || member.call || !member.stored) {
        return false;
    }
    // After a failure the next regular look comes first: an API in trouble is asked no more often
    // for weights, and a write whose answer was lost has landed by then.
    if (!scale.wanted.may_publish || scale.overruled || member.failures > 0) {
        return false;
    }
    const WeightSettings law = law_of(member);
    const auto interval = control_interval(law.ttl, law.interval);
    return (!scale.tried_at || now_ - *scale.tried_at >= interval) &&
           may_call(state_.api_share, ApiUse::leisurely, now_);
}

bool Stepper::publish(Member& member) {
    if (!member.scale.wanted.may_publish || member.scale.overruled) {
        return false;  // the look has shown another weight
    }
    if (!state_.absences.empty()) {
        return false;  // held in against its will: as it is
    }
    write_weight(member, member.scale.wanted.weight);
    return true;
}

void Stepper::write_weight(Member& member, std::uint8_t weight, std::size_t keep_members) {
    model::RecordSet changed = stored_of(member);
    changed.routing = model::WeightedRouting{weight};
    call(member, Phase::in_service,
         Upsert{.record_set = std::move(changed),
                .comment = comment(member, fmt::format("weight {}", weight)),
                .keep_members = keep_members});
}

void Stepper::on_published(Member& member, std::uint8_t before) {
    Scale& scale = member.scale;
    const std::uint8_t weight = weight_of(stored_of(member));
    scale.failed_writes = 0;
    if (on_urgent_published(member, weight, before)) {
        return;
    }
    say(log::Level::info, member,
        fmt::format("the weight is {} instead of {}: {}", weight, before, scale.wanted.reason));
    published(scale.law, weight, now_);
    scale.wanted.may_publish = false;
    watch_later(member);
}

void Stepper::on_publish_failure(Member& member, const Failure& failure) {
    const std::uint8_t weight = weight_of(std::get<Upsert>(member.request).record_set);
    ++member.scale.failed_writes;
    say(log::Level::warning, member,
        fmt::format("cannot change the weight to {}: {}", weight, failure.error.message));
}

std::uint8_t Stepper::weight_to_join_with(Member& member) {
    if (!weighs()) {
        return member.membership.weight;
    }
    Scale& scale = member.scale;
    if (scale.overruled) {
        return *scale.overruled;
    }
    scale.starts_anew = true;
    return first_weight(scale.law, law_of(member), weighing_input(), now_);
}

bool Stepper::keeps_weight(const Member& member, std::uint8_t weight) const {
    if (!weighs()) {
        return weight == member.membership.weight;
    }
    return weight > 0 || member.scale.overruled == weight;
}

void Stepper::begin_weighing(Member& member) {
    member.scale.is_urgent = false;
    if (!weighs() || member.scale.before_zero) {
        return;
    }
    Scale& scale = member.scale;
    const std::uint8_t weight = weight_of(stored_of(member));
    scale.is_publishing = false;
    scale.wanted = {};
    scale.wanted.weight = weight;
    if (std::exchange(scale.starts_anew, false)) {
        left(scale.law);
        joined(scale.law, weight, now_);
        scale.joined_at = now_;
    } else if (!scale.law.in_service_since || scale.law.published != weight) {
        resumed(scale.law, weight, now_);
    }
}

void Stepper::adopt_weight(Member& member, std::uint8_t seen) {
    if (adopt_urgent(member, seen)) {
        return;
    }
    Scale& scale = member.scale;
    const std::uint8_t base = member.membership.weight;
    if (!weighs()) {
        if (seen != base) {
            say(log::Level::info, member,
                fmt::format("the weight was changed from {} to {} by someone else: left so", base,
                            seen));
            member.membership.weight = seen;
        }
        return;
    }
    const std::uint8_t before = scale.overruled.value_or(scale.law.published.value_or(base));
    if (seen == before) {
        return;
    }
    if (!scale.overruled && std::ranges::find(scale.lost, seen) != scale.lost.end()) {
        say(log::Level::info, member,
            fmt::format("the weight is {} instead of {}: a write whose answer was lost", seen,
                        before));
        published(scale.law, seen, now_);
        scale.wanted.may_publish = false;
        return;
    }
    const bool is_base = seen == base;
    say(log::Level::info, member,
        fmt::format("the weight was changed from {} to {} by someone else: {}", before, seen,
                    is_base ? std::string{"load moves it from there"}
                            : fmt::format("left so; load moves it again once it is set to {}, the "
                                          "configured one, or the agent is restarted",
                                          base)));
    published(scale.law, seen, now_);
    scale.wanted.may_publish = false;
    scale.overruled = is_base ? std::nullopt : std::optional{seen};
}

void Stepper::weigh_siblings(Member& member, const Group& group) {
    Scale& scale = member.scale;
    scale.siblings.clear();
    for (const model::RecordSet& record_set : group) {
        if (!is_own(record_set, target_of(member).set_identifier)) {
            scale.siblings.push_back(weight_of(record_set));
        }
    }
    if (!weighs()) {
        return;
    }
    const std::uint8_t base = member.membership.weight;
    auto odd = scale_warning(base, scale.law.published.value_or(base), scale.siblings);
    if (!odd) {
        scale.odd_since.reset();
        scale.odd.clear();
        return;
    }
    if (!scale.odd_since) {
        scale.odd_since = now_;
    }
    // A fleet in its slow start looks like another scale.
    const WeightSettings law = law_of(member);
    const auto patience = law.slow_start + 2 * control_interval(law.ttl, law.interval);
    if (scale.odd.empty() && now_ - *scale.odd_since >= patience) {
        scale.odd = *std::move(odd);
        say(log::Level::warning, member, scale.odd);
    }
}

}  // namespace rota::agent
