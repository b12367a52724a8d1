#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/lab/audience.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/group_process.h"
#include "rota/lab/instance.h"
#include "rota/lab/record.h"
#include "rota/lab/scaling.h"
#include "rota/lab/stage.h"
#include "rota/lab/statistics.h"
#include "rota/lab/sweep_process.h"
#include "rota/lab/watch.h"

namespace rota::lab {

/// Runs the play on a stage: the auto-scaling group, the load, the clients, the kill; and keeps the
/// record of it.
class Director {
public:
    Director(EventLoop& loop, const Stage& stage, const RunSettings& settings);
    Director(const Director&) = delete;
    Director& operator=(const Director&) = delete;
    Director(Director&&) = delete;
    Director& operator=(Director&&) = delete;
    ~Director();

    /// Starts the clients and the first instances; the rest follows as the loop runs. The loop is
    /// stopped when the play is over.
    Status start();

    /// Ends at once: a part failed, `text` says which and why.
    void broke(std::string text);

    /// Ends at once, as on Ctrl-C.
    void interrupt();

    /// Called after each step, four times a second.
    void on_step(std::function<void()> call) { after_step_ = std::move(call); }

    [[nodiscard]] const RunRecord& record() const noexcept { return record_; }

    /// What broke, with the end of its log; empty when nothing did.
    [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

    [[nodiscard]] bool was_interrupted() const noexcept { return was_interrupted_; }

private:
    enum class Phase : std::uint8_t { starting, running, draining, ending };

    struct Requests {
        BootTime at;
        std::map<unsigned, std::uint64_t> by_member;
    };

    void step(BootTime now);
    void advance(BootTime now);
    void begin(BootTime now);
    void note_listing();
    void measure_work(BootTime now);
    void scale_group(BootTime now);
    void launch_one();
    void end_one();
    void on_lifecycle_change(std::string_view id, std::string_view state);
    void strike();
    void take_report(const ClientsReport& report);
    void note_failures(const ClientsReport& report);
    void end_of_clients(const Ended& ended);
    void update_record(BootTime now);
    void update_traffic(Member& member) const;
    void update_recent(BootTime now);
    void take_sample(BootTime now);
    void happened(std::string text, bool is_bad = false);
    void finish();
    [[nodiscard]] Elapsed elapsed(BootTime now) const;
    [[nodiscard]] unsigned count(std::initializer_list<MemberState> states) const;
    [[nodiscard]] std::string next_address();

    EventLoop& loop_;
    const Stage& stage_;
    RunSettings settings_;
    Rng rng_;
    RotaWatch watch_;
    Audience audience_;
    SweepProcess sweep_;
    GroupProcess group_;
    std::vector<std::unique_ptr<Instance>> instances_;
    std::map<unsigned, AddressReport> before_launch_;  // what an address had counted for others
    ScalingPolicy policy_;
    ScalingState scaling_;
    ExpectedShares expected_;
    ClientsReport latest_;
    std::deque<Requests> history_;
    std::deque<std::pair<BootTime, double>> work_;
    std::map<unsigned, std::uint64_t> failed_at_kill_;
    RunRecord record_;
    Phase phase_ = Phase::starting;
    BootTime created_;
    std::optional<BootTime> began_;
    BootTime listing_seen_;
    BootTime sampled_at_;
    std::map<unsigned, std::uint64_t> sampled_requests_;
    std::uint64_t sampled_failed_ = 0;
    std::uint64_t sampled_reconnects_ = 0;
    std::uint64_t spent_requests_ = 0;
    unsigned steps_ = 0;
    unsigned next_host_ = 11;
    bool has_struck_ = false;
    bool was_interrupted_ = false;
    std::vector<std::string> problems_;
    std::function<void()> after_step_;
};

}  // namespace rota::lab
