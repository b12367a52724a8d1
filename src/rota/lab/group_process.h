#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/line_reader.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {

/// The name of the lab's auto-scaling group.
inline constexpr std::string_view kGroupName = "rota-lab";

/// `rota lab-group`: what the agents and the sweeper ask of Auto Scaling and EC2.
class GroupProcess {
public:
    /// What its owner wants to hear.
    struct Listener {
        /// An instance is in another lifecycle state: "InService", "Terminating:Wait", …
        std::function<void(std::string_view id, std::string_view state)> changed;
        /// It ended, which it never should; with the end of its log.
        std::function<void(std::string text)> broke;
    };

    GroupProcess(EventLoop& loop, Listener listener)
        : loop_{loop}, listener_{std::move(listener)} {}

    GroupProcess(const GroupProcess&) = delete;
    GroupProcess& operator=(const GroupProcess&) = delete;
    GroupProcess(GroupProcess&&) = delete;
    GroupProcess& operator=(GroupProcess&&) = delete;
    ~GroupProcess();

    Status start(const Stage& stage, const RunSettings& settings);

    void launch(std::string_view id, std::string_view address);
    void terminate(std::string_view id);
    void gone(std::string_view id);
    void set_desired(unsigned desired);

private:
    void take(std::string_view line);

    EventLoop& loop_;
    Listener listener_;
    std::string log_path_;
    Child child_;
    std::optional<LineReader> output_;
    EventLoop::WatchId output_watch_ = 0;
    EventLoop::WatchId exit_watch_ = 0;
};

}  // namespace rota::lab
