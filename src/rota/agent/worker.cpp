#include "rota/agent/worker.h"

#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"

namespace rota::agent {

Inbox::Inbox() : eventfd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    ROTA_ASSERT(eventfd_.get() >= 0);
}

void Inbox::post(Event event) {
    events_.with([&event](std::vector<Event>& events) { events.push_back(std::move(event)); });
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(eventfd_.get(), &one, sizeof one);
}

std::vector<Event> Inbox::take() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(eventfd_.get(), &count, sizeof count);
    return events_.with([](std::vector<Event>& events) { return std::exchange(events, {}); });
}

void Worker::start(Job job) {
    ROTA_ASSERT(job && !busy_);
    busy_ = true;
    thread_ = std::jthread{[this, job = std::move(job)] {
        Event event = job();
        busy_ = false;
        inbox_.post(std::move(event));
    }};
}

}  // namespace rota::agent
