#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/agent/weight.h"
#include "rota/base/log.h"
#include "rota/model/record_set.h"

// A sick instance at weight 0 instead of out: the record set stays, and Route 53's rule for weight
// 0 decides (it is answered only where every member is at 0). One write each way, nobody waits for
// caches; every other absence takes the way out from there.
namespace rota::agent {
namespace {

constexpr std::chrono::seconds kSpread{3};

}  // namespace

bool Stepper::is_sick_in_place(const Member& member) const {
    const Settings& settings = state_.settings;
    // At weight 0 an address is written anew as it is.
    const bool is_in = member.phase == Phase::in_service ||
                       (member.scale.before_zero &&
                        (member.phase == Phase::writing || member.phase == Phase::joining));
    return settings.unhealthy == Unhealthy::weight_zero && settings.goal == Goal::stay &&
           !state_.is_leaving && is_in && member.stored && !state_.absences.empty() &&
           std::ranges::all_of(state_.absences, [](const Absence& absence) {
               return absence.reason == Reason::unhealthy;
           });
}

std::optional<std::uint8_t> Stepper::urgent_weight(const Member& member) const {
    if (is_sick_in_place(member) && member.held.empty()) {
        const bool is_due = weight_of(stored_of(member)) != 0;
        return is_due ? std::optional{std::uint8_t{0}} : std::nullopt;
    }
    const bool is_to_be_in = state_.absences.empty() || !member.held.empty();
    const bool is_back =
        member.phase == Phase::in_service && member.stored && !state_.is_leaving && is_to_be_in;
    return is_back ? member.scale.before_zero : std::nullopt;
}

bool Stepper::plan_urgent_weight(Member& member) {
    Scale& scale = member.scale;
    if (member.call || !urgent_weight(member)) {
        return false;
    }
    if (!scale.is_urgent) {
        scale.is_urgent = true;
        // What ails one ails its siblings: whoever reads last must see that the others have gone.
        const auto delay =
            state_.absences.empty() ? std::chrono::nanoseconds{0} : full_jitter(kSpread);
        call_later(member, Phase::in_service, ReadGroup{}, delay);
    }
    return true;
}

std::size_t Stepper::carriers(const Member& member, const Group& group) const {
    if (!is_sick_in_place(member)) {
        return group.size();
    }
    const auto others = std::ranges::count_if(group, [&member](const model::RecordSet& one) {
        return weight_of(one) != 0 && !is_own(one, target_of(member).set_identifier);
    });
    return static_cast<std::size_t>(others) + 1;
}

bool Stepper::publish_urgent(Member& member) {
    const auto weight = urgent_weight(member);
    if (!weight) {
        return false;
    }
    const auto others = static_cast<std::size_t>(std::ranges::count_if(
        member.scale.siblings, [](std::uint8_t sibling) { return sibling != 0; }));
    if (const std::size_t keep = least_to_keep(member); *weight == 0 && others < keep) {
        hold(member, others == 0 ? std::string{"no other member has a weight above 0"}
                                 : fmt::format("{} others have a weight above 0, and {} must",
                                               others, keep));
        return true;
    }
    write_weight(member, *weight, *weight == 0 ? least_to_keep(member) : 0);
    return true;
}

bool Stepper::on_urgent_published(Member& member, std::uint8_t weight, std::uint8_t before) {
    Scale& scale = member.scale;
    if (weight == 0) {
        scale.before_zero = before;
        say(log::Level::warning, member,
            fmt::format("the weight is 0 instead of {}: {}", before, describe(state_.absences)));
    } else if (scale.before_zero) {
        scale.before_zero.reset();
        say(log::Level::info, member, fmt::format("the weight is {} again: healthy", weight));
        if (weighs()) {
            published(scale.law, weight, now_);
        }
    } else {
        return false;
    }
    scale.wanted.may_publish = false;
    watch_later(member);
    return true;
}

bool Stepper::adopt_urgent(Member& member, std::uint8_t seen) {
    Scale& scale = member.scale;
    const bool was_lost = std::ranges::find(scale.lost, seen) != scale.lost.end();
    if (scale.before_zero) {
        if (seen == 0) {
            return true;
        }
        const bool is_ours = was_lost && *scale.before_zero == seen;
        scale.before_zero.reset();
        return is_ours;
    }
    if (seen == 0 && was_lost) {
        scale.before_zero = weight_of(stored_of(member));
        return true;
    }
    return false;
}

}  // namespace rota::agent
