#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rota/base/clock.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/load_curve.h"

// What happened in a run, as plain values: the view, the summary, the JSON object and the HTML
// report are all made from this.
namespace rota::lab {

/// Seconds since the run began.
using Elapsed = std::chrono::duration<double>;

struct RunSettings {
    std::chrono::seconds duration{60};
    unsigned min_instances = 2;
    unsigned max_instances = 6;
    std::uint64_t seed = 1;
    std::chrono::seconds ttl{5};
    std::chrono::seconds margin{1};
    bool chaos = false;
    double target = 0.5;  ///< utilisation
    unsigned workers = 3;
    std::chrono::milliseconds service_time{50};
    std::chrono::milliseconds keep{3000};
    unsigned resolvers = 120;
    double zipf = 0.7;  ///< exponent of the resolvers' sizes
    unsigned users = 400;
    double concentration = 0;  ///< H of the resolvers' shares
    LoadCurve curve;
    std::string name;  ///< the rota's
};

/// Fills in what follows from the rest of the settings: the load curve, the concentration.
RunSettings completed(RunSettings settings);

/// What these settings will not show well, and what would; empty when there is nothing to say.
std::string caveat(const RunSettings& settings);

/// What the clients counted for one member.
struct Traffic {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t connections = 0;       ///< opened in all
    std::uint64_t open_connections = 0;  ///< now
    std::optional<Elapsed> last_connection = std::nullopt;
    std::optional<Elapsed> last_answer = std::nullopt;
};

enum class MemberState : std::uint8_t {
    booting,      ///< launched; its application does not answer yet
    joining,      ///< its application is ready; the agent joins
    in_service,   ///< in the rota
    withdrawing,  ///< asked to leave, still in the rota
    draining,     ///< out of the rota; caches may still hold the address
    stopping,     ///< the agent is done; the application finishes
    ended,
    dead,  ///< killed without warning; its record dangles until it is swept
};

std::string_view to_string(MemberState state) noexcept;

struct Member {
    std::string id;
    std::string address;
    unsigned number = 0;  ///< in order of launch, from 0
    MemberState state = MemberState::booting;
    Elapsed launched{};
    std::optional<Elapsed> ready = std::nullopt;
    std::optional<Elapsed> joined = std::nullopt;
    std::optional<Elapsed> asked_to_leave = std::nullopt;
    std::optional<Elapsed> withdrawn = std::nullopt;  ///< first seen out of the rota
    std::optional<Elapsed> drained = std::nullopt;    ///< the agent ended
    std::optional<Elapsed> ended = std::nullopt;      ///< the last process ended
    std::optional<Elapsed> killed = std::nullopt;
    std::optional<Elapsed> swept =
        std::nullopt;           ///< first seen out of the rota after it was killed
    bool left_cleanly = false;  ///< the agent said that it is safe to go down
    unsigned weight = 0;
    std::string status;  ///< the agent's own words
    Traffic traffic;
    std::uint64_t failed_because_of_kill = 0;
    double expected_requests = 0;
    double request_variance = 0;  ///< as ExpectedShares::variance
    double recent_requests_a_second = 0;
    double recent_share = 0;
    double current_share = 0;  ///< weight over the sum of weights in the rota now

    /// From the request to leave to the agent's end.
    [[nodiscard]] std::optional<Elapsed> leave_time() const;
};

/// One moment of the run; counts are of the time since the sample before.
struct Sample {
    Elapsed at{};
    double offered = 0;  ///< requests a second that the load curve asks for
    double utilisation = 0;
    unsigned desired = 0;
    unsigned in_service = 0;
    unsigned leaving = 0;
    std::uint64_t failed = 0;
    std::uint64_t reconnects = 0;
    double p99_ms = 0;
    std::map<unsigned, std::uint64_t> requests;  ///< by the members' numbers
};

struct Happening {
    Elapsed at{};
    std::string text;
    bool is_bad = false;
};

struct RunRecord {
    RunSettings settings;
    Elapsed elapsed{};
    std::vector<Member> members;
    std::vector<Sample> samples;
    std::vector<Happening> happenings;
    DnsCounters dns;
    Traffic unplaced;  ///< requests that never got an address
    double p50_ms = 0;
    double p99_ms = 0;
    unsigned desired = 0;
    double utilisation = 0;
    double offered = 0;
    unsigned largest_group = 0;
    unsigned smallest_group = 0;
    std::string phase;  ///< "starting", "running", "waiting for drains", "ending"
};

struct Totals {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::uint64_t failed_because_of_kill = 0;
    std::uint64_t reconnects = 0;
    unsigned joins = 0;
    unsigned leaves = 0;  ///< complete ones
    unsigned in_service = 0;
    unsigned pending = 0;
    unsigned leaving = 0;
};

Totals totals_of(const RunRecord& record);

/// The share of all requests that a member got, and the one it should have got.
struct Shares {
    double observed = 0;
    double expected = 0;
    double deviation = 0;  ///< one standard deviation of the observed share
};

Shares shares_of(const RunRecord& record, const Member& member, const Totals& totals);

/// One JSON object, no newline.
std::string summary_json(const RunRecord& record, const std::string& report_path);

/// A few lines for people.
std::string summary_text(const RunRecord& record);

/// Shortens a run's samples to at most `count` by adding neighbours up.
std::vector<Sample> condensed(const std::vector<Sample>& samples, std::size_t count);

}  // namespace rota::lab
