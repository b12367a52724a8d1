#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/sweeper/counters.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/memory.h"
#include "rota/sweeper/report.h"
#include "rota/sweeper/runtime.h"
#include "rota/sweeper/watch.h"

namespace rota::sweeper {

/// Says the same thing once, and when it has passed.
class Complaints {
public:
    void hear(const std::string& source, const Status& status, Counters& counters,
              std::string_view event = "cannot ask");

private:
    std::map<std::string, std::string, std::less<>> said_;
};

/// The sweep itself, in a thread of its own: it blocks for seconds.
class Sweeper {
public:
    Sweeper(const Options& options, const Access& access, std::unique_ptr<FleetSource> fleet,
            Counters& counters);

    /// Looks, asks and sweeps until it is told to stop.
    void run(const std::stop_token& stop);
    /// Once; at the end standard output tells what was done. @returns the exit status.
    Result<int> run_once(const std::stop_token& stop);

private:
    void recall();
    void remember();
    void look(BootTime now);
    void tell_leases(const Watch& watch);
    void poll_fleet(BootTime now);
    std::vector<Swept> sweep(BootTime now);
    void tell(const Watch& watch, const std::vector<Sweeping>& sweepings);
    static void tell_removed(const Watch& watch, const Sweeping& sweeping);
    static void tell_kept(const Watch& watch, const Sweeping& sweeping);
    void count(const Watch& watch, const std::vector<Sweeping>& sweepings);
    void show_news(const std::vector<Swept>& swept);
    void tell_ready();
    void wait_until(BootTime then, const std::stop_token& stop);
    [[nodiscard]] BootTime next_tick(BootTime next_probe) const;
    [[nodiscard]] bool a_lease_has_ended() const;

    [[nodiscard]] std::chrono::milliseconds probe_timeout() const;

    const Options& options_;
    std::unique_ptr<FleetSource> fleet_;
    Counters& counters_;
    Complaints complaints_;
    std::vector<std::unique_ptr<Watch>> watches_;
    std::map<const Watch*, Error> errors_;   ///< of the last look
    std::set<const Watch*> without_leases_;  ///< and this was said
    std::optional<MemoryFile> memory_;
    std::optional<BootTime> polled_;
    BootTime next_poll_;
    unsigned poll_failures_ = 0;  ///< in a row
    std::set<std::string> told_;  ///< members, what keeps them, why they could not be removed
    std::string shown_;           ///< dry runs: the last plan
    bool is_ready_ = false;
    std::mutex mutex_;
    std::condition_variable_any changed_;
};

}  // namespace rota::sweeper
