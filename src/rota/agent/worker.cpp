#include "rota/agent/worker.h"

#include <cstdint>
#include <mutex>
#include <stop_token>
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

Worker::Worker(Inbox& inbox)
    : inbox_{inbox}, thread_{[this](const std::stop_token& stop) { run(stop); }} {}

Worker::~Worker() {
    thread_.request_stop();
}

void Worker::start(Job job) {
    {
        const std::scoped_lock lock{mutex_};
        ROTA_ASSERT(job && !job_);
        job_ = std::move(job);
        busy_ = true;
    }
    wake_.notify_one();
}

bool Worker::is_busy() const {
    const std::scoped_lock lock{mutex_};
    return busy_;
}

void Worker::run(const std::stop_token& stop) {
    while (true) {
        Job job;
        {
            std::unique_lock lock{mutex_};
            if (!wake_.wait(lock, stop, [this] { return job_ != nullptr; })) {
                return;
            }
            job = std::exchange(job_, nullptr);
        }
        Event event = job();
        {
            const std::scoped_lock lock{mutex_};
            busy_ = false;
        }
        inbox_.post(std::move(event));
    }
}

}  // namespace rota::agent
