#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"

namespace rota::model {

enum class Action : std::uint8_t { create, del, upsert };

/// "CREATE", "DELETE" or "UPSERT", as the API has it.
std::string_view to_string(Action action) noexcept;

struct Change {
    Action action = Action::create;
    RecordSet record_set;
};

struct ChangeBatch {
    std::string comment;
    std::vector<Change> changes;
};

/// What a batch does to a zone: for each key that it changes, the record set afterwards (nothing =
/// gone). A TTL that a weighted write imposes on its siblings is in here too; what comes out as it
/// was before is not, so that a repeated UPSERT gives an empty delta.
using ZoneDelta = std::map<RecordKey, std::optional<RecordSet>>;

/// Validates a batch in order against the evolving set and gives the outcome, or every reason why
/// the whole batch is refused (the entries of InvalidChangeBatch's bracketed list, Route 53's
/// words). Reads `current` only where the batch touches it, and copies nothing but what changes.
/// The size of the batch is checked first, then each change by itself and against the changes
/// before it; that the apex keeps its NS and SOA, and the number of record sets, are judged on the
/// outcome.
/// @param max_record_sets  of the zone, its NS and SOA included.
/// @source Route 53 API Reference, ChangeResourceRecordSets.
std::expected<ZoneDelta, std::vector<std::string>> plan_changes(const HostedZone& zone,
                                                                const RecordSets& current,
                                                                const ChangeBatch& batch,
                                                                std::size_t max_record_sets);

/// Applies a delta that plan_changes gave.
void apply(RecordSets& record_sets, const ZoneDelta& delta);

}  // namespace rota::model
