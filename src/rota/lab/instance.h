#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/line_reader.h"
#include "rota/lab/notify.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {

/// What makes one instance differ from another.
struct InstancePlan {
    std::string id;  ///< "i-0123456789abcdef0"
    std::string address;
    unsigned number = 0;
    std::chrono::milliseconds boot_delay{0};
    std::uint64_t seed = 1;
};

/// One EC2 instance as far as rota can tell: its metadata service, its application and its agent,
/// each a process. They start in that order; on the way out the agent is first, and nothing else
/// ends before it. What it needs to know it has from its metadata: who it is, its role's keys, and
/// that it is to end.
class Instance {
public:
    /// What its owner wants to hear.
    struct Listener {
        std::function<void(const Instance&, const std::string& text)> happened;
        /// A part ended that nobody had ended; with the end of its log.
        std::function<void(const Instance&, const std::string& text)> broke;
        /// Every process has ended.
        std::function<void(const Instance&)> ended;
    };

    Instance(EventLoop& loop, const Stage& stage, const RunSettings& settings, InstancePlan plan,
             Listener listener);
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    Instance(Instance&&) = delete;
    Instance& operator=(Instance&&) = delete;
    ~Instance();

    Status launch();

    /// As Auto Scaling ends an instance: the lifecycle state says so, and the group waits for its
    /// hook.
    void end();

    /// The hook is over: the operating system shuts down.
    void shut_down();

    /// As a power failure: SIGKILL to everything, nobody is told.
    void kill();

    /// What a listing of the rota says about this instance.
    void see_listing(bool is_listed, unsigned weight, BootTime asked_at, BootTime answered_at);

    [[nodiscard]] MemberState state() const;

    [[nodiscard]] const InstancePlan& plan() const noexcept { return plan_; }

    /// The times and states, `began` being zero; traffic and shares are the owner's to add.
    [[nodiscard]] Member member(BootTime began) const;

    /// Requests waiting or in work, integrated over the service's life so far.
    [[nodiscard]] double work_seconds() const noexcept { return work_seconds_; }

    [[nodiscard]] bool has_ended() const { return ended_.has_value(); }

    [[nodiscard]] std::optional<BootTime> killed_at() const { return killed_; }

    /// Whether it died and its record is in the rota still.
    [[nodiscard]] bool is_dangling() const { return killed_ && joined_ && !swept_; }

private:
    enum class Part : std::uint8_t { metadata, service, agent };

    struct Process {
        Child child;
        EventLoop::WatchId exit_watch = 0;
        EventLoop::WatchId output_watch = 0;
        std::optional<LineReader> output;
        bool may_end = false;
    };

    Status start(Part part, Command command);
    Status start_metadata();
    void set_metadata(std::string_view path, std::string_view value);
    Status start_service_and_agent();
    void on_output(Part part, std::string_view line);
    void on_exit(Part part);
    void on_agent_exit(const Ended& ended);
    void on_notification();
    void stop_watching(Process& process);
    void finish(BootTime now);
    void expect_end(Part part, std::chrono::nanoseconds grace);
    [[nodiscard]] std::string log_path(Part part) const;

    EventLoop& loop_;
    const Stage& stage_;
    const RunSettings& settings_;
    InstancePlan plan_;
    Listener listener_;
    std::map<Part, Process> processes_;
    NotifySocket notify_;
    EventLoop::WatchId notify_watch_ = 0;
    std::vector<EventLoop::TimerId> timers_;

    BootTime launched_;
    std::optional<BootTime> ready_;
    std::optional<BootTime> joined_;
    std::optional<BootTime> asked_;
    std::optional<BootTime> withdrawn_;
    std::optional<BootTime> drained_;
    std::optional<BootTime> ended_;
    std::optional<BootTime> killed_;
    std::optional<BootTime> swept_;
    bool left_cleanly_ = false;
    unsigned weight_ = 0;
    std::string status_;
    double work_seconds_ = 0;
};

}  // namespace rota::lab
