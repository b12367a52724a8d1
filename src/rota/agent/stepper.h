#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/agent/weighing.h"
#include "rota/agent/weight.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/rng.h"
#include "rota/instance/connections.h"
#include "rota/model/record_set.h"
#include "rota/route53/rota_client.h"

namespace rota::agent {

/// One step's working place: the state, the moment, and the actions that come out. Internal to
/// lifecycle; joining.cpp and leaving.cpp hold the two halves of a member's life.
class Stepper {
public:
    Stepper(State& state, BootTime now, Rng& rng) : state_{state}, now_{now}, rng_{rng} {}

    std::vector<Action> run(const Event& event);

private:
    // lifecycle.cpp: what combines the members.
    void on(const Started& event);
    void on(const Woke& event);
    void on(const ReadinessChecked& event);
    void on(const Probed& event);
    void on(const Noticed& event);
    void learn_kind(const Noticed& event);
    void on(const Beaten& event);
    void on(const Counted& event);
    void on(const Measured& event);
    void on(const StopTimeoutRead& event);
    void on(const DrainCommandEnded& event);
    void on(const Answered& event);
    /// A write whose answer does not come may land at any time.
    void note_lost_answer(Member& member);
    void on(const LeaveRequested& event);
    void on(const WentAbsent& event);
    void on(const CameBack& event);
    void act_where_due();
    void wake(Member& member);
    void expire_at_deadline();
    /// In service, or as far as a join goes that does not wait.
    [[nodiscard]] bool has_joined(const Member& member) const;
    void hurry_out(Member& member);
    void announce();
    void finish_at_the_end();
    bool waits_for_last_word();

    // examining.cpp: the checks, one by one and together.
    void begin_examinations();
    void end_examinations();
    void probe_where_due();
    void heed_words();
    void heed_verdict();
    void set_absence(std::optional<Absence> wanted, Reason reason);

    // foreseen.cpp: the ends that the metadata service tells of.
    void ask_notices_where_due();

    // hooks.cpp: the waits of Auto Scaling's lifecycle hooks.
    void on(const HooksFound& event);
    void on(const HookCalled& event);
    void follow_lifecycle();
    void call_hook_where_due();
    bool may_complete(HookWait& wait);
    bool look_again(HookWait& wait);
    void on_hook_failure(HookWait& wait, const Error& problem);
    void learn_hook_clocks(const std::vector<Hook>& hooks);
    [[nodiscard]] bool owes_hook() const;
    void hook_says(const HookWait& wait, log::Level level, std::string text);

    // drain_commands.cpp: what the operator wants to be told of a drain.
    void command_where_due();

    // emptying.cpp: the clients that are still connected.
    void count_where_due();
    void empty(Member& member);
    void look_at_clients(Member& member);
    [[nodiscard]] std::chrono::nanoseconds traffic_window() const;

    // lease.cpp: the heartbeats of a member whose record set is there.
    void beat_where_due();
    void beat_where_due(Member& member);
    void expect_no_lease(Member& member, const std::string& problem);

    // weighing.cpp: the load, and the weights that follow it.
    [[nodiscard]] bool weighs() const;
    /// @pre weighs()
    [[nodiscard]] const LoadWeights& load_weights() const;
    [[nodiscard]] WeightSettings law_of(const Member& member) const;
    void count_call(const Member& member);
    void measure_where_due();
    void tell_load_problems(const Measured& event);
    void weigh(Member& member);
    [[nodiscard]] WeightInput weighing_input() const;
    void heed_recommendation(const std::optional<WallTime>& before, WallTime now);
    [[nodiscard]] std::optional<route53::LoadReport> report_of(const Member& member) const;
    void weigh_siblings(Member& member, const Group& group);
    void publish_where_due();
    [[nodiscard]] bool wants_publishing(const Member& member) const;
    /// @returns whether a write is out now.
    bool publish(Member& member);
    void write_weight(Member& member, std::uint8_t weight, std::size_t keep_members = 0);
    void on_published(Member& member, std::uint8_t before);
    void on_publish_failure(Member& member, const Failure& failure);
    std::uint8_t weight_to_join_with(Member& member);
    /// Whether a record set of our own that is there already may stay as it is.
    [[nodiscard]] bool keeps_weight(const Member& member, std::uint8_t weight) const;
    void begin_weighing(Member& member);
    void adopt_weight(Member& member, std::uint8_t seen);

    // zeroing.cpp: weight 0 for a sick member that stays.
    [[nodiscard]] bool is_sick_in_place(const Member& member) const;
    [[nodiscard]] std::optional<std::uint8_t> urgent_weight(const Member& member) const;
    bool plan_urgent_weight(Member& member);
    /// How many members would be answered with, this one included.
    [[nodiscard]] std::size_t carriers(const Member& member, const Group& group) const;
    bool publish_urgent(Member& member);
    bool on_urgent_published(Member& member, std::uint8_t weight, std::uint8_t before);
    bool adopt_urgent(Member& member, std::uint8_t seen);

    // presence.cpp: whether a member is to be in or out, and the way back.
    void end_absences();
    void reconcile();
    void reconcile(Member& member);
    void come_back(Member& member);
    void see(Member& member, const Group& group);
    void hold(Member& member, std::string why);
    void go_out(Member& member, std::string note, std::string_view text);
    void recheck(Member& member, const Group& group);
    [[nodiscard]] bool wants_out(const Member& member) const;
    /// Ready, and the first verdicts are in.
    [[nodiscard]] bool may_join() const;
    [[nodiscard]] std::size_t least_to_keep(const Member& member) const;

    // joining.cpp
    void begin_join(Member& member);
    void continue_join(Member& member, const Answer& answer);
    void on_target(Member& member, const Target& target);
    void on_group_before_join(Member& member, const Group& group);
    void write(Member& member, std::chrono::seconds ttl);
    void on_write_accepted(Member& member, const Accepted& accepted);
    void enter_service(Member& member, std::string_view how);
    void warn_of_misfits(const Member& member, std::initializer_list<Clock> news = {});
    void watch_later(Member& member);
    /// Reads the record set, or looks up the own address before, where that is due.
    void look(Member& member, Request request);
    void warn_if_unreachable(const Member& member, const Target& target);
    void on_address_watched(Member& member, const Target& target);
    void on_group_watched(Member& member, const Group& group);
    void on_watched(Member& member, const OwnRecord& own);
    void adopt_changes(Member& member, const model::RecordSet& seen);
    void dispute(Member& member, Phase phase, Request request, std::string_view what);
    void on_join_failure(Member& member, const Failure& failure);
    void fail_join(Member& member, const Failure& failure);

    // leaving.cpp
    void begin_leave(Member& member, const Answer* last_answer);
    void continue_leave(Member& member, const Answer& answer);
    void on_group_before_leave(Member& member, const Group& group);
    void on_absent(Member& member);
    void clear_for_delete(Member& member, bool is_last);
    void settle_refusals();
    void refuse(Member& member, log::Level level, std::string why);
    void delete_stored(Member& member);
    void on_delete_accepted(Member& member, const Accepted& accepted);
    void start_drain(Member& member, BootTime insync, std::string_view why);
    /// A lost UPSERT may put the record set back and a lost DELETE take it out again with nobody
    /// looking: by when both have landed and are INSYNC. Nothing: they cannot.
    [[nodiscard]] std::optional<BootTime> seen_until(const Member& member) const;
    void forget_landed_delete(Member& member);
    void prove(Member& member);
    void on_age(Member& member, const AgeSeen& age);
    void drain_until_floor(Member& member);
    void finish_drain(Member& member);
    /// By `rota serve`: too few members would be left.
    void on_refused_delete(Member& member, const Failure& failure);
    void on_leave_failure(Member& member, const Failure& failure);

    // fading.cpp
    [[nodiscard]] bool may_fade(const Member& member) const;
    [[nodiscard]] bool has_time_to_fade(const Member& member) const;
    /// Until the caches have the weight of 0.
    [[nodiscard]] std::chrono::seconds fade_time(const Member& member) const;
    /// Writes weight 0, where that is asked for and does something. @returns whether it has.
    bool begin_fade(Member& member);
    /// Of a rota without a fade, where nothing may be deleted before the others' is over.
    void wait_for_fading(Member& member);
    void on_faded(Member& member);
    void on_fade_failure(Member& member, const Failure& failure);
    /// Of one that is refused after its fade: the refusal follows.
    void restore_weight(Member& member, std::uint8_t weight, std::string why);
    /// For a reason that cannot wait.
    void cut_fade_short(Member& member);

    // Shared by both.
    void call(Member& member, Phase phase, Request request);
    void call_later(Member& member, Phase phase, Request request, BootTime::duration delay);
    /// Looks at the change after 20 ms, then after twice as long each time, up to 5 s and later 10
    /// s.
    void poll(Member& member, Phase phase);
    void retry_later(Member& member, const Failure& failure);
    void end(Member& member, Phase phase, std::string note);
    void say(log::Level level, const Member& member, std::string text);
    [[nodiscard]] std::size_t index_of(const Member& member) const;
    [[nodiscard]] std::string comment(const Member& member, std::string_view verb) const;
    [[nodiscard]] std::chrono::nanoseconds back_off(unsigned failures);
    [[nodiscard]] std::chrono::nanoseconds full_jitter(std::chrono::nanoseconds most);
    [[nodiscard]] std::chrono::nanoseconds jittered(std::chrono::nanoseconds around);

    State& state_;
    BootTime now_;
    Rng& rng_;
    std::vector<Action> actions_;
};

/// What is known from the phases before; asking too early is a bug.
inline const Target& target_of(const Member& member) {
    ROTA_ASSERT(member.target.has_value());
    return *member.target;
}

inline const model::RecordSet& stored_of(const Member& member) {
    ROTA_ASSERT(member.stored.has_value());
    return *member.stored;
}

/// "3 from 192.0.2.7, 1 from 2001:db8::1 and more from 4 others"
std::string describe(const instance::Connections& connections);

/// True while a member is on its way out, or out.
inline bool is_withdrawing(Phase phase) noexcept {
    return phase >= Phase::leave_resolving;
}

/// True while a member is on its way out.
inline bool is_going_out(const Member& member) noexcept {
    return is_withdrawing(member.phase) && member.phase != Phase::out && !is_end(member.phase);
}

/// 0 for one that is not weighted.
std::uint8_t weight_of(const model::RecordSet& record_set);

/// True when the record set is a weighted one with this identifier.
bool is_own(const model::RecordSet& record_set, const std::string& set_identifier) noexcept;

/// Writes whole seconds, rounded up: "42 s".
std::string in_seconds(BootTime::duration duration);

}  // namespace rota::agent
