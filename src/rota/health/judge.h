#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"

// From observations to a verdict; pure. A target is initial until initial_rise passes or fall
// failures in a row have been seen; then `fall` failures in a row make it unhealthy and `rise`
// passes in a row healthy again. One that flaps waits longer to return: see flap_delay().
namespace rota::health {

enum class Verdict : std::uint8_t { initial, healthy, unhealthy };

std::string_view to_string(Verdict verdict) noexcept;

/// Three changes between healthy and unhealthy within so long are flapping.
inline constexpr std::chrono::seconds kFlapWindow{300};
inline constexpr std::size_t kFlapChanges = 3;
/// No return is delayed further than this (unless rise * interval is longer in itself).
inline constexpr std::chrono::seconds kLongestFlapDelay{200};

/// One check's memory; a value, to be copied and compared.
struct Judge {
    Verdict verdict = Verdict::initial;
    bool is_passing = false;  ///< of the run of like observations that goes on now
    unsigned run = 0;         ///< its length
    BootTime run_began;
    unsigned doublings = 0;                             ///< of the return delay
    unsigned changes = 0;                               ///< between healthy and unhealthy, in all
    std::array<BootTime, kFlapChanges> last_changes{};  ///< newest first, `changes` of them
    std::string reason;  ///< the last observation's words, with the run while it does not count yet
};

/// Takes in one observation. A neutral one changes nothing, but for an agent that answered without
/// a word about its health: a target that is still initial passes by it (HAProxy starts its servers
/// as up).
/// @param now  not before the observation before.
/// @returns the verdict, which is judge.verdict too.
Verdict observe(Judge& judge, const Check& check, const Observation& observation, BootTime now);

/// How long a run of passes must have lasted before an unhealthy target returns: rise * interval,
/// doubled for each time that it became unhealthy by its third change in 5 minutes (and halved for
/// each time that it was not), up to 200 s. Without doublings the passes alone decide.
/// @source gdnsd's up_thresh of 20 as the model of the longest one: 20 * 10 s.
std::chrono::milliseconds flap_delay(const Check& check, unsigned doublings) noexcept;

/// The earliest time at which the run of passes of an unhealthy target can bring it back; nothing
/// while it does not pass, or when no delay holds it.
std::optional<BootTime> return_not_before(const Judge& judge, const Check& check) noexcept;

/// Unhealthy if any is, healthy when all are (and when there is none), initial otherwise.
Verdict combine(std::span<const Verdict> verdicts) noexcept;

}  // namespace rota::health
