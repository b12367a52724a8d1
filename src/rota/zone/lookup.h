#pragma once

#include <cstddef>
#include <cstdint>

#include "rota/dns/query.h"
#include "rota/zone/node.h"
#include "rota/zone/zone.h"

namespace rota::zone {

/// What a zone has for a name.
struct Match {
    enum class Kind : std::uint8_t {
        exact,     ///< the node of the name itself, perhaps an empty non-terminal
        wildcard,  ///< the node that data are synthesised from
        referral,  ///< the node of the cut at or above the name
        nothing,   ///< NXDOMAIN
    };

    Kind kind = Kind::nothing;
    const Node* node = nullptr;
    std::size_t cut = 0;  ///< referral: the label at which the cut's name begins
};

/// Finds a name in a zone.
/// @param name  at or below the zone's apex, which begins at label `apex`.
/// @param wants_ds  a query for DS is answered at the cut itself, from above.
/// @source RFC 1034 section 4.3.2 step 3, RFC 4592 section 3.3, RFC 4035 section 3.1.4.1.
Match find_match(const Zone& zone, const dns::FoldedName& name, std::size_t apex,
                 bool wants_ds) noexcept;

}  // namespace rota::zone
