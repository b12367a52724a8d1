#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/published.h"
#include "rota/agent/standing.h"
#include "rota/agent/weighing.h"
#include "rota/base/clock.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/judge.h"
#include "rota/health/observation.h"
#include "rota/instance/connections.h"
#include "rota/instance/notices.h"
#include "rota/model/record_set.h"
#include "support/agent_world.h"

// Weeks of random events against agent::step. What must hold after every single step, whatever the
// order: nothing is stuck, nobody who leaves comes back in, the floor is kept, the API is spared.
namespace rota::agent::testing {
namespace {

using Fate = World::Fate;

/// Something outstanding or a moment to wake at, for everyone who is not at the end.
void check_not_stuck(const World& world) {
    const State& state = world.state;
    if (state.exit_status) {
        return;
    }
    bool moves = state.last_word_by.has_value() || state.is_checking_readiness ||
                 state.readiness_wake.has_value();
    for (const Examination& examination : state.examinations) {
        const bool goes_on = examination.is_out || examination.wake.has_value();
        RC_ASSERT(goes_on || state.is_leaving);
        moves = moves || goes_on;
    }
    for (const Member& member : state.members) {
        const bool has_call = member.call.has_value();
        const bool has_wake = member.wake.has_value();
        RC_ASSERT(!(has_call && has_wake));
        moves = moves || has_call || has_wake;
        const bool may_join = state.is_ready && health_of(state) != health::Verdict::initial;
        const bool rests = member.phase == Phase::out && (!state.absences.empty() || !may_join);
        moves = moves || rests;
        const bool must_move = !is_end(member.phase) && member.phase != Phase::waiting &&
                               member.phase != Phase::cleared && !rests;
        RC_ASSERT(!must_move || has_call || has_wake);
        if (member.phase == Phase::waiting) {
            RC_ASSERT((state.settings.check_readiness || !state.examinations.empty()) &&
                      !state.is_leaving);
        }
    }
    RC_ASSERT(moves);
}

/// What is shown follows the state: a leave and an absence at once, and nothing that has passed.
void check_what_is_shown(const World& world) {
    using health::AgentHealth;
    using health::AgentMode;
    const State& state = world.state;
    Snapshot snapshot{.state = state, .figures = {}, .weights = {}};
    snapshot.weights.assign(state.members.size(), 10);
    const Standing standing = standing_of(state, world.now);
    const health::AgentCheckReport told = agent_check_of(snapshot, world.now);
    const bool is_ready = state.is_ready && health_of(state) != health::Verdict::initial;
    const bool is_up = told.mode == AgentMode::ready && told.health == AgentHealth::up;
    RC_ASSERT(told.mode.has_value() && !standing.text.empty());
    if (state.is_leaving) {
        RC_ASSERT(told.mode == AgentMode::drain && !standing.is_in);
    } else if (state.absences.empty()) {
        RC_ASSERT(is_up == is_ready);
    } else {
        const auto may_stay = [](const Member& member) {
            return !member.held.empty() || (member.phase < Phase::fading && member.failures == 0);
        };
        RC_ASSERT(!is_up || std::ranges::all_of(state.members, may_stay));
    }
    for (const Member& member : state.members) {
        RC_ASSERT(!standing.is_in || (member.phase >= Phase::in_service &&
                                      member.phase < Phase::deleting && member.was_in_service));
    }
    health::AgentCheckReport read = health::parse_agent_check(health::format_agent_check(told));
    RC_ASSERT(read.mode == told.mode && read.health == told.health && read.weight == told.weight);
}

class Story {
public:
    explicit Story(const Settings& settings)
        : world{settings, {moving(settings.load ? std::uint8_t{100} : std::uint8_t{10})}} {
        world.rng = Rng{*rc::gen::arbitrary<std::uint64_t>()};
        world.tells_age = *rc::gen::arbitrary<bool>();
        is_disputed = *rc::gen::arbitrary<bool>();
        if (*rc::gen::arbitrary<bool>()) {
            world.zone["i-0"] = weighted("i-0", "192.0.2.200", 10, 30);
        }
        if (*rc::gen::arbitrary<bool>()) {
            world.zone["i-1"] = weighted("i-1", "192.0.2.7", 3, 90);
        }
        world.feed(Started{});
        check();
    }

    void one_event() {
        const int kind = *rc::gen::inRange(0, 100);
        if (kind < 6 && world.measures_load) {
            measure();
        } else if (kind < 10 && !world.probes.empty()) {
            world.answer_probe(
                *rc::gen::weightedElement<health::Outcome>({{5, health::Outcome::passed},
                                                            {3, health::Outcome::failed},
                                                            {1, health::Outcome::neutral}}));
        } else if (kind < 14 && !world.beats.empty()) {
            world.beats.pop_front();
            world.feed(Beaten{.member = 0, .problem = *rc::gen::element("", "lost")});
        } else if (kind < 18 && world.counts_connections) {
            world.counts_connections = false;
            world.feed(Counted{.connections = instance::Connections{
                                   .total = *rc::gen::element<std::size_t>(0, 1, 500),
                                   .moved = *rc::gen::element<std::optional<std::uint64_t>>(
                                       std::nullopt, 0, 1, 5000)}});
        } else if (kind < 45) {
            world.answer_one(*rc::gen::weightedElement<Fate>({{6, Fate::done},
                                                              {1, Fate::refused_retryably},
                                                              {1, Fate::never_arrives},
                                                              {1, Fate::lands_late},
                                                              {1, Fate::answer_lost}}));
        } else if (kind < 75) {
            world.advance_to_wake();
        } else if (kind < 83) {
            world.advance(std::chrono::seconds{*rc::gen::inRange(0, 400)});
        } else if (kind < 87) {
            world.is_insync = *rc::gen::arbitrary<bool>();
        } else if (kind < 91) {
            meddle();
        } else if (kind < 93) {
            go_or_come();
        } else if (kind < 94) {
            auto_scale();
        } else if (kind < 96) {
            world.feed(ReadinessChecked{.passed = *rc::gen::arbitrary<bool>(), .detail = "x"});
        } else if (kind < 98) {
            world.feed(Answered{.member = 0, .call = 0, .answer = Accepted{"C0", true}});
        } else if (kind == 98 || may_leave) {
            leave();
        }
        check();
    }

    void leave() {
        if (!world.state.is_leaving) {
            left_at = world.now;
            upserts_before_leave = upserts();
        }
        world.feed(LeaveRequested{"SIGTERM"});
    }

    /// Weight 0 first, and the weight back where the leave is refused after that.
    void check_late_upserts() const {
        const auto late = upserts() - upserts_before_leave;
        RC_ASSERT(late <= 1 || world.state.settings.last == LastMember::refuse);
        for (std::size_t i = world.log.size(), left = late; left > 0; --i) {
            const auto* const upsert = std::get_if<Upsert>(&world.log[i - 1].second);
            if (upsert != nullptr) {
                RC_ASSERT(world.state.settings.drain_mode == DrainMode::weight_zero);
                RC_ASSERT(upsert->comment.contains("rota leave, "));
                --left;
            }
        }
    }

    [[nodiscard]] std::size_t upserts() const {
        return static_cast<std::size_t>(std::ranges::count_if(world.log, [](const auto& entry) {
            return std::holds_alternative<Upsert>(entry.second);
        }));
    }

    void measure() {
        world.measures_load = false;
        if (*rc::gen::inRange(0, 10) == 0) {
            const WallTime now{
                std::chrono::floor<WallTime::duration>(world.now.time_since_epoch())};
            Noticed noticed{.notices = instance::Notices{}, .problem = {}, .now = now};
            if (*rc::gen::arbitrary<bool>()) {
                noticed.notices->rebalance = now;
            }
            world.feed(noticed);
        }
        Measured measured;
        if (*rc::gen::inRange(0, 5) > 0) {
            measured.load.utilisation = *rc::gen::element(0.0, 0.3, 0.62, 0.9, 10.0);
        } else {
            measured.problems = {"x"};
        }
        world.feed(measured);
    }

    /// What is written for load's sake: never while the instance is to be out, and worth it.
    void check_weights() {
        for (; checked < world.log.size(); ++checked) {
            const auto* const upsert = std::get_if<Upsert>(&world.log[checked].second);
            if (upsert == nullptr || upsert->comment.contains("rota leave, ")) {
                continue;
            }
            const Scale& scale = world.state.members[0].scale;
            const bool is_zero =
                std::get<model::WeightedRouting>(upsert->record_set.routing).weight == 0;
            if (world.phase() == Phase::in_service && (is_zero || scale.before_zero)) {
                const Settings& settings = world.state.settings;
                RC_ASSERT(settings.unhealthy == Unhealthy::weight_zero ||
                          (!is_zero && settings.drain_mode == DrainMode::weight_zero));
                const bool is_held = !world.state.members[0].held.empty();
                RC_ASSERT(is_zero == !(world.state.absences.empty() || is_held));
                continue;
            }
            if (!world.state.settings.load) {
                continue;
            }
            const auto& routing = std::get<model::WeightedRouting>(upsert->record_set.routing);
            RC_ASSERT(routing.weight >= 1 || scale.before_zero);
            if (world.phase() == Phase::in_service) {
                const double before =
                    std::get<model::WeightedRouting>(world.state.members[0].stored->routing).weight;
                RC_ASSERT(world.state.absences.empty());
                RC_ASSERT(std::abs(routing.weight - before) > 0.05 * before);
                RC_ASSERT(!published_at || world.now - *published_at >= 60s);
                published_at = world.now;
            }
        }
    }

    void check() {
        check_weights();
        if (world.zone.contains("i-1") && *rc::gen::inRange(0, 4) == 0) {
            world.last_answered = world.now;  // somebody asks the server
        }
        check_not_stuck(world);
        check_what_is_shown(world);
        if (world.state.is_leaving && left_at) {
            check_late_upserts();
            RC_ASSERT(world.state.members[0].phase != Phase::in_service ||
                      world.state.members[0].call.has_value());
        }
        if (world.finished == 0 && world.state.is_leaving && world.last_delete_done) {
            const BootTime held = world.tells_age
                                      ? world.answered_before_delete.value_or(BootTime{})
                                      : *world.last_delete_done;
            RC_ASSERT(world.now >= held + world.deleted_ttl + 15s);
        }
        if (world.finished == 0) {
            RC_ASSERT(!world.zone.contains("i-1"));
        }
        if (world.completed_in && world.hook_call && world.hook_call->hook == "b" &&
            world.hook_call->kind == CallHook::Kind::complete && !world.state.hook_wait->is_late) {
            RC_ASSERT(*world.completed_in == Phase::out || is_end(*world.completed_in));
        }
    }

    void auto_scale() {
        world.feed(DrainCommandEnded{});
        check();
        if (world.finds_hooks) {
            world.finds_hooks = false;
            HooksFound found{.hooks = {}, .problem = {ErrorKind::timeout, "x", true}};
            if (*rc::gen::arbitrary<bool>()) {
                found.hooks = Hooks{
                    .group = "web",
                    .state = *rc::gen::element("Pending:Wait", "InService", "Terminating:Wait"),
                    .hooks = {{.name = "a", .transition = Transition::launch},
                              {.name = "b", .transition = Transition::termination}}};
            }
            world.feed(found);
        } else if (world.hook_call) {
            world.hook_call.reset();
            HookCalled called{.problem = {}, .is_over = *rc::gen::arbitrary<bool>()};
            if (*rc::gen::arbitrary<bool>()) {
                called.problem = Error{ErrorKind::timeout, "x", *rc::gen::arbitrary<bool>()};
            }
            world.feed(called);
        } else {
            instance::Notices notices;
            notices.lifecycle =
                instance::parse_lifecycle_state(
                    *rc::gen::element("InService", "Standby", "Terminated", "Warmed:Running"))
                    .value();
            world.feed(Noticed{.notices = notices, .problem = {}, .now = {}});
        }
    }

    void go_or_come() {
        const auto reason = *rc::gen::element(Reason::unhealthy, Reason::application,
                                              Reason::maintenance, Reason::standby, Reason::ending);
        if (*rc::gen::arbitrary<bool>()) {
            world.feed(CameBack{reason});
            return;
        }
        const Guard guard = reason == Reason::unhealthy ? Guard::quorum
                            : reason < Reason::standby  ? Guard::last_member
                                                        : Guard::none;
        std::optional<BootTime> ends;
        if (*rc::gen::arbitrary<bool>()) {
            ends = world.now + std::chrono::seconds{*rc::gen::inRange(0, 4000)};
        }
        world.feed(WentAbsent{{.reason = reason, .guard = guard, .text = "x", .ends = ends}});
    }

    World world;
    bool may_leave = false;
    std::optional<BootTime> left_at;
    std::size_t upserts_before_leave = 0;
    std::size_t checked = 0;  ///< of the world's log
    std::optional<BootTime> published_at;
    bool is_disputed = false;  ///< somebody else may take the record set or its address
    std::size_t meddled = 0;   ///< times that it happened

private:
    void meddle() {
        // One who puts records in for a leaving instance is beyond promises; siblings come and go.
        const int first = world.state.is_leaving ? 4 : 3;
        const int kind = *rc::gen::inRange(is_disputed && first == 3 ? 0 : first, 6);
        meddled += kind < 3 ? 1 : 0;
        switch (kind) {
            case 0:
                world.zone.erase("i-1");
                break;
            case 1:
                world.zone["i-1"] = weighted("i-1", "192.0.2.1", 77, 300);
                break;
            case 2:
                world.zone["i-1"] = weighted("i-1", "203.0.113.9", 1, 30);
                break;
            case 3:
                world.address = *rc::gen::element("192.0.2.1", "192.0.2.99");
                break;
            case 4:
                world.zone["i-0"] = weighted("i-0", "192.0.2.200", 10, 120);
                break;
            default:
                world.zone.erase("i-0");
                break;
        }
    }
};

Settings random_settings() {
    Settings settings;
    settings.check_readiness = *rc::gen::arbitrary<bool>();
    settings.signature = "property";
    settings.has_drain_commands = *rc::gen::arbitrary<bool>();
    settings.drain_mode = *rc::gen::element(DrainMode::delete_record, DrainMode::weight_zero);
    settings.watch_notices = *rc::gen::arbitrary<bool>();
    settings.follow_hooks = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) {
        settings.ports = {80};
    }
    settings.lease = *rc::gen::element(0s, 9s);
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
        settings.checks.push_back(health::parse_check("tcp://127.0.0.1:80").value());
    }
    settings.watch_members = !settings.checks.empty();
    settings.unhealthy = *rc::gen::element(Unhealthy::remove, Unhealthy::weight_zero);
    if (*rc::gen::arbitrary<bool>()) {
        settings.load = LoadWeights{};
        settings.load->law.slow_start = *rc::gen::element(0s, 60s, 300s);
        settings.watch_members = true;
        settings.watch_notices = true;
    }
    return settings;
}

RC_GTEST_PROP(AgentStep, is_never_stuck_and_never_back_in_while_leaving, ()) {
    Story story{random_settings()};
    const int events = *rc::gen::inRange(1, 400);
    for (int i = 0; i < events; ++i) {
        story.one_event();
    }
    story.leave();
    story.check();
    for (int i = 0; i < 5000 && !story.world.finished; ++i) {
        if (!story.world.answer_one(*rc::gen::weightedElement<Fate>({{8, Fate::done},
                                                                     {1, Fate::never_arrives},
                                                                     {1, Fate::lands_late},
                                                                     {1, Fate::answer_lost}}))) {
            story.world.advance_to_wake();
        }
        story.check();
    }
    RC_ASSERT(story.world.finished.has_value());
}

RC_GTEST_PROP(AgentStep, is_never_out_for_a_reason_that_has_passed, ()) {
    Story story{random_settings()};
    World& world = story.world;
    const int events = *rc::gen::inRange(1, 300);
    for (int i = 0; i < events; ++i) {
        story.one_event();
    }
    for (const Reason reason : {Reason::unhealthy, Reason::application, Reason::maintenance,
                                Reason::standby, Reason::ending}) {
        world.feed(CameBack{reason});
    }
    world.is_insync = true;
    for (int i = 0; i < 4000 && !world.finished; ++i) {
        if (world.phase() == Phase::in_service && world.state.absences.empty()) {
            if (!world.state.members[0].scale.before_zero) {
                break;  // the checks' own absence takes some passes to end
            }
        }
        world.answer_probe(health::Outcome::passed);
        if (world.measures_load) {
            story.measure();
        }
        if (world.checks_readiness) {
            world.checks_readiness = false;
            world.feed(ReadinessChecked{.passed = true, .detail = {}});
        }
        if (!world.answer_one()) {
            RC_ASSERT(world.advance_to_wake() || !world.probes.empty());
        }
        story.check();
    }
    if (world.state.is_leaving) {
        return;
    }
    RC_ASSERT(world.phase() == Phase::in_service);
    RC_ASSERT(world.state.members[0].held.empty());
    // A write of weight 0 or a DELETE may have landed late; a look finds it. Only with somebody who
    // has meddled again and again the agent waits longer: up to an hour of dispute, and its jitter.
    const BootTime settled = world.now + (story.meddled > 1 ? 100min : 20min);
    while (world.now < settled) {
        world.answer_probe(health::Outcome::passed);
        if (world.measures_load) {
            story.measure();
        }
        RC_ASSERT(world.answer_one() || world.advance_to_wake() || !world.probes.empty());
    }
    const auto own = world.zone.find("i-1");
    RC_ASSERT(own != world.zone.end());
    RC_ASSERT(story.meddled > 0 || !world.said("deleted by someone else"));
    RC_ASSERT(own->second.values == std::vector{world.address});
    RC_ASSERT(std::get<model::WeightedRouting>(own->second.routing).weight > 0);
}

RC_GTEST_PROP(AgentStep, never_takes_a_sick_member_out_when_it_is_the_last, ()) {
    Settings settings = random_settings();
    settings.check_readiness = false;
    settings.checks.clear();
    World world{settings};
    world.rng = Rng{*rc::gen::arbitrary<std::uint64_t>()};
    const int siblings = *rc::gen::inRange(0, 6);
    const auto name = [](int i) { return "i-" + std::to_string(i + 2); };
    for (int i = 0; i < siblings; ++i) {
        world.zone[name(i)] = weighted(name(i), "192.0.2.50");
    }
    world.feed(Started{});
    RC_ASSERT(world.run_until(Phase::in_service));
    world.feed(WentAbsent{{.reason = Reason::unhealthy, .guard = Guard::quorum, .text = "503"}});
    const int events = *rc::gen::inRange(1, 200);
    for (int i = 0; i < events; ++i) {
        if (*rc::gen::inRange(0, 20) == 0) {
            world.zone.erase(name(*rc::gen::inRange(0, 6)));  // they suffer from the same
        }
        if (!world.answer_one(*rc::gen::weightedElement<Fate>({{9, Fate::done},
                                                               {1, Fate::refused_retryably},
                                                               {1, Fate::never_arrives},
                                                               {1, Fate::lands_late},
                                                               {1, Fate::answer_lost}})) &&
            !world.advance_to_wake()) {
            break;
        }
        RC_ASSERT(siblings == 0 || world.deletes == 0 || world.least_left >= 1U);
        RC_ASSERT(world.deletes == 0 ||
                  2 * world.least_left >= static_cast<std::size_t>(siblings + 1));
    }
    RC_ASSERT(siblings > 0 || world.zone.contains("i-1"));
}

RC_GTEST_PROP(AgentStep, spares_the_api_whatever_fails, ()) {
    World world{random_settings()};
    world.rng = Rng{*rc::gen::arbitrary<std::uint64_t>()};
    world.feed(Started{});
    const BootTime start = world.now;
    const bool flaky = *rc::gen::arbitrary<bool>();
    while (world.now < start + 24h) {
        if (world.checks_readiness) {
            world.checks_readiness = false;
            world.feed(ReadinessChecked{.passed = true, .detail = {}});
        }
        if (std::exchange(world.measures_load, false)) {
            world.feed(Measured{.load = {.utilisation = *rc::gen::element(0.0, 0.3, 2.0)}});
        }
        world.answer_probe(flaky
                               ? *rc::gen::element(health::Outcome::passed, health::Outcome::failed)
                               : health::Outcome::passed);
        const Fate fate = flaky ? *rc::gen::weightedElement<Fate>({{2, Fate::done},
                                                                   {2, Fate::answer_lost},
                                                                   {1, Fate::never_arrives},
                                                                   {1, Fate::lands_late},
                                                                   {2, Fate::refused_retryably}})
                                : Fate::refused_retryably;
        if (!world.answer_one(fate)) {
            RC_ASSERT(world.advance_to_wake() || !world.probes.empty());
        }
        if (flaky && *rc::gen::inRange(0, 10) == 0) {
            world.zone.erase("i-1");
        }
    }
    std::size_t begin = 0;
    for (std::size_t end = 0; end < world.log.size(); ++end) {
        while (world.log[begin].first + 1h < world.log[end].first) {
            ++begin;
        }
        RC_ASSERT(end - begin < 400U);
    }
}

RC_GTEST_PROP(AgentStep, a_one_shot_join_and_leave_always_end_by_their_deadline, ()) {
    Settings settings = random_settings();
    settings.goal = *rc::gen::element(Goal::join, Goal::leave);
    settings.check_readiness = false;
    settings.last = *rc::gen::element(LastMember::refuse, LastMember::remove);
    settings.dry_run = *rc::gen::arbitrary<bool>();
    Story story{settings};
    const BootTime start = story.world.now;
    for (int i = 0; i < 5000 && !story.world.finished; ++i) {
        if (!story.world.answer_one(*rc::gen::element(Fate::done, Fate::answer_lost,
                                                      Fate::never_arrives, Fate::lands_late,
                                                      Fate::refused_retryably))) {
            story.world.advance_to_wake();
        }
        check_not_stuck(story.world);
    }
    RC_ASSERT(story.world.finished.has_value());
    // An operator's command gets its seconds after the deadline too.
    const auto last_word = story.world.state.settings.has_drain_commands ? 10s : 0s;
    RC_ASSERT(story.world.now <= start + 301s + last_word);
}

}  // namespace
}  // namespace rota::agent::testing
