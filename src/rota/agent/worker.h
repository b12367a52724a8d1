#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "rota/agent/lifecycle.h"
#include "rota/base/fd.h"
#include "rota/base/guarded.h"

namespace rota::agent {

/// Events that other threads bring to the loop; its descriptor becomes readable with the first.
class Inbox {
public:
    Inbox();

    void post(Event event);

    /// Everything that has come, in order.
    std::vector<Event> take();

    [[nodiscard]] int descriptor() const noexcept { return eventfd_.get(); }

private:
    Fd eventfd_;
    Guarded<std::vector<Event>> events_;
};

/// A thread for blocking work, one job at a time; what a job returns goes to the inbox.
class Worker {
public:
    using Job = std::function<Event()>;

    /// @param inbox  outlives the worker.
    explicit Worker(Inbox& inbox);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    Worker(Worker&&) = delete;
    Worker& operator=(Worker&&) = delete;
    /// Waits for the job in work: see is_busy().
    ~Worker();

    /// @pre the job before has delivered its event.
    void start(Job job);

    [[nodiscard]] bool is_busy() const;

private:
    void run(const std::stop_token& stop);

    Inbox& inbox_;
    mutable std::mutex mutex_;
    std::condition_variable_any wake_;
    Job job_;  // empty: none
    bool busy_ = false;
    std::jthread thread_;  // last: it uses all the others
};

}  // namespace rota::agent
