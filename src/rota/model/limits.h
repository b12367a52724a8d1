#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"

// Route 53's quotas and bounds, and what a change batch and a record set are refused for by
// themselves, whatever the zone holds.
// @source Route 53 Developer Guide, "Quotas"; API Reference, ChangeResourceRecordSets.
namespace rota::model {

inline constexpr std::size_t kMaxResourceRecordsPerBatch = 1000;
inline constexpr std::size_t kMaxValueCharactersPerBatch = 32'000;
inline constexpr std::size_t kMaxValuesPerRecordSet = 400;
inline constexpr std::size_t kMaxWeightedPerName = 100;
/// A quota that Route 53 raises on request, so a parameter of plan_changes.
inline constexpr std::size_t kMaxRecordSetsPerZone = 10'000;
inline constexpr std::size_t kMaxSetIdentifier = 128;
inline constexpr std::size_t kMaxComment = 256;
inline constexpr std::uint32_t kMaxTtl = 2'147'483'647;

/// Why a batch is too large: at most 1000 ResourceRecord elements and 32,000 characters of values,
/// those of an UPSERT counted twice. Empty when it is not.
std::vector<std::string> check_size(const ChangeBatch& batch);

/// Why a record set cannot be stored in any zone, in Route 53's words for InvalidChangeBatch: no
/// values or too many, values that are not of the type or the same twice, a TTL out of range, a set
/// identifier without a policy or the reverse, a policy that the type cannot have. Empty when it
/// can.
std::vector<std::string> check_record_set(const RecordSet& record_set);

}  // namespace rota::model
