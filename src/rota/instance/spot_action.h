#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/instance/address.h"

// The notice that EC2 takes a spot instance back: two minutes ahead for stop and terminate, none
// for hibernate. It is not withdrawn.
// @source EC2 User Guide, "Spot Instance interruption notices", instance-action.
namespace rota::instance {

inline constexpr std::string_view kSpotActionPath = "meta-data/spot/instance-action";

/// How long before its end an instance is told, at the least.
inline constexpr std::chrono::seconds kSpotNotice{120};

/// Whether EC2 may take the instance back. Where nobody says so, it may not.
/// @source EC2 User Guide, "Instance metadata categories", instance-life-cycle.
bool is_spot_instance(const Metadata& metadata);

enum class SpotActionKind : std::uint8_t {
    terminate,
    stop,
    hibernate,  ///< begins at once, whatever its time says
    other,      ///< a word of tomorrow: an end all the same
};

struct SpotAction {
    SpotActionKind kind = SpotActionKind::terminate;
    std::string word;  ///< as the service wrote it
    WallTime time;     ///< when it happens, approximately

    friend bool operator==(const SpotAction&, const SpotAction&) = default;
};

/// Reads {"action":"terminate","time":"2017-09-18T08:22:00Z"}. @errors bad_input: names the item.
Result<SpotAction> parse_spot_action(std::string_view text);

}  // namespace rota::instance
