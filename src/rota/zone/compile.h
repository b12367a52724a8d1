#pragma once

#include <memory>
#include <unordered_set>

#include "rota/dns/name.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/zone/answer.h"
#include "rota/zone/shard.h"
#include "rota/zone/zone.h"

namespace rota::zone {

/// Turns a hosted zone's record sets into a Zone: the whole of it, or only what a change touches.
class Compiler {
public:
    /// @param before  the zone as it is answered now, whose members keep their indexes; or null.
    /// @param next_member  the first index for new members; afterwards the next free one.
    Compiler(const model::HostedZone& zone, const model::RecordSets& record_sets,
             const Zone* before, MemberIndex& next_member);

    /// Compiles every name.
    std::shared_ptr<const Zone> whole();

    /// Compiles the names whose nodes depend on what `delta` changed, and shares all else with
    /// `before`, which must not be null.
    std::shared_ptr<const Zone> changed(const model::ZoneDelta& delta);

private:
    using Names = std::unordered_set<dns::Name>;
    using Iterator = model::RecordSets::const_iterator;

    /// Where the record sets of a name, and then those of all names below it, begin.
    [[nodiscard]] Iterator first_at_or_below(const dns::Name& name) const;
    [[nodiscard]] bool exists(const dns::Name& name) const;
    [[nodiscard]] bool is_cut(const dns::Name& name) const;
    [[nodiscard]] bool is_occluded(const dns::Name& name) const;
    [[nodiscard]] bool has_wildcard(const dns::Name& name) const;

    void add_with_ancestors(const dns::Name& name, Names& names) const;
    void add_changed(const dns::Name& name, Names& names) const;
    void add_descendants(const dns::Name& name, Names& names) const;
    LineBuffer compile(const dns::Name& name);

    const model::HostedZone& zone_;
    const model::RecordSets& record_sets_;
    const Zone* before_;
    MemberIndex& next_member_;
};

}  // namespace rota::zone
