#include <chrono>
#include <string>

#include <fmt/format.h>

#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/log.h"

namespace rota::agent {
namespace {

// Two heartbeats may be lost.
constexpr int kBeatsOfALease = 3;
// An endpoint that has answered as if it knew no leases may be an API behind a proxy's error page.
constexpr std::chrono::minutes kAskAgain{5};

/// The record set is there, as far as is known, and is to stay for now: in service, restored after
/// somebody's change, at weight 0 before its deletion. From the DELETE on the lease goes with it.
bool deserves_lease(const Member& member) {
    const bool is_to_stay = !is_withdrawing(member.phase) || member.phase == Phase::fading ||
                            member.phase == Phase::restoring;
    return is_to_stay && member.stored && member.target;
}

}  // namespace

void Stepper::beat_where_due() {
    if (state_.settings.goal != Goal::stay || state_.settings.lease.count() == 0) {
        return;
    }
    for (Member& member : state_.members) {
        beat_where_due(member);
    }
}

void Stepper::beat_where_due(Member& member) {
    Heart& heart = member.heart;
    if (!deserves_lease(member) || heart.is_unsupported) {
        heart.wake.reset();
        return;
    }
    if (heart.is_out) {
        return;
    }
    if (!heart.wake) {
        heart.wake = now_;
    }
    if (*heart.wake <= now_) {
        heart.wake.reset();
        heart.is_out = true;
        actions_.emplace_back(Beat{
            .member = index_of(member), .target = target_of(member), .load = report_of(member)});
    }
}

void Stepper::expect_no_lease(Member& member, const std::string& problem) {
    Heart& heart = member.heart;
    if (problem.empty()) {
        heart.is_unsupported = true;
        return;
    }
    heart.wake = now_ + jittered(kAskAgain);
    if (!heart.is_doubted) {
        say(log::Level::info, member,
            fmt::format("holds no lease, so a sweeper hears of its death from the fleet and the "
                        "probe alone; asked for again every {} s: {}",
                        std::chrono::seconds{kAskAgain}.count(), problem));
    }
    heart.is_doubted = true;
}

void Stepper::on(const Beaten& event) {
    if (event.member >= state_.members.size() || !state_.members[event.member].heart.is_out) {
        return;
    }
    Member& member = state_.members[event.member];
    Heart& heart = member.heart;
    heart.is_out = false;
    if (event.is_unsupported && !heart.has_worked) {
        expect_no_lease(member, event.problem);
        return;
    }
    heart.wake = now_ + jittered(state_.settings.lease / kBeatsOfALease);
    if (event.problem.empty()) {
        if (event.fleet) {
            member.scale.fleet = event.fleet;
        }
        if (heart.failures > 0) {
            say(log::Level::info, member, "the lease is renewed again");
        } else if (heart.is_doubted) {
            say(log::Level::info, member, "the API knows leases: one is held now");
        }
        heart.failures = 0;
        heart.is_doubted = false;
        heart.has_worked = true;
        return;
    }
    if (heart.failures == 0 && deserves_lease(member)) {
        say(log::Level::warning, member,
            fmt::format("the lease was not renewed: {}", event.problem));
    }
    ++heart.failures;
}

}  // namespace rota::agent
