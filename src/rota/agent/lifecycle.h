#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rota/agent/absence.h"
#include "rota/agent/api_share.h"
#include "rota/agent/drain.h"
#include "rota/agent/drain_commands.h"
#include "rota/agent/fleet.h"
#include "rota/agent/hooks.h"
#include "rota/agent/weighing.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/rng.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/judge.h"
#include "rota/health/observation.h"
#include "rota/instance/connections.h"
#include "rota/instance/notices.h"
#include "rota/model/record_set.h"
#include "rota/route53/rota_client.h"

// The life of an instance's membership, decided without a clock, a socket or a thread. One state
// machine a rota (a member), run side by side, and what combines them:
//
//   waiting → resolving → reading → writing → joining → in service ⇄ watching
//      │ an absence, from anywhere                          ▲ it has passed, from anywhere
//      ├→ leave_resolving → leave_reading → deleting → withdrawing
//      │    → (rechecking) → proving → draining → (verifying) → (emptying) → out
//      │ a leave, from anywhere, one way
//      └→ the same, and at the end gone
//
// The runtime feeds events in and carries the actions out; the one-shot `rota join` and `rota
// leave` are the same machine with another goal. Every member that is neither waiting for readiness
// nor out nor at its end has exactly one call outstanding or one moment at which it wakes: it
// cannot get stuck.
namespace rota::agent {

/// What this process is to reach.
enum class Goal : std::uint8_t {
    stay,   ///< join, stay, leave when told
    join,   ///< join and end
    leave,  ///< leave and end
};

enum class LastMember : std::uint8_t { remove, refuse };

/// What becomes of a member whose checks fail.
enum class Unhealthy : std::uint8_t { remove, weight_zero };

/// How a member leaves that has time.
enum class DrainMode : std::uint8_t {
    delete_record,  ///< at once
    weight_zero,    ///< a TTL at weight 0 first, where somebody else has a weight
};

/// Frozen at start.
struct Settings {
    Goal goal = Goal::stay;
    LastMember last = LastMember::remove;
    Unhealthy unhealthy = Unhealthy::remove;
    DrainMode drain_mode = DrainMode::delete_record;
    bool has_drain_commands = false;  ///< somebody wants to be told of a drain
    bool check_readiness = false;
    std::chrono::seconds margin{15};
    std::chrono::seconds client_floor{0};  ///< how long clients keep an address whatever its TTL
    std::chrono::seconds deadline{300};    ///< of a leave, and of a one-shot join
    std::chrono::seconds watch_interval{300};
    std::chrono::seconds readiness_interval{5};
    std::vector<health::Check> checks;  ///< asked all the time; none: always healthy
    /// The service's ports, whose connections a drain waits for; none: it does not.
    std::vector<std::uint16_t> ports;
    std::chrono::seconds lease{0};    ///< renewed in thirds of it at `rota serve`; zero: none
    std::optional<LoadWeights> load;  ///< moves the weights; nothing: they stay as configured
    bool watch_notices = false;       ///< ask the metadata service for notices of the end
    std::chrono::seconds notices_interval{instance::kNoticeInterval};
    std::optional<std::chrono::seconds>
        notice;                           ///< the shortest lead time to plan for: 120 s, spot
    bool follow_hooks = false;            ///< end the waits of Auto Scaling's lifecycle hooks
    std::vector<std::string> hook_names;  ///< which; empty: see choose_hook()
    bool watch_members = false;  ///< each look at the own record set is one at the whole rota
    bool read_first = true;      ///< off: join writes without looking, one request
    bool await_insync = true;    ///< off: a one-shot join ends when its change is accepted
    bool dry_run = false;
    std::string api;        ///< its URL, for messages
    std::string signature;  ///< "rota 0.1.0 on HOST": ends the comment of every batch
    /// How long a removal takes whose INSYNC cannot be observed.
    /// @source Route 53 API Reference, GetChange: "generally within 60 seconds".
    std::chrono::seconds assumed_propagation{60};
    std::chrono::seconds usual_propagation{0};  ///< what a plan counts with: 60 s at Route 53
};

/// One rota that the instance is to be a member of.
struct Membership {
    dns::Name name;
    dns::Type type = dns::Type::a;
    std::uint8_t weight = 10;
    std::chrono::seconds ttl{60};
    // For people, while nobody has been asked yet; empty where the configuration does not say.
    std::string zone;  ///< id or name
    std::string set_identifier;
    std::string address;  ///< a literal one
};

/// What the metadata service and the API said about a membership.
struct Target {
    std::string zone_id;
    std::string set_identifier;
    std::string value;  ///< the address; empty when only a leave was asked for
};

enum class Phase : std::uint8_t {
    waiting,    ///< for readiness
    resolving,  ///< identity, address, zone
    reading,    ///< the group, before a write
    writing,    ///< the UPSERT
    joining,    ///< its change is PENDING
    in_service,
    blocked,  ///< joining failed in a way that somebody must repair; tried again slowly
    leave_resolving,
    leave_reading,
    cleared,    ///< may be deleted; waits until its siblings are not refused
    fading,     ///< weight 0 is written, or in force for its time
    restoring,  ///< the weight, before a refusal
    deleting,   ///< the DELETE
    withdrawing,
    draining,
    verifying,   ///< the record set may have been written meanwhile: one last look
    rechecking,  ///< whether everybody left at the same moment
    emptying,    ///< no cache holds the address, but clients are still connected
    proving,     ///< asking the server when the address was last given out
    out,         ///< until the absence has passed
    // The ends:
    gone,
    refused,  ///< the last member
    failed,
    expired,    ///< the deadline passed
    rehearsed,  ///< a dry run has come to what it would write or delete
};

/// "in_service", as in JSON.
std::string_view to_string(Phase phase) noexcept;

/// Why a call failed, as far as the decisions tell failures apart.
enum class FailureKind : std::uint8_t {
    other,
    no_answer,     ///< the request may have been carried out
    not_matching,  ///< the record set to delete is not (any more) as it was read
    too_many_members,
    too_few_members,  ///< the server keeps the members that the batch asked it to keep
    other_policy,     ///< a simple record set, a CNAME or another policy holds the name
    no_such_change,
};

struct Failure {
    FailureKind kind = FailureKind::other;
    Error error;
};

using CallId = std::uint64_t;

// What the edges are asked to do, one call a member at a time.
struct ResolveTarget {
    bool with_address = true;
};

struct ReadGroup {};  ///< every record set of the rota's name and type

struct ReadOwn {};  ///< one item, by set identifier

struct Upsert {
    model::RecordSet record_set;
    std::string comment;
    /// What must remain in the rota with a weight, where this one takes it; as of Delete.
    std::size_t keep_members = 0;
};

struct Delete {
    model::RecordSet record_set;
    std::string comment;
    /// What must remain in the rota; zero: nothing. `rota serve` holds it, Route 53 knows nothing
    /// like it.
    std::size_t keep_members = 0;
};

struct GetChange {
    std::string change_id;
};

/// When the address was last given out; a server that does not know says so.
struct AskAge {
    std::chrono::seconds margin{0};  ///< on top of the TTL
};

using Request = std::variant<ResolveTarget, ReadGroup, ReadOwn, Upsert, Delete, GetChange, AskAge>;

struct Call {
    std::size_t member = 0;
    CallId id = 0;
    Request request;
};

struct CheckReadiness {};

/// Ask once for settings.checks[check]; the answer is Probed.
struct Probe {
    std::size_t check = 0;
};

/// Ask the metadata service; the answer is Noticed.
struct AskNotices {};

/// Count the connections on settings.ports; the answer is Counted.
struct CountConnections {};

/// Renew the member's lease; the answer is Beaten.
struct Beat {
    std::size_t member = 0;
    Target target;
    std::optional<route53::LoadReport> load;  ///< what the fleet is told
};

/// Something that people should know; the runtime adds the rota's name.
struct Say {
    log::Level level = log::Level::info;
    std::optional<std::size_t> member;
    std::string text;
};

struct AllInService {};  ///< once: READY=1; where an absence rules from the start, out is as good

struct Finish {
    int exit_status = 0;
};

using Action = std::variant<Call, CheckReadiness, Probe, AskNotices, CountConnections, MeasureLoad,
                            FindHooks, CallHook, RunDrainCommand, Beat, Say, AllInService, Finish>;

// What happened.
struct Started {};

struct Woke {};  ///< next_wake() has come, or anything like it

struct ReadinessChecked {
    bool passed = false;
    std::string detail;
};

struct Probed {
    std::size_t check = 0;
    health::Observation observation;
};

struct Counted {
    std::optional<instance::Connections> connections;  ///< nothing: they cannot be counted
    std::string problem;                               ///< why
};

struct Beaten {
    std::size_t member = 0;
    std::string problem;  ///< why the lease was not renewed; empty: it was
    /// The endpoint answers as one that knows no leases; without a problem it is sure of that.
    bool is_unsupported = false;
    std::optional<FleetReport> fleet;  ///< what the fleet tells
};

/// What the service manager gives a stop of this agent; nothing: it has no limit.
struct StopTimeoutRead {
    std::optional<std::chrono::seconds> timeout;
};

struct Noticed {
    std::optional<instance::Notices> notices;  ///< nothing: they could not be read
    std::string problem;                       ///< why
    WallTime now;                              ///< when they were read
    std::optional<bool> is_spot;               ///< the instance; nothing: not asked this time
};

struct Accepted {
    std::string change_id;
    bool is_insync = false;
};

struct ChangeSeen {
    bool is_insync = false;
};

struct OwnRecord {
    std::optional<model::RecordSet> record_set;  ///< nothing: it is not there
    bool is_foreign = false;  ///< the name now holds a record set without a weight
};

/// What proves how long caches may still hold the address.
struct AgeSeen {
    std::optional<std::chrono::milliseconds> left;   ///< nothing: it proves nothing
    std::optional<std::chrono::milliseconds> since;  ///< the last answer; nothing: there was none
};

using Group = std::vector<model::RecordSet>;
using Answer = std::variant<Target, Group, OwnRecord, Accepted, ChangeSeen, AgeSeen, Failure>;

struct Answered {
    std::size_t member = 0;
    CallId call = 0;
    Answer answer;
};

struct LeaveRequested {
    std::string reason;  ///< "SIGTERM", "rota leave by uid 0"
};

/// The instance is to be out, or for another cause than before.
struct WentAbsent {
    Absence absence;
};

/// That reason has passed.
struct CameBack {
    Reason reason = Reason::unhealthy;
};

using Event = std::variant<Started, Woke, ReadinessChecked, Probed, Noticed, HooksFound, HookCalled,
                           StopTimeoutRead, DrainCommandEnded, Beaten, Counted, Measured, Answered,
                           LeaveRequested, WentAbsent, CameBack>;

/// One check of the settings, and what has come of it.
struct Examination {
    health::Judge judge;
    bool is_out = false;           ///< a probe is
    BootTime asked_at;             ///< the last time
    std::optional<BootTime> wake;  ///< of the next probe
    health::Observation last;
    health::AgentCheckState words;  ///< of an agent-check
};

/// The connections of clients, while a member goes out.
struct Clients {
    bool is_out = false;  ///< a count is
    bool is_uncountable = false;
    std::optional<BootTime> wake;
    std::optional<std::size_t> before;  ///< when the going out began
    std::optional<BootTime> few_since;  ///< under a hundredth of `before` since then
    bool is_traffic_known = false;
    ClientTraffic traffic;
    instance::Connections last;
};

/// A member's lease.
struct Heart {
    bool is_out = false;          ///< a heartbeat is
    bool has_worked = false;      ///< one has
    bool is_unsupported = false;  ///< for good: Amazon's API
    bool is_doubted = false;      ///< the API seems to know no leases, and that was said
    unsigned failures = 0;        ///< in a row
    std::optional<BootTime> wake;
};

struct Member {
    Membership membership;
    Heart heart;
    Scale scale;
    Phase phase = Phase::waiting;
    std::optional<CallId> call;    ///< outstanding
    std::optional<BootTime> wake;  ///< when to act next
    BootTime called_at;            ///< when the last call was made
    Request request;               ///< the call that is outstanding, or made at `wake`
    unsigned failures = 0;         ///< in a row, of the present call
    unsigned disputes = 0;         ///< in a row, times that somebody else changed the record
    unsigned polls = 0;            ///< of the present change
    std::optional<Target> target;
    std::optional<model::RecordSet> stored;  ///< as last read, or written and accepted
    std::string change_id;
    TtlHistory ttls;
    MembersSeen members_seen;
    std::vector<std::string> siblings;  ///< their set identifiers, as last seen, in order
    BootTime resolved_at;               ///< when its address was last looked up
    Request look;                       ///< of the API, once the address is known
    std::string moved_from;             ///< the address that the instance had, until it is written
    std::string held;  ///< why it stays in whatever the absence; empty: it does not
    bool rechecked = false;
    bool has_faded = false;  ///< in this leave: was at weight 0, or had no time for it
    std::optional<std::uint8_t> faded_from;  ///< the weight before
    bool was_in_service = false;
    /// The record set may be there though it was not when last looked at: an UPSERT whose answer
    /// was lost, or somebody who put it back while it was out.
    bool may_be_written = false;
    std::optional<BootTime> lost_at;  ///< when an UPSERT's answer was given up, last
    /// When a DELETE's answer was given up, last; nothing: none that may still land.
    std::optional<BootTime> delete_lost_at;
    bool wrote_nothing = false;      ///< the identical record set was there
    std::optional<BootTime> insync;  ///< of the removal
    std::optional<BootTime> floor;
    std::optional<Error> last_error;
    std::string note;  ///< how it ended, in a sentence
};

struct State {
    Settings settings;
    std::vector<Member> members;
    bool is_ready = false;
    bool is_checking_readiness = false;
    bool is_hook_called = false;  ///< a call to Auto Scaling is out, whatever the wait
    std::optional<bool> is_spot;  ///< the instance; nothing: not asked yet
    std::optional<BootTime> readiness_wake;
    std::string readiness_detail;
    std::vector<Examination> examinations;  ///< one a check of the settings
    instance::Notices notices;              ///< as last read
    Clients clients;
    Load load;
    ApiShare api_share;  ///< of the fleet's part of the API
    DrainCommands drain_commands;
    std::string lifecycle_word;  ///< the target state that hook_wait follows from
    std::optional<HookWait> hook_wait;
    std::optional<BootTime> last_word_by;  ///< the end does not wait longer for the others
    // Clocks of the surroundings, for the plan.
    std::optional<std::chrono::seconds> heartbeat_timeout;
    std::optional<std::chrono::seconds> global_timeout;
    std::optional<std::chrono::seconds> stop_timeout;
    std::optional<BootTime> notices_wake;
    unsigned notices_failures = 0;  ///< in a row
    std::vector<Absence> absences;  ///< at most one a reason
    bool is_leaving = false;
    std::string leave_reason;
    std::optional<BootTime> deadline;
    bool announced = false;
    std::optional<int> exit_status;  ///< set with Finish; nothing happens after it
    CallId last_call = 0;
};

/// The state before the event Started.
State initial_state(Settings settings, std::vector<Membership> memberships);

/// Takes one event in. The outcome depends on the arguments alone. Answers to calls that are not
/// outstanding are ignored; so is everything after Finish.
/// @returns what to do, in order.
std::vector<Action> step(State& state, const Event& event, BootTime now, Rng& rng);

/// The moment at which the state wants the event Woke; nothing when it waits for answers alone.
std::optional<BootTime> next_wake(const State& state);

/// Healthy where there are no checks.
health::Verdict health_of(const State& state);

/// True for gone, refused, failed, expired and rehearsed.
bool is_end(Phase phase) noexcept;

/// One member's state in words, for progress and status: "draining, safe in 42 s".
std::string describe(const State& state, const Member& member, BootTime now);

}  // namespace rota::agent
