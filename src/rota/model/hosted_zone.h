#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rota/base/clock.h"
#include "rota/model/record_set.h"

namespace rota::model {

/// A hosted zone without its record sets.
struct HostedZone {
    std::string id;  ///< "Z" and upper-case letters and digits, without "/hostedzone/"
    dns::Name name;
    std::string caller_reference;
    std::string comment;
    bool private_zone = false;
    std::vector<dns::Name> name_servers;
};

using RecordSets = std::map<RecordKey, RecordSet>;

enum class ChangeStatus : std::uint8_t { pending, insync };

/// One accepted change (of record sets or of a zone), as GetChange tells it.
struct ChangeInfo {
    std::string id;  ///< "C" and upper-case letters and digits, without "/change/"
    ChangeStatus status = ChangeStatus::pending;
    WallTime submitted_at;
    std::string comment;
};

}  // namespace rota::model
