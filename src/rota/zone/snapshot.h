#pragma once

#include <memory>

#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"

// What the workers answer from: immutable, shared by all of them, replaced as a whole. A change
// copies only the parts of the name table that it touches (copy-on-write shards of immutable
// nodes), so that publishing stays cheap in a large zone.
namespace rota::zone {

class Snapshot;
using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// No zones: everything is REFUSED.
SnapshotPtr empty_snapshot();

/// The snapshot after a zone is added (or replaced) with all its record sets. Of several zones with
/// one name the first public one answers, or the first one when all are private; so add them in the
/// order in which they were created.
SnapshotPtr with_zone(const SnapshotPtr& before, const model::HostedZone& zone,
                      const model::RecordSets& record_sets);

/// The snapshot after a change batch; `after` are the zone's record sets with `delta` applied.
SnapshotPtr with_changes(const SnapshotPtr& before, const model::HostedZone& zone,
                         const model::RecordSets& after, const model::ZoneDelta& delta);

/// The snapshot without a zone.
SnapshotPtr without_zone(const SnapshotPtr& before, const model::HostedZone& zone);

}  // namespace rota::zone
