#include "rota/server/publisher.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "rota/server/thread_name.h"
#include "rota/zone/snapshot.h"

namespace rota::server {

void Publisher::Reader::refresh() noexcept {
    publisher_.current_.with([&](const Current& current) {
        snapshot_ = current.snapshot;
        generation_ = current.generation;
    });
    seat_.state.store(generation_);
    publisher_.nudge();
}

Publisher::~Publisher() {
    stop();
}

Publisher::Reader Publisher::add_reader() {
    seats_.push_back(std::make_unique<Seat>());
    seats_.back()->state.store(kIdle);
    return Reader{*this, *seats_.back()};
}

void Publisher::start(std::function<void(std::uint64_t)> on_acknowledged) {
    thread_ = std::jthread{[this, call = std::move(on_acknowledged)] {
        name_thread("rota-publish");
        run(call);
    }};
}

std::uint64_t Publisher::publish(zone::SnapshotPtr next) {
    const std::uint64_t generation = current_.with([&](Current& current) {
        if (current.snapshot != nullptr) {
            current.retired.push_back(std::move(current.snapshot));
        }
        current.snapshot = std::move(next);
        generation_.store(++current.generation);
        return current.generation;
    });
    nudge();
    return generation;
}

void Publisher::stop() {
    is_stopping_.store(true);
    nudge();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Publisher::run(const std::function<void(std::uint64_t)>& on_acknowledged) {
    std::uint64_t told = 0;
    for (std::uint32_t seen = nudges_.load(); !is_stopping_.load(); seen = nudges_.load()) {
        const std::uint64_t reached = acknowledged();
        if (reached > told) {
            told = reached;
            if (on_acknowledged) {
                on_acknowledged(reached);
            }
        }
        free_retired();
        nudges_.wait(seen);
    }
}

std::uint64_t Publisher::acknowledged() const noexcept {
    // An idle worker will see this generation, or a later one, before it answers again.
    std::uint64_t reached = generation_.load();
    for (const auto& seat : seats_) {
        reached = std::min(reached, seat->state.load());
    }
    return reached;
}

void Publisher::free_retired() {
    const auto unused = current_.with([](Current& current) {
        std::vector<zone::SnapshotPtr> last_owned;
        // Nobody can take a new share of a retired snapshot from here, so a count of one stays one.
        std::erase_if(current.retired, [&](zone::SnapshotPtr& snapshot) {
            if (snapshot.use_count() != 1) {
                return false;
            }
            last_owned.push_back(std::move(snapshot));
            return true;
        });
        return last_owned;
    });
}  // freed here, outside the lock

void Publisher::nudge() noexcept {
    nudges_.fetch_add(1);
    nudges_.notify_one();
}

}  // namespace rota::server
