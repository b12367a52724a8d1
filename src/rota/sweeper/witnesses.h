#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"

// A member that died without leaving says nothing any more, so others bear witness: its probe (P),
// the fleet that it was an instance of (F), its lease (L). Here is what a sweeper remembers of what
// they said; plan.h judges it. Pure: what comes from outside comes as an argument, `now` too.
namespace rota::sweeper {

/// What the witnesses said of one member. A record set with other values is another member.
struct MemberMemory {
    std::vector<std::string> values;
    BootTime first_seen;

    bool was_alive = false;  ///< a probe of this sweeper has passed
    unsigned failures = 0;   ///< probes in a row
    BootTime failing_since;
    std::string failure;  ///< what the last one said

    unsigned gone_polls = 0;        ///< polls since it was last running: terminated, or not known
    unsigned terminated_polls = 0;  ///< of these, the ones that said terminated
    BootTime gone_since;

    bool held_lease = false;
    std::optional<BootTime> lease_over;  ///< when it ran out
    BootTime lease_over_noticed;
};

/// One rota as a sweeper knows it.
struct RotaMemory {
    std::vector<route53::RawRecordSet> record_sets;  ///< of its name and type, as last read
    std::map<std::string, MemberMemory, std::less<>> members;  ///< those with a set identifier
    std::vector<BootTime> removals;       ///< oldest first; see note_removals()
    std::optional<BootTime> leases_seen;  ///< when they were last told
    std::chrono::milliseconds longest_lease{0};
};

enum class InstanceState : std::uint8_t { running, terminated };

/// The instances that a fleet source knows.
using Fleet = std::map<std::string, InstanceState, std::less<>>;

/// Right after a restart the server knows no lease yet, and some agents have not come back to it.
inline constexpr std::chrono::seconds kLeastServerUptime{30};

/// Takes in what the API lists. Members that are gone, or have another value, are forgotten.
void see_record_sets(RotaMemory& memory, std::vector<route53::RawRecordSet> record_sets,
                     BootTime now);

/// Takes in one probe of a member; of one that is not listed, nothing.
void see_probe(RotaMemory& memory, std::string_view set_identifier, bool passed,
               std::string_view detail, BootTime now);

/// Takes in one poll of the fleet source. One that knows no running instance at all is no witness:
/// a file that is being written looks like that.
void see_fleet(RotaMemory& memory, const Fleet& fleet, BootTime now);

/// Takes in the leases of this rota. While the server is young none counts as run out.
void see_leases(RotaMemory& memory, const route53::LeaseList& list, BootTime now);

/// Takes in that so many members were removed, or may have been.
void note_removals(RotaMemory& memory, unsigned count, BootTime now);

}  // namespace rota::sweeper
