#pragma once

#include <string_view>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::route53 {

/// Reads every record set of one name and type, whatever its policy, page by page, as the API gives
/// it: what a DELETE must repeat. @errors bad_input: the pages come to no end.
CallResult<std::vector<RawRecordSet>> read_raw_group(Client& client, std::string_view zone_id,
                                                     const dns::Name& name, dns::Type type);

}  // namespace rota::route53
