#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/route53/messages.h"
#include "rota/sweeper/witnesses.h"

// The judgement over the witnesses; pure. A member is removed on two of three: the probe failed for
// its threshold, after it had once passed (P); two polls of the fleet said terminated, or did not
// know an instance that is no longer young (F); the lease that it held ran out (L). Terminated
// twice suffices alone: the address may answer for a stranger by now, and then its probe passes.
namespace rota::sweeper {

struct Settings {
    /// Set identifiers of members that may be removed: `*` stands for anything, `?` for one
    /// character, everything else for itself.
    std::vector<std::string> own{"i-*"};
    unsigned fall = 3;  ///< probes in a row
    /// Between passes; and what is removed within so long counts against the cap together.
    std::chrono::seconds interval{30};
    /// A fleet source may learn of an instance later than DNS does.
    std::chrono::seconds young{300};
    unsigned most_percent = 20;  ///< of a rota in a pass; one member always may
};

enum class Verdict : std::uint8_t {
    remove,
    one_witness,  ///< stays: two are needed
    foreign,      ///< stays: no agent's
    last,         ///< stays: the name would go empty
    next_pass,    ///< stays until then
    cap,          ///< stays: as many as may have gone
};

/// "remove", "one_witness", …, for logs and JSON.
std::string_view to_string(Verdict verdict) noexcept;

/// About one member with a witness against it, or more.
struct Decision {
    std::string set_identifier;
    std::vector<std::string> values;
    Verdict verdict = Verdict::one_witness;
    std::string reason;                    ///< the witnesses; and what keeps it, if it stays
    std::chrono::milliseconds dangled{0};  ///< since the first sign that it is dead
    std::chrono::milliseconds wait{0};     ///< until the next pass
};

struct Plan {
    route53::RawChangeBatch batch;    ///< the deletions, each as it was read
    std::vector<Decision> decisions;  ///< in order of set identifiers
};

/// What is to be removed from a rota now, and why, and why not. Never: a record set that no agent
/// made (see is_owned()), the last member, more than the cap within an interval. Passes are an
/// interval apart, except that one follows at once on a lease that ran out, with what the cap of
/// the interval leaves.
Plan plan(const RotaMemory& memory, const Settings& settings, BootTime now);

/// Whether an agent may have made it: weighted, one address, no alias, no health check, and a set
/// identifier that the patterns know.
bool is_owned(const route53::RawRecordSet& record_set, const std::vector<std::string>& own);

/// `*` stands for anything, `?` for one character.
bool matches(std::string_view pattern, std::string_view text) noexcept;

}  // namespace rota::sweeper
