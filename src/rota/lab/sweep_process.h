#pragma once

#include <functional>
#include <string>
#include <utility>

#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {

/// `rota sweep` over the rota, with its defaults: it removes the one that was killed.
class SweepProcess {
public:
    /// @param broke  it ended, which it never should; with the end of its log.
    SweepProcess(EventLoop& loop, std::function<void(std::string text)> broke)
        : loop_{loop}, broke_{std::move(broke)} {}

    SweepProcess(const SweepProcess&) = delete;
    SweepProcess& operator=(const SweepProcess&) = delete;
    SweepProcess(SweepProcess&&) = delete;
    SweepProcess& operator=(SweepProcess&&) = delete;
    ~SweepProcess();

    Status start(const Stage& stage, const RunSettings& settings);

private:
    EventLoop& loop_;
    std::function<void(std::string)> broke_;
    std::string log_path_;
    Child child_;
    EventLoop::WatchId exit_watch_ = 0;
};

}  // namespace rota::lab
