#include "rota/lab/statistics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <ratio>
#include <string>
#include <utility>

#include "rota/base/clock.h"

namespace rota::lab {
namespace {

constexpr double kFirstMs = 1.0 / 16;
constexpr double kBucketsAnOctave = 8;

double upper_edge_ms(std::size_t bucket) noexcept {
    return kFirstMs * std::exp2(static_cast<double>(bucket) / kBucketsAnOctave);
}

ExpectedShares::Weights normalised(const ExpectedShares::Weights& weights) {
    double sum = 0;
    for (const auto& [member, weight] : weights) {
        sum += weight;
    }
    ExpectedShares::Weights shares;
    shares.reserve(weights.size());
    for (const auto& [member, weight] : weights) {
        shares.emplace_back(member,
                            sum > 0 ? weight / sum : 1.0 / static_cast<double>(weights.size()));
    }
    return shares;
}

}  // namespace

void LatencyHistogram::add(std::chrono::nanoseconds duration) noexcept {
    const double ms = std::chrono::duration<double, std::milli>{duration}.count();
    const double position =
        ms <= kFirstMs ? 0 : std::ceil(std::log2(ms / kFirstMs) * kBucketsAnOctave);
    const auto bucket = std::min(static_cast<std::size_t>(position), buckets_.size() - 1);
    ++buckets_.at(bucket);
    ++count_;
}

std::chrono::duration<double, std::milli> LatencyHistogram::quantile(double q) const noexcept {
    if (count_ == 0) {
        return {};
    }
    const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        seen += buckets_.at(bucket);
        if (static_cast<double>(seen) >= rank) {
            return std::chrono::duration<double, std::milli>{upper_edge_ms(bucket)};
        }
    }
    return std::chrono::duration<double, std::milli>{upper_edge_ms(buckets_.size() - 1)};
}

void ExpectedShares::publish(const Weights& weights, BootTime now) {
    if (weights.empty() && snapshots_.empty()) {
        return;
    }
    snapshots_.push_back({.since = now, .shares = normalised(weights)});
    // The one that was in force when the window began still counts; older ones do not.
    while (snapshots_.size() > 1 && snapshots_[1].since <= now - ttl_) {
        snapshots_.pop_front();
    }
}

ExpectedShares::Weights ExpectedShares::averaged(BootTime now) const {
    using Seconds = std::chrono::duration<double>;
    const BootTime begin = std::max(now - ttl_, snapshots_.front().since);
    Seconds window{0};  // without the times at which nobody was a member: they fill no cache
    std::map<std::string, double> shares;
    for (std::size_t i = 0; i < snapshots_.size(); ++i) {
        const bool is_last = i + 1 == snapshots_.size();
        const BootTime from = std::max(begin, snapshots_[i].since);
        const BootTime until = is_last ? now : std::min(now, snapshots_[i + 1].since);
        if (snapshots_[i].shares.empty() || until <= from) {
            continue;
        }
        const Seconds part = until - from;
        window += part;
        for (const auto& [member, share] : snapshots_[i].shares) {
            shares[member] += part.count() * share;
        }
    }
    if (shares.empty()) {  // with TTL 0 nothing is remembered: the newest snapshot is all
        return snapshots_.back().shares;
    }
    for (auto& [member, share] : shares) {
        share /= window.count();
    }
    return {shares.begin(), shares.end()};
}

void ExpectedShares::spend(std::uint64_t requests, BootTime now) {
    requests += std::exchange(early_, 0);
    if (snapshots_.empty()) {
        early_ = requests;
        return;
    }
    if (requests == 0) {
        return;
    }
    total_ += requests;
    recent_.emplace_back(now, requests);
    while (recent_.front().first < now - ttl_) {
        recent_.pop_front();
    }
    std::uint64_t in_a_ttl = 0;
    for (const auto& [at, made] : recent_) {
        in_a_ttl += made;
    }
    const auto made = static_cast<double>(requests);
    for (const auto& [member, share] : averaged(now)) {
        Sums& sums = sums_[member];
        sums.requests += made * share;
        sums.variance += made * static_cast<double>(in_a_ttl) * share * (1 - share);
    }
}

double ExpectedShares::requests(const std::string& member) const {
    const auto found = sums_.find(member);
    return found == sums_.end() ? 0 : found->second.requests;
}

double ExpectedShares::variance(const std::string& member) const {
    const auto found = sums_.find(member);
    return found == sums_.end() ? 0 : found->second.variance;
}

}  // namespace rota::lab
