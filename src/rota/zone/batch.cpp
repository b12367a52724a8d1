#include "rota/zone/batch.h"

#include <cstddef>
#include <span>

#include "rota/base/rng.h"
#include "rota/dns/query.h"
#include "rota/zone/answer.h"
#include "rota/zone/zone.h"

namespace rota::zone {

void answer_batch(const Snapshot& snapshot, std::span<BatchItem> items,
                  std::span<Prepared> prepared, Transport transport, Rng& rng) noexcept {
    for (std::size_t i = 0; i < items.size(); ++i) {
        Prepared& at = prepared[i];
        at.zone = {};
        at.verdict = dns::parse_query(items[i].query, at.query);
        if (at.verdict == dns::Verdict::query) {
            at.zone = snapshot.find_zone(at.query.name);
        }
        if (at.zone.zone != nullptr) {
            at.zone.zone->prefetch_slot(at.query.name.hash[0]);
        }
    }
    for (const Prepared& at : prepared.first(items.size())) {
        if (at.zone.zone != nullptr) {
            at.zone.zone->prefetch_node(at.query.name.hash[0]);
        }
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i].answer = answer_parsed(snapshot, prepared[i].query, prepared[i].verdict,
                                        prepared[i].zone, items[i].reply, transport, rng);
    }
}

}  // namespace rota::zone
