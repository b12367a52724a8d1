#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rota/zone/answer.h"

// When each member was last given out: a number a member and worker, which the worker stores
// without a lock and others read. The numbers lie in chunks by the member's index; the chunks come
// before the snapshot that has their members is published, and go when no worker can answer with
// any of them.
namespace rota::server {

/// Tenths of a second of CLOCK_MONOTONIC, rounded up; 0 is never. Lasts 13 years of uptime.
using Tick = std::uint32_t;

/// The time to mark answers with, read once a batch and after it was sent.
Tick tick_now() noexcept;

/// The longest time by which a tick may be earlier than the moment at which it was read, less what
/// rounding up gives back: the coarse clock stands still between two timer interrupts.
inline constexpr std::chrono::milliseconds kTickLag{10};

/// One worker's.
class AnswerTimes {
public:
    AnswerTimes();
    AnswerTimes(const AnswerTimes&) = delete;
    AnswerTimes& operator=(const AnswerTimes&) = delete;
    AnswerTimes(AnswerTimes&&) = delete;
    AnswerTimes& operator=(AnswerTimes&&) = delete;
    ~AnswerTimes() = default;

    /// The worker: an answer was given out. Members that nobody made room for are passed over.
    void mark(const zone::Answer& answer, Tick now) noexcept {
        if (answer.member != zone::kNoMember) {
            mark(answer.member, now);
            if (answer.via != zone::kNoMember) {
                mark(answer.via, now);
            }
        }
        if (answer.has_others) {
            others_.store(now, std::memory_order_relaxed);
        }
    }

    void mark(zone::MemberIndex member, Tick now) noexcept {
        const Directory& directory = *directory_.load(std::memory_order_acquire);
        const std::size_t chunk = member / kSlots;
        if (chunk < directory.size()) {
            if (Chunk* const slots = directory[chunk].load(std::memory_order_acquire)) {
                (*slots)[member % kSlots].store(now, std::memory_order_relaxed);
            }
        }
    }

    static constexpr std::size_t kSlots = 256;  ///< members of a chunk

    /// Makes room for the members below `end`. One caller at a time, for this and what follows.
    void reserve(zone::MemberIndex end);

    /// Frees a chunk. No worker can answer with a member of it any more.
    void drop(std::size_t chunk);

    /// 0 where there is no room, too.
    [[nodiscard]] Tick last(zone::MemberIndex member) const noexcept;

    /// When members were last given out that mark() was not told one by one.
    [[nodiscard]] Tick last_of_others() const noexcept {
        return others_.load(std::memory_order_relaxed);
    }

private:
    struct alignas(64) Chunk : std::array<std::atomic<Tick>, kSlots> {};

    using Directory = std::vector<std::atomic<Chunk*>>;

    std::atomic<const Directory*> directory_;
    std::atomic<Tick> others_{0};
    std::vector<std::unique_ptr<Chunk>> chunks_;
    /// The last one is in use. A worker may still read an older one, and those are small: each is
    /// at most half of the next.
    std::vector<std::unique_ptr<Directory>> directories_;
};

}  // namespace rota::server
