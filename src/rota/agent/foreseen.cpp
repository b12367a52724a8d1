#include "rota/agent/foreseen.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/agent/stepper.h"
#include "rota/base/clock.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/instance/lifecycle_state.h"
#include "rota/instance/notices.h"
#include "rota/instance/scheduled_events.h"
#include "rota/instance/spot_action.h"

namespace rota::agent {
namespace {

// Where the metadata service does not answer, as on own machines: asked ever more rarely.
constexpr std::chrono::minutes kRarestNotices{5};

Absence ending(std::string text) {
    return {.reason = Reason::ending,
            .guard = Guard::none,
            .text = std::move(text),
            .ends = std::nullopt};
}

bool ends_the_instance(const instance::ScheduledEvent& event) {
    return event.code != instance::EventCode::system_maintenance &&
           event.code != instance::EventCode::other;
}

bool is_near(const instance::ScheduledEvent& event, WallTime now, std::chrono::seconds lead) {
    const bool is_over = event.not_after && *event.not_after <= now;
    return is_active(event) && !is_over && event.not_before - lead <= now;
}

std::optional<Absence> ending_of(const instance::Notices& notices, WallTime now,
                                 std::chrono::seconds lead) {
    if (notices.spot) {
        return ending(fmt::format("spot notice: {} at {}", notices.spot->word,
                                  format_rfc3339(notices.spot->time)));
    }
    if (notices.lifecycle && is_end(notices.lifecycle->state)) {
        return ending("Auto Scaling is terminating the instance");
    }
    for (const instance::ScheduledEvent& event : notices.events) {
        if (ends_the_instance(event) && is_near(event, now, lead)) {
            return ending(fmt::format("scheduled {} at {}", event.code_word,
                                      format_rfc3339(event.not_before)));
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::chrono::seconds> planned_notice(const Settings& settings, bool is_spot) {
    return settings.notice || !is_spot ? settings.notice : instance::kSpotNotice;
}

Foreseen foresee(const instance::Notices& notices, WallTime now, std::chrono::seconds lead) {
    Foreseen foreseen{.ending = ending_of(notices, now, lead), .standby = std::nullopt};
    if (!notices.lifecycle) {
        return foreseen;
    }
    const instance::Wish wish = wish_of(notices.lifecycle->state);
    const bool is_wanted = wish == instance::Wish::none || wish == instance::Wish::join;
    if (!is_wanted && !is_end(notices.lifecycle->state)) {
        foreseen.standby =
            Absence{.reason = Reason::standby,
                    .guard = Guard::none,
                    .text = fmt::format("Auto Scaling says {}", notices.lifecycle->word),
                    .ends = std::nullopt};
    }
    return foreseen;
}

void Stepper::ask_notices_where_due() {
    if (state_.notices_wake && *state_.notices_wake <= now_) {
        state_.notices_wake.reset();
        actions_.emplace_back(AskNotices{});
    }
}

void Stepper::on(const Noticed& event) {
    if (state_.is_leaving || !state_.settings.watch_notices) {
        return;
    }
    const auto interval = state_.settings.notices_interval;
    if (!event.notices) {
        const auto delay = std::min<std::chrono::nanoseconds>(
            interval * (1U << std::min(state_.notices_failures, 6U)), kRarestNotices);
        if (state_.notices_failures == 0) {
            actions_.emplace_back(
                Say{.level = log::Level::warning,
                    .member = std::nullopt,
                    .text = "no notices of the instance's end can be read: " + event.problem});
        }
        ++state_.notices_failures;
        state_.notices_wake = now_ + jittered(delay);
        return;
    }
    state_.notices_failures = 0;
    state_.notices_wake = now_ + interval;
    if (event.notices->problems != state_.notices.problems) {
        for (const std::string& problem : event.notices->problems) {
            actions_.emplace_back(Say{.level = log::Level::warning,
                                      .member = std::nullopt,
                                      .text = "notices: " + problem});
        }
    }
    const auto recommended = state_.notices.rebalance;
    state_.notices = *event.notices;
    heed_recommendation(recommended, event.now);
    Foreseen foreseen = foresee(state_.notices, event.now, state_.settings.deadline);
    set_absence(std::move(foreseen.ending), Reason::ending);
    set_absence(std::move(foreseen.standby), Reason::standby);
    follow_lifecycle();
    learn_kind(event);
}

void Stepper::learn_kind(const Noticed& event) {
    if (!event.is_spot) {
        return;
    }
    state_.is_spot = event.is_spot;
    if (state_.settings.notice) {
        return;
    }
    for (const Member& member : state_.members) {
        if (member.phase == Phase::in_service) {  // the others are told on joining
            warn_of_misfits(member, {Clock::notice});
        }
    }
}

}  // namespace rota::agent
