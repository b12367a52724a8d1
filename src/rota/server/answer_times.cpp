#include "rota/server/answer_times.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include <time.h>

#include "rota/zone/answer.h"

namespace rota::server {

Tick tick_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    constexpr long kNanosecondsPerTick = 100'000'000;
    return static_cast<Tick>((now.tv_sec * 10) + (now.tv_nsec / kNanosecondsPerTick) + 1);
}

AnswerTimes::AnswerTimes() {
    directories_.push_back(std::make_unique<Directory>(1));
    directory_.store(directories_.back().get());
}

void AnswerTimes::reserve(zone::MemberIndex end) {
    const std::size_t wanted = (std::size_t{end} + kSlots - 1) / kSlots;
    if (wanted > directories_.back()->size()) {
        auto larger =
            std::make_unique<Directory>(std::max(wanted, 2 * directories_.back()->size()));
        for (std::size_t i = 0; i < chunks_.size(); ++i) {
            (*larger)[i].store(chunks_[i].get(), std::memory_order_relaxed);
        }
        directory_.store(larger.get(), std::memory_order_release);
        directories_.push_back(std::move(larger));
    }
    while (chunks_.size() < wanted) {
        chunks_.push_back(std::make_unique<Chunk>());
        (*directories_.back())[chunks_.size() - 1].store(chunks_.back().get(),
                                                         std::memory_order_release);
    }
}

void AnswerTimes::drop(std::size_t chunk) {
    (*directories_.back())[chunk].store(nullptr);
    chunks_[chunk].reset();
}

Tick AnswerTimes::last(zone::MemberIndex member) const noexcept {
    const std::size_t chunk = member / kSlots;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) {
        return 0;
    }
    return (*chunks_[chunk])[member % kSlots].load(std::memory_order_relaxed);
}

}  // namespace rota::server
