#pragma once

#include "rota/base/rng.h"
#include "rota/dns/reply.h"
#include "rota/zone/node.h"
#include "rota/zone/records.h"
#include "rota/zone/zone.h"

namespace rota::zone {

/// Writes a referral: the cut's NS records in the authority section and the addresses that the zone
/// has for them in the additional section. Glue at or below the cut must be there, or TC is set;
/// other addresses are left out where they do not fit.
/// @param names  the owner is the cut's name.
/// @returns whether an address that was written is a rota's member.
/// @source RFC 1034 section 4.3.2 step 3b, RFC 9471 section 3.
bool put_referral(dns::Reply& reply, const Zone& zone, const Node& cut, Names names,
                  Rng& rng) noexcept;

}  // namespace rota::zone
