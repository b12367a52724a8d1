#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rota/base/rng.h"
#include "rota/dns/query.h"
#include "rota/zone/answer.h"
#include "rota/zone/zone.h"

namespace rota::zone {

/// A message in a batch, and its answer.
struct BatchItem {
    std::span<const std::uint8_t> query;
    std::span<std::uint8_t> reply;
    Answer answer;
};

/// What answer_batch keeps between its steps; one for each message, made once by the caller.
struct Prepared {
    dns::Query query;
    dns::Verdict verdict = dns::Verdict::silence;
    ZoneMatch zone;
};

/// The same answers as answer(), one after the other, but in steps over the whole batch: while one
/// message is worked on, the memory of the next is on its way.
/// @param prepared  at least as many as `items`.
void answer_batch(const Snapshot& snapshot, std::span<BatchItem> items,
                  std::span<Prepared> prepared, Transport transport, Rng& rng) noexcept;

/// answer() from a message that is parsed already. `zone` may be empty: it is looked up then.
Answer answer_parsed(const Snapshot& snapshot, const dns::Query& query, dns::Verdict verdict,
                     ZoneMatch zone, std::span<std::uint8_t> reply, Transport transport,
                     Rng& rng) noexcept;

}  // namespace rota::zone
