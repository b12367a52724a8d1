#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::lab {

/// One thread that waits for file descriptors (epoll) and moments. Handlers run one at a time and
/// may watch, forget, schedule and cancel whatever they like, themselves included.
class EventLoop {
public:
    using FdHandler = std::function<void(std::uint32_t events)>;
    using TimeHandler = std::function<void(BootTime now)>;
    static constexpr std::uint32_t kReadable = 0x001;  ///< EPOLLIN
    static constexpr std::uint32_t kWritable = 0x004;  ///< EPOLLOUT
    /// Never 0, never used twice.
    using WatchId = std::uint64_t;
    using TimerId = std::pair<BootTime, std::uint64_t>;

    static Result<std::unique_ptr<EventLoop>> create();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    EventLoop(EventLoop&&) = delete;
    EventLoop& operator=(EventLoop&&) = delete;
    ~EventLoop() = default;

    /// Calls `handler` whenever `fd` has one of `events`, or an error or its end. The caller keeps
    /// `fd` open until forget().
    WatchId watch(int fd, std::uint32_t events, FdHandler handler);
    void change(WatchId id, std::uint32_t events);
    void forget(WatchId id);

    TimerId at(BootTime when, TimeHandler handler);

    /// Cancelling what has run or was never scheduled does nothing.
    void cancel(const TimerId& id) { timers_.erase(id); }

    /// Runs until stop().
    /// @errors io when the kernel refuses to wait.
    Status run();

    void stop() noexcept { is_stopped_ = true; }

private:
    explicit EventLoop(Fd epoll) : epoll_{std::move(epoll)} {}

    struct Watch {
        int fd = -1;
        std::shared_ptr<const FdHandler> handler;  // outlives a forget() from inside itself
    };

    void run_due_timers();
    [[nodiscard]] int wait_time() const;

    Fd epoll_;
    std::unordered_map<WatchId, Watch> watches_;
    std::map<TimerId, TimeHandler> timers_;
    std::uint64_t next_id_ = 1;
    bool is_stopped_ = false;
};

/// Calls `handler(now)` again and again, `every` apart; late ones are not made up for. For as long
/// as the loop lives.
void repeat(EventLoop& loop, std::chrono::nanoseconds every, EventLoop::TimeHandler handler);

}  // namespace rota::lab
