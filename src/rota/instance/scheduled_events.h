#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"

// What AWS has scheduled for the instance or its host, days ahead as a rule.
// @source EC2 User Guide, "Scheduled events for your instances".
namespace rota::instance {

inline constexpr std::string_view kScheduledEventsPath = "meta-data/events/maintenance/scheduled";

enum class EventCode : std::uint8_t {
    instance_stop,        ///< stopped; it starts again on another host
    instance_retirement,  ///< stopped, or terminated where its root device is an instance store
    instance_reboot,
    system_reboot,       ///< the host reboots, the instance with it
    system_maintenance,  ///< network or power may be away for a while
    other,               ///< a word of tomorrow
};

enum class EventState : std::uint8_t { active, completed, canceled, other };

struct ScheduledEvent {
    EventCode code = EventCode::other;
    std::string code_word;  ///< as the service wrote it
    EventState state = EventState::active;
    std::string id;  ///< "instance-event-0d59937288b749b32"; may be empty
    std::string description;
    WallTime not_before;
    std::optional<WallTime> not_after;

    friend bool operator==(const ScheduledEvent&, const ScheduledEvent&) = default;
};

/// Reads the list as JSON; an empty one, or no text at all, is no event. An event that is not
/// understood makes the whole list an error: a list without it would say that it was called off.
/// @errors bad_input: names the item and the event.
Result<std::vector<ScheduledEvent>> parse_scheduled_events(std::string_view text);

/// "21 Jan 2019 09:00:43 GMT" as the service writes it, or RFC 3339; nothing for any other text.
std::optional<WallTime> parse_event_time(std::string_view text);

/// Still to come, or under way.
constexpr bool is_active(const ScheduledEvent& event) noexcept {
    return event.state == EventState::active;
}

}  // namespace rota::instance
