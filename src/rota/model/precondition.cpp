#include "rota/model/precondition.h"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"

namespace rota::model {

namespace {

/// Nothing for a record set that is no member of a rota.
std::optional<unsigned> weight_of(const RecordSet& record_set) {
    const auto* const weighted = std::get_if<WeightedRouting>(&record_set.routing);
    return weighted == nullptr ? std::nullopt : std::optional<unsigned>{weighted->weight};
}

bool takes_out(const RecordSet& before, const std::optional<RecordSet>& after) {
    const auto weight = weight_of(before);
    if (!weight) {
        return false;
    }
    const auto left = after ? weight_of(*after) : std::nullopt;
    return !left || (*weight != 0 && *left == 0);
}

/// A rota's members, by whether they have a weight above 0.
struct Count {
    std::size_t weighing = 0;
    std::size_t all = 0;

    void add(const RecordSet& record_set) {
        if (const auto weight = weight_of(record_set)) {
            ++all;
            weighing += *weight != 0 ? 1U : 0U;
        }
    }
};

struct Counts {
    Count before;
    Count after;
};

Counts count(const RecordSets& current, const ZoneDelta& delta, const dns::Name& name,
             dns::Type type) {
    Counts counts;
    const RecordKey first{name, type, {}};
    const auto is_here = [&](const RecordKey& key) { return key.name == name && key.type == type; };
    for (auto i = current.lower_bound(first); i != current.end() && is_here(i->first); ++i) {
        counts.before.add(i->second);
        if (!delta.contains(i->first)) {
            counts.after.add(i->second);
        }
    }
    for (auto i = delta.lower_bound(first); i != delta.end() && is_here(i->first); ++i) {
        if (const std::optional<RecordSet>& outcome = i->second) {
            counts.after.add(*outcome);
        }
    }
    return counts;
}

}  // namespace

std::optional<std::string> members_missing(const RecordSets& current, const ZoneDelta& delta,
                                           std::size_t keep) {
    std::set<std::pair<dns::Name, dns::Type>> seen;
    for (const auto& [key, outcome] : delta) {
        const auto stored = current.find(key);
        if (stored == current.end() || !takes_out(stored->second, outcome) ||
            !seen.emplace(key.name, key.type).second) {
            continue;
        }
        const Counts counts = count(current, delta, key.name, key.type);
        const std::size_t left =
            counts.before.weighing == 0 ? counts.after.all : counts.after.weighing;
        if (left < keep) {
            return fmt::format(
                "The rota {} {} would hold {} {} after this change, and at least {} {} required.",
                key.name.to_text(), to_string(key.type), left, left == 1 ? "member" : "members",
                keep, keep == 1 ? "is" : "are");
        }
    }
    return std::nullopt;
}

}  // namespace rota::model
