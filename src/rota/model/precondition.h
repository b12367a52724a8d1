#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"

namespace rota::model {

/// Judges what a change batch leaves of the rotas that it takes members from: deletes them, or
/// lowers their weight to 0. Members with a weight above 0 count; in a rota that had none such
/// before the change all members count, since all of them are answered then. Judged on the outcome:
/// a member that is deleted and created again in one batch stays.
/// @param delta  what plan_changes gave for `current`.
/// @param keep  the fewest members that each of those rotas must hold afterwards.
/// @returns the first rota that would hold fewer, as a sentence with both numbers; else nothing.
std::optional<std::string> members_missing(const RecordSets& current, const ZoneDelta& delta,
                                           std::size_t keep);

}  // namespace rota::model
