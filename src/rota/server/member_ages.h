#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/api/member_age.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"
#include "rota/server/answer_times.h"
#include "rota/zone/answer.h"
#include "rota/zone/snapshot.h"

namespace rota::server {

/// Knows which numbers of the workers' AnswerTimes belong to which member, by hosted zone, name,
/// type and set identifier, whatever values it had. What the present members need is in the
/// snapshot; a history is kept for those that are gone, came back or had a larger TTL, until no
/// cache can hold an old answer and an hour longer. Safe to call from any thread; `now` is the time
/// of CLOCK_MONOTONIC and never goes back.
class MemberAges {
public:
    using Time = std::chrono::milliseconds;

    struct Limits {
        std::size_t histories = 100'000;  ///< beyond, those are dropped that would end first
        std::chrono::seconds kept{3600};  ///< beyond the largest TTL
    };

    /// Hands a snapshot to the workers and gives its generation.
    using Publish = std::function<std::uint64_t(const zone::SnapshotPtr&)>;

    /// @param workers  outlive this.
    MemberAges(std::vector<AnswerTimes*> workers, zone::SnapshotPtr first, Limits limits, Time now);

    MemberAges(const MemberAges&) = delete;
    MemberAges& operator=(const MemberAges&) = delete;
    MemberAges(MemberAges&&) = delete;
    MemberAges& operator=(MemberAges&&) = delete;
    ~MemberAges() = default;

    /// Follows a change: makes room for new members, publishes, remembers who is gone.
    /// @param delta  the difference of `next` from the snapshot before; of this zone alone.
    std::uint64_t publish(zone::SnapshotPtr next, std::string_view zone_id,
                          const model::ZoneDelta& delta, const Publish& publish, Time now);

    /// Every worker answers from at least this generation.
    void acknowledge(std::uint64_t generation);

    [[nodiscard]] std::optional<api::MemberAge> age(std::string_view zone_id,
                                                    const model::RecordKey& key, Time now);

    /// For the tests: how many histories are kept, and members that there is room for.
    [[nodiscard]] std::size_t histories() const;
    [[nodiscard]] std::size_t rooms() const;

private:
    using Key = std::pair<std::string, model::RecordKey>;

    struct History {
        std::uint32_t largest_ttl = 0;
        Tick last = 0;                           ///< of the indexes that were given back
        std::vector<zone::MemberIndex> retired;  ///< of lives before the present one
        std::uint64_t generation = 0;            ///< of the snapshot without it
        Time watched_from{};
        Time ends{};
    };

    using Histories = std::map<Key, History>;

    void follow(const Key& key, const zone::Snapshot& before, const zone::Snapshot& after,
                Time now);
    void reserve(zone::MemberIndex end);
    void fold(History& history);
    void release(zone::MemberIndex member);
    void expire(Time now);
    [[nodiscard]] Tick last(zone::MemberIndex member) const;

    mutable std::mutex mutex_;
    std::vector<AnswerTimes*> workers_;
    zone::SnapshotPtr current_;
    Limits limits_;
    Time watched_from_;  ///< the start, or when a history was dropped before its time
    std::uint64_t published_ = 1;
    std::uint64_t acknowledged_ = 0;
    Histories histories_;
    std::set<std::pair<Time, Key>> by_end_;
    zone::MemberIndex reserved_ = 0;
    std::vector<std::size_t> in_use_;  ///< of each chunk's members
};

}  // namespace rota::server
