#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "rota/base/guarded.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"

namespace rota::server {

/// Hands snapshots to the workers and tells when all of them answer from one. A worker compares the
/// generation once per batch; while it waits for queries it says so, and needs no waking: before it
/// answers again it looks at the generation. Every store and load of that handshake is sequentially
/// consistent (Dekker's pattern): either the publisher sees the worker idle, or the worker sees the
/// new generation. Retired snapshots stay with the publisher until it is their last owner, so that
/// a worker never frees a zone.
class Publisher {
    struct alignas(64) Seat {
        std::atomic<std::uint64_t> state;  ///< the generation answered from, or kIdle
    };

public:
    /// A worker's side; used by its thread alone.
    class Reader {
    public:
        /// The snapshot to answer the next batch from.
        const zone::Snapshot& wake() noexcept {
            seat_.state.store(generation_);
            if (publisher_.generation_.load() != generation_) {
                refresh();
            }
            return *snapshot_;
        }

        /// Says that nothing is answered until the next wake().
        void rest() noexcept {
            seat_.state.store(kIdle);
            if (publisher_.generation_.load() != generation_) {
                publisher_.nudge();
            }
        }

        /// The generation of what wake() gave last.
        [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

    private:
        friend class Publisher;

        Reader(Publisher& publisher, Seat& seat) : publisher_{publisher}, seat_{seat} {}

        void refresh() noexcept;

        Publisher& publisher_;
        Seat& seat_;
        zone::SnapshotPtr snapshot_;
        std::uint64_t generation_ = 0;
    };

    Publisher() = default;
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;
    Publisher(Publisher&&) = delete;
    Publisher& operator=(Publisher&&) = delete;
    ~Publisher();

    /// Makes room for a worker, which counts as idle until its first wake(). Before start().
    Reader add_reader();

    /// Starts the thread that calls `on_acknowledged` (which may be empty) with each generation
    /// that all readers have reached; generations may be skipped.
    void start(std::function<void(std::uint64_t)> on_acknowledged);

    /// Any thread. @returns the snapshot's generation; the first is 1.
    std::uint64_t publish(zone::SnapshotPtr next);

    void stop();

private:
    static constexpr std::uint64_t kIdle = ~std::uint64_t{0};

    struct Current {
        zone::SnapshotPtr snapshot;
        std::uint64_t generation = 0;
        std::vector<zone::SnapshotPtr> retired;
    };

    void run(const std::function<void(std::uint64_t)>& on_acknowledged);
    [[nodiscard]] std::uint64_t acknowledged() const noexcept;
    void free_retired();
    void nudge() noexcept;

    std::vector<std::unique_ptr<Seat>> seats_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<std::uint32_t> nudges_{0};
    std::atomic<bool> is_stopping_{false};
    Guarded<Current> current_;
    std::jthread thread_;
};

}  // namespace rota::server
