#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "rota/base/error.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/line_reader.h"
#include "rota/lab/process.h"
#include "rota/lab/stage.h"

namespace rota::lab {

/// The clients' process, seen from the lab.
class Audience {
public:
    struct Listener {
        std::function<void(const ClientsReport&)> reported;
        std::function<void(const Ended&)> ended;
    };

    Audience(EventLoop& loop, Listener listener) : loop_{loop}, listener_{std::move(listener)} {}

    Audience(const Audience&) = delete;
    Audience& operator=(const Audience&) = delete;
    Audience(Audience&&) = delete;
    Audience& operator=(Audience&&) = delete;
    ~Audience();

    Status start(const Stage& stage, const RunSettings& settings);
    void set_rate(double requests_a_second);
    /// Lets the requests under way finish; ended() follows.
    void stop();

    [[nodiscard]] const std::string& log_path() const noexcept { return log_path_; }

private:
    void on_output();

    EventLoop& loop_;
    Listener listener_;
    Child child_;
    std::optional<LineReader> output_;
    EventLoop::WatchId output_watch_ = 0;
    EventLoop::WatchId exit_watch_ = 0;
    std::string log_path_;
};

}  // namespace rota::lab
