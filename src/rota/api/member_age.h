#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "rota/model/record_set.h"

namespace rota::api {

/// When a member of a rota was last given out in an answer: the proof that a drain is over.
struct MemberAge {
    enum class State : std::uint8_t { present, gone };

    State state = State::present;
    /// No worker can answer from an older state any more.
    bool insync = false;
    /// Never more than the truth; nothing when the member was not given out while it was watched,
    /// or so long ago that no cache can hold it.
    std::optional<std::chrono::milliseconds> since_last_answer;
    /// The largest that an answer which may still be in a cache had.
    std::chrono::seconds largest_ttl{0};
    /// Answers before that are not known.
    std::chrono::milliseconds watched_since{0};
};

/// Nothing for what is no member of a rota, and for members whose end was forgotten.
using FindAge =
    std::function<std::optional<MemberAge>(std::string_view zone_id, const model::RecordKey& key)>;

}  // namespace rota::api
