#include "rota/server/member_ages.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/api/member_age.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"
#include "rota/server/answer_times.h"
#include "rota/zone/answer.h"
#include "rota/zone/members.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"

namespace rota::server {

namespace {

constexpr std::chrono::milliseconds kTick{100};

MemberAges::Time since(Tick last, MemberAges::Time now) {
    return std::max(now - (last * kTick) - kTickLag, MemberAges::Time{0});
}

}  // namespace

MemberAges::MemberAges(std::vector<AnswerTimes*> workers, zone::SnapshotPtr first, Limits limits,
                       Time now)
    : workers_{std::move(workers)},
      current_{std::move(first)},
      limits_{limits},
      watched_from_{now} {
    reserve(current_->next_member());
}

std::uint64_t MemberAges::publish(zone::SnapshotPtr next, std::string_view zone_id,
                                  const model::ZoneDelta& delta, const Publish& publish, Time now) {
    const std::scoped_lock lock{mutex_};
    expire(now);
    reserve(next->next_member());
    published_ = publish(next);
    for (const auto& [key, record_set] : delta) {
        if (!key.set_identifier.empty()) {
            follow({std::string{zone_id}, key}, *current_, *next, now);
        }
    }
    current_ = std::move(next);
    return published_;
}

/// Remembers a member that went, or whose TTL fell.
void MemberAges::follow(const Key& key, const zone::Snapshot& before, const zone::Snapshot& after,
                        Time now) {
    const auto was = zone::find_member(before, key.first, key.second);
    const auto is = zone::find_member(after, key.first, key.second);
    const bool has_gone = was && (!is || is->index != was->index);
    const bool has_less_ttl = was && is && is->ttl < was->ttl;
    if (!has_gone && !has_less_ttl) {
        return;
    }
    const auto [at, is_new] = histories_.try_emplace(key);
    History& history = at->second;
    if (is_new) {
        history.watched_from = watched_from_;
    }
    fold(history);
    history.largest_ttl = std::max(history.largest_ttl, was->ttl);
    if (has_gone) {
        history.retired.push_back(was->index);
    }
    history.generation = published_;
    by_end_.erase({history.ends, key});
    history.ends = now + std::chrono::seconds{history.largest_ttl} + limits_.kept;
    by_end_.emplace(history.ends, key);
}

void MemberAges::acknowledge(std::uint64_t generation) {
    const std::scoped_lock lock{mutex_};
    acknowledged_ = std::max(acknowledged_, generation);
}

std::optional<api::MemberAge> MemberAges::age(std::string_view zone_id, const model::RecordKey& key,
                                              Time now) {
    const std::scoped_lock lock{mutex_};
    expire(now);
    const auto member = zone::find_member(*current_, zone_id, key);
    const auto found = histories_.find({std::string{zone_id}, key});
    if (!member && found == histories_.end()) {
        return std::nullopt;
    }
    api::MemberAge age;
    std::uint32_t largest_ttl = 0;
    std::uint64_t generation = published_;
    Time watched_from = watched_from_;
    Tick newest = 0;
    for (const AnswerTimes* const worker : workers_) {
        newest = std::max(newest, worker->last_of_others());
    }
    if (member) {
        newest = std::max(newest, last(member->index));
        largest_ttl = member->ttl;
    }
    if (found != histories_.end()) {
        const History& history = found->second;
        for (const zone::MemberIndex retired : history.retired) {
            newest = std::max(newest, last(retired));
        }
        newest = std::max(newest, history.last);
        largest_ttl = std::max(largest_ttl, history.largest_ttl);
        generation = member ? generation : history.generation;
        watched_from = history.watched_from;
    }
    age.state = member ? api::MemberAge::State::present : api::MemberAge::State::gone;
    age.insync = generation <= acknowledged_;
    if (newest != 0) {
        age.since_last_answer = since(newest, now);
    }
    age.largest_ttl = std::chrono::seconds{largest_ttl};
    age.watched_since = now - watched_from;
    return age;
}

void MemberAges::reserve(zone::MemberIndex end) {
    for (AnswerTimes* const worker : workers_) {
        worker->reserve(end);
    }
    for (; reserved_ < end; ++reserved_) {
        const std::size_t chunk = reserved_ / AnswerTimes::kSlots;
        in_use_.resize(std::max(in_use_.size(), chunk + 1));
        ++in_use_[chunk];
    }
}

/// Gives back the indexes of former lives that no worker can mark any more.
void MemberAges::fold(History& history) {
    if (history.generation > acknowledged_) {
        return;
    }
    for (const zone::MemberIndex retired : history.retired) {
        history.last = std::max(history.last, last(retired));
        release(retired);
    }
    history.retired.clear();
}

void MemberAges::release(zone::MemberIndex member) {
    const std::size_t chunk = member / AnswerTimes::kSlots;
    const bool is_whole = (chunk + 1) * AnswerTimes::kSlots <= reserved_;
    if (--in_use_[chunk] == 0 && is_whole) {
        for (AnswerTimes* const worker : workers_) {
            worker->drop(chunk);
        }
    }
}

/// Ends the histories whose time has come, and those that are too many.
void MemberAges::expire(Time now) {
    for (auto at = by_end_.begin(); at != by_end_.end();) {
        const bool is_over = at->first <= now;
        if (!is_over && histories_.size() <= limits_.histories) {
            return;
        }
        const auto history = histories_.find(at->second);
        if (history->second.generation > acknowledged_) {
            ++at;  // a worker may still mark it
            continue;
        }
        if (!is_over) {
            watched_from_ = now;
        }
        fold(history->second);
        histories_.erase(history);
        at = by_end_.erase(at);
    }
}

Tick MemberAges::last(zone::MemberIndex member) const {
    Tick newest = 0;
    for (const AnswerTimes* const worker : workers_) {
        newest = std::max(newest, worker->last(member));
    }
    return newest;
}

std::size_t MemberAges::histories() const {
    const std::scoped_lock lock{mutex_};
    return histories_.size();
}

std::size_t MemberAges::rooms() const {
    const std::scoped_lock lock{mutex_};
    return std::accumulate(in_use_.begin(), in_use_.end(), std::size_t{0});
}

}  // namespace rota::server
