#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rota/base/clock.h"

namespace rota::lab {

/// Durations in logarithmic buckets, 8 an octave from 1/16 ms up: a quantile is within 9 % of the
/// true one.
class LatencyHistogram {
public:
    void add(std::chrono::nanoseconds duration) noexcept;

    /// The duration below which the share `q` of all lies; 0 when empty.
    [[nodiscard]] std::chrono::duration<double, std::milli> quantile(double q) const noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

private:
    std::array<std::uint64_t, 192> buckets_{};
    std::uint64_t count_ = 0;
};

/// What share of the requests each member should get. A member's traffic is the weight it had,
/// averaged over the last TTL, because that is when the clients' caches were filled; and requests
/// count when they are made, so that a busy minute weighs more than a quiet one.
class ExpectedShares {
public:
    explicit ExpectedShares(std::chrono::seconds ttl) : ttl_{ttl} {}

    using Weights = std::vector<std::pair<std::string, double>>;

    /// The members of the rota from `now` on; all weights 0 means equal odds. While there are none
    /// no cache is filled, and that time is no part of the average.
    void publish(const Weights& weights, BootTime now);

    /// `requests` were made in the moment before `now`. Those before the first member was published
    /// count when it is: clients may hear of it before whoever publishes does.
    void spend(std::uint64_t requests, BootTime now);

    /// Expected requests of a member over all spent so far, 0 for an unknown one.
    [[nodiscard]] double requests(const std::string& member) const;

    /// The variance of a member's requests over all spent so far, for resolvers with concentration
    /// 1; it is proportional to that. In one TTL each resolver sends all it has to one member, so
    /// that requests of one TTL vary together: the sum over TTLs of n² · w (1 - w).
    [[nodiscard]] double variance(const std::string& member) const;

    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

private:
    struct Snapshot {
        BootTime since;
        Weights shares;
    };

    std::chrono::seconds ttl_;
    std::deque<Snapshot> snapshots_;

    struct Sums {
        double requests = 0;
        double variance = 0;
    };

    [[nodiscard]] Weights averaged(BootTime now) const;

    std::map<std::string, Sums> sums_;
    std::deque<std::pair<BootTime, std::uint64_t>> recent_;  // requests of the last TTL
    std::uint64_t total_ = 0;
    std::uint64_t early_ = 0;  // before the first member
};

}  // namespace rota::lab
