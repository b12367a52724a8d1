#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/dns/name.h"
#include "rota/health/observation.h"
#include "rota/model/record_set.h"

// A Route 53 of one rota for agent::step: it carries the calls out in virtual time, with the faults
// that a test asks for. One instance per test; nothing here sleeps.
namespace rota::agent::testing {

using namespace std::chrono_literals;

inline model::RecordSet weighted(const std::string& id, const std::string& address,
                                 std::uint8_t weight = 10, std::uint32_t ttl = 60) {
    return {.name = dns::Name::parse("www.example.com").value(),
            .type = dns::Type::a,
            .set_identifier = id,
            .routing = model::WeightedRouting{weight},
            .ttl = ttl,
            .values = {address}};
}

inline Membership www(std::uint8_t weight = 10, std::chrono::seconds ttl = 60s) {
    return {.name = dns::Name::parse("www.example.com").value(),
            .type = dns::Type::a,
            .weight = weight,
            .ttl = ttl,
            .address = "192.0.2.1"};
}

/// Its address is the metadata service's, which is asked again and again.
inline Membership moving(std::uint8_t weight = 10) {
    Membership membership = www(weight);
    membership.address.clear();
    return membership;
}

class World {
public:
    explicit World(Settings settings, std::vector<Membership> memberships = {www()})
        : state{initial_state(std::move(settings), std::move(memberships))} {}

    /// How long after its time-out a write may land.
    static constexpr std::chrono::seconds kLate{10};

    /// What one call meets.
    enum class Fate { done, refused_retryably, never_arrives, answer_lost, lands_late };

    void feed(const Event& event) {
        for (Action& action : step(state, event, now, rng)) {
            take(std::move(action));
        }
    }

    /// Carries out the oldest outstanding call.
    /// @returns false when there is none.
    bool answer_one(Fate fate = Fate::done) {
        if (calls.empty()) {
            return false;
        }
        land();
        const Call call = calls.front();
        calls.pop_front();
        feed(Answered{.member = call.member, .call = call.id, .answer = carry_out(call, fate)});
        return true;
    }

    /// Answers the oldest outstanding probe. @returns false when there is none.
    bool answer_probe(health::Outcome outcome, std::string detail = "x") {
        if (probes.empty()) {
            return false;
        }
        const std::size_t check = probes.front();
        probes.pop_front();
        feed(Probed{check, {.outcome = outcome, .detail = std::move(detail)}});
        return true;
    }

    void answer_all() {
        while (answer_one()) {
        }
    }

    void advance(BootTime::duration by) {
        now += by;
        land();
        feed(Woke{});
    }

    /// Goes to the next moment that the state asked for. @returns false when there is none.
    bool advance_to_wake() {
        const auto wake = next_wake(state);
        if (!wake) {
            return false;
        }
        now = std::max(now, *wake);
        land();
        feed(Woke{});
        return true;
    }

    /// Answers and wakes until the phase is reached or a generous number of steps has gone.
    bool run_until(Phase phase, std::size_t member = 0) {
        for (int i = 0; i < 200; ++i) {
            if (state.members[member].phase == phase) {
                return true;
            }
            if (state.exit_status || (!answer_one() && !advance_to_wake())) {
                break;
            }
        }
        return state.members[member].phase == phase;
    }

    void run_to_the_end() {
        for (int i = 0; i < 1000 && !state.exit_status; ++i) {
            if (!answer_one() && !advance_to_wake()) {
                break;
            }
        }
    }

    [[nodiscard]] Phase phase(std::size_t member = 0) const { return state.members[member].phase; }

    [[nodiscard]] bool said(std::string_view text) const {
        return std::ranges::any_of(sayings, [text](const std::string& saying) {
            return saying.find(text) != std::string::npos;
        });
    }

    Rng rng{42};
    BootTime now{std::chrono::hours{24}};
    State state;
    std::map<std::string, model::RecordSet> zone;  ///< by set identifier
    std::deque<Call> calls;
    std::vector<std::string> sayings;
    std::deque<std::pair<BootTime, Request>> late;  ///< writes that land after their time-out
    std::vector<std::pair<BootTime, Request>> log;  ///< every call made
    bool is_insync = true;                          ///< what GetChange says
    std::optional<Failure> fault;                   ///< the answer to every call while it is set
    bool tells_age = false;                         ///< as `rota serve`, unlike Route 53
    std::optional<BootTime> last_answered;          ///< with our address
    bool keeps_members = true;                      ///< as `rota serve`, unlike Route 53
    bool checks_readiness = false;
    bool asks_notices = false;
    bool counts_connections = false;
    bool finds_hooks = false;
    std::vector<RunDrainCommand> drain_commands;  ///< all that were run; the last may be out
    std::optional<CallHook> hook_call;            ///< outstanding
    std::optional<Phase> completed_in;  ///< where the member was when it was last completed
    bool measures_load = false;
    std::deque<std::size_t> beats;  ///< outstanding
    std::optional<Beat> last_beat;
    std::deque<std::size_t> probes;  ///< outstanding
    bool announced = false;
    std::optional<int> finished;
    std::string set_identifier = "i-1";
    std::string address = "192.0.2.1";
    std::optional<BootTime> last_upsert_sent;
    std::optional<BootTime> last_delete_done;        ///< when the zone really lost the record
    std::optional<BootTime> answered_before_delete;  ///< last_answered, at that moment
    std::chrono::seconds deleted_ttl{0};
    std::size_t deletes = 0;
    std::size_t least_left = 1000;  ///< members after a DELETE

private:
    void take(Action action) {
        if (auto* call = std::get_if<Call>(&action)) {
            log.emplace_back(now, call->request);
            calls.push_back(std::move(*call));
        } else if (auto* say = std::get_if<Say>(&action)) {
            sayings.push_back(say->text);
        } else if (const auto* probe = std::get_if<Probe>(&action)) {
            probes.push_back(probe->check);
        } else if (const auto* beat = std::get_if<Beat>(&action)) {
            beats.push_back(beat->member);
            last_beat = *beat;
        } else if (std::holds_alternative<CountConnections>(action)) {
            counts_connections = true;
        } else if (std::holds_alternative<MeasureLoad>(action)) {
            measures_load = true;
        } else if (auto* command = std::get_if<RunDrainCommand>(&action)) {
            drain_commands.push_back(std::move(*command));
        } else if (std::holds_alternative<FindHooks>(action)) {
            finds_hooks = true;
        } else if (auto* hook = std::get_if<CallHook>(&action)) {
            hook_call = std::move(*hook);
            if (hook_call->kind == CallHook::Kind::complete) {
                completed_in = phase();
            }
        } else if (std::holds_alternative<AskNotices>(action)) {
            asks_notices = true;
        } else if (std::holds_alternative<CheckReadiness>(action)) {
            checks_readiness = true;
        } else if (std::holds_alternative<AllInService>(action)) {
            announced = true;
        } else {
            finished = std::get<Finish>(action).exit_status;
        }
    }

    /// Each at its own moment, whenever the state wakes; somebody asks just before a late DELETE.
    void land() {
        const BootTime woken = now;
        while (!late.empty() && late.front().first <= woken) {
            const auto [due, request] = std::move(late.front());
            late.pop_front();
            now = due;
            if (std::holds_alternative<Delete>(request) && zone.contains(set_identifier)) {
                last_answered = now;
            }
            serve(request);
        }
        now = woken;
    }

    Answer carry_out(const Call& call, Fate fate) {
        if (fault) {
            return *fault;
        }
        if (fate == Fate::refused_retryably) {
            return Failure{.error = {ErrorKind::unavailable, "Throttling: Rate exceeded", true}};
        }
        const Failure lost{.kind = FailureKind::no_answer,
                           .error = {ErrorKind::timeout, "no answer", true}};
        const bool is_write = std::holds_alternative<Upsert>(call.request) ||
                              std::holds_alternative<Delete>(call.request);
        if (fate == Fate::lands_late && is_write) {
            late.emplace_back(now + kLate, call.request);
            return lost;
        }
        if (fate == Fate::never_arrives || fate == Fate::lands_late) {
            return lost;
        }
        Answer answer = serve(call.request);
        return fate == Fate::answer_lost ? Answer{lost} : answer;
    }

    Answer serve(const Request& request) {
        if (const auto* upsert = std::get_if<Upsert>(&request)) {
            const auto others = std::ranges::count_if(zone, [upsert](const auto& entry) {
                return entry.first != upsert->record_set.set_identifier &&
                       std::get<model::WeightedRouting>(entry.second.routing).weight > 0;
            });
            if (keeps_members && upsert->keep_members > static_cast<std::size_t>(others)) {
                return Failure{.kind = FailureKind::too_few_members,
                               .error = {ErrorKind::conflict, "PreconditionFailed", false}};
            }
            zone[upsert->record_set.set_identifier] = upsert->record_set;
            last_upsert_sent = now;
            return Accepted{.change_id = "C1", .is_insync = false};
        }
        if (const auto* removal = std::get_if<Delete>(&request)) {
            const auto found = zone.find(removal->record_set.set_identifier);
            if (found == zone.end() || found->second != removal->record_set) {
                return Failure{.kind = FailureKind::not_matching,
                               .error = {ErrorKind::conflict, "InvalidChangeBatch", false}};
            }
            if (keeps_members && zone.size() <= removal->keep_members) {
                return Failure{.kind = FailureKind::too_few_members,
                               .error = {ErrorKind::conflict, "PreconditionFailed", false}};
            }
            deleted_ttl = std::chrono::seconds{found->second.ttl};
            zone.erase(found);
            ++deletes;
            least_left = std::min(least_left, zone.size());
            last_delete_done = now;
            answered_before_delete = last_answered;
            return Accepted{.change_id = "C2", .is_insync = false};
        }
        if (std::holds_alternative<ResolveTarget>(request)) {
            return Target{.zone_id = "Z1", .set_identifier = set_identifier, .value = address};
        }
        if (std::holds_alternative<ReadGroup>(request)) {
            Group group;
            for (const auto& [id, record_set] : zone) {
                group.push_back(record_set);
            }
            return group;
        }
        if (std::holds_alternative<ReadOwn>(request)) {
            const auto found = zone.find(set_identifier);
            return OwnRecord{.record_set =
                                 found == zone.end() ? std::nullopt : std::optional{found->second}};
        }
        if (const auto* ask = std::get_if<AskAge>(&request)) {
            return age_of(*ask);
        }
        return ChangeSeen{.is_insync = is_insync};
    }

    /// What `rota serve` proves: nothing while the removal is not INSYNC or the record set there.
    AgeSeen age_of(const AskAge& ask) const {
        if (!tells_age || !is_insync || zone.contains(set_identifier)) {
            return {};
        }
        if (!last_answered) {
            return {.left = 0ms};
        }
        const auto since = std::chrono::floor<std::chrono::milliseconds>(now - *last_answered);
        return {.left = std::max<std::chrono::milliseconds>(0ms, deleted_ttl + ask.margin - since),
                .since = since};
    }
};

}  // namespace rota::agent::testing
