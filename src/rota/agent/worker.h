#pragma once

#include <atomic>
#include <functional>
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

/// Blocking work off the loop, one job at a time, each in a thread of its own: an agent at rest has
/// none, and a command with one request to make does not wait for a thread to wake.
class Worker {
public:
    using Job = std::function<Event()>;

    /// @param inbox  outlives the worker.
    explicit Worker(Inbox& inbox) : inbox_{inbox} {}

    /// What the job returns goes to the inbox. Destroying the worker waits for it: see is_busy().
    /// @pre the job before has delivered its event.
    void start(Job job);

    [[nodiscard]] bool is_busy() const noexcept { return busy_; }

private:
    Inbox& inbox_;
    std::atomic<bool> busy_ = false;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace rota::agent
