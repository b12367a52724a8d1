#include "rota/lab/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <sys/epoll.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::lab {

static_assert(EventLoop::kReadable == EPOLLIN && EventLoop::kWritable == EPOLLOUT);

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
    Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    if (!epoll) {
        return fail_errno("cannot create an epoll instance", errno);
    }
    return std::unique_ptr<EventLoop>{new EventLoop{std::move(epoll)}};
}

EventLoop::WatchId EventLoop::watch(int fd, std::uint32_t events, FdHandler handler) {
    const WatchId id = next_id_++;
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    ROTA_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
    watches_.emplace(
        id, Watch{.fd = fd, .handler = std::make_shared<const FdHandler>(std::move(handler))});
    return id;
}

void EventLoop::change(WatchId id, std::uint32_t events) {
    const auto found = watches_.find(id);
    if (found == watches_.end()) {
        return;
    }
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    ROTA_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.fd, &event) == 0);
}

void EventLoop::forget(WatchId id) {
    const auto found = watches_.find(id);
    if (found == watches_.end()) {
        return;
    }
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
    watches_.erase(found);
}

EventLoop::TimerId EventLoop::at(BootTime when, TimeHandler handler) {
    const TimerId id{when, next_id_++};
    timers_.emplace(id, std::move(handler));
    return id;
}

int EventLoop::wait_time() const {
    if (timers_.empty()) {
        return -1;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - boot_now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void EventLoop::run_due_timers() {
    // Only what was due at the beginning: a timer that schedules itself for now must not starve
    // fds.
    const BootTime now = boot_now();
    while (!timers_.empty() && timers_.begin()->first.first <= now && !is_stopped_) {
        const auto node = timers_.extract(timers_.begin());
        node.mapped()(now);
    }
}

Status EventLoop::run() {
    std::array<epoll_event, 256> events{};
    while (!is_stopped_) {
        run_due_timers();
        if (is_stopped_) {
            break;
        }
        const int count =
            ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_time());
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fail_errno("cannot wait for events", errno);
        }
        for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(count))) {
            // A handler earlier in this batch may have forgotten it; ids are never used twice.
            const auto found = watches_.find(event.data.u64);
            if (found != watches_.end()) {
                const auto handler = found->second.handler;
                (*handler)(event.events);
            }
        }
    }
    return {};
}

void repeat(EventLoop& loop, std::chrono::nanoseconds every, EventLoop::TimeHandler handler) {
    loop.at(boot_now() + every, [&loop, every, handler = std::move(handler)](BootTime now) mutable {
        handler(now);
        repeat(loop, every, std::move(handler));
    });
}

}  // namespace rota::lab
