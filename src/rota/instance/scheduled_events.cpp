#include "rota/instance/scheduled_events.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/base/time_format.h"
#include "rota/instance/item_json.h"

namespace rota::instance {
namespace {

constexpr std::array<std::pair<std::string_view, EventCode>, 5> kCodes{
    {{"instance-stop", EventCode::instance_stop},
     {"instance-retirement", EventCode::instance_retirement},
     {"instance-reboot", EventCode::instance_reboot},
     {"system-reboot", EventCode::system_reboot},
     {"system-maintenance", EventCode::system_maintenance}}};

EventCode code_of(std::string_view word) {
    for (const auto& [name, code] : kCodes) {
        if (name == word) {
            return code;
        }
    }
    return EventCode::other;
}

EventState state_of(std::string_view word) {
    return word == "active"      ? EventState::active
           : word == "completed" ? EventState::completed
           : word == "canceled"  ? EventState::canceled
                                 : EventState::other;
}

Result<ScheduledEvent> read_event(const nlohmann::json& value, std::size_t number) {
    const auto refuse = [number](std::string_view why) {
        return fail(ErrorKind::bad_input, fmt::format("the metadata service's {}: event {} {}",
                                                      kScheduledEventsPath, number, why));
    };
    ScheduledEvent event;
    auto code = word_of(value, "Code");
    if (!code || code->empty()) {
        return refuse("has no Code");
    }
    event.code = code_of(*code);
    event.code_word = *std::move(code);
    event.state = state_of(word_of(value, "State").value_or("active"));
    event.id = word_of(value, "EventId").value_or("");
    event.description = word_of(value, "Description").value_or("");
    const std::string begin = word_of(value, "NotBefore").value_or("");
    const auto not_before = parse_event_time(begin);
    if (!not_before) {
        return refuse(fmt::format("({}) begins at no time: NotBefore is '{}'", event.code_word,
                                  excerpt(begin)));
    }
    event.not_before = *not_before;
    event.not_after = parse_event_time(word_of(value, "NotAfter").value_or(""));
    return event;
}

}  // namespace

Result<std::vector<ScheduledEvent>> parse_scheduled_events(std::string_view text) {
    std::vector<ScheduledEvent> events;
    if (trimmed(text).empty()) {
        return events;
    }
    const nlohmann::json list = ROTA_TRY(parse_item(kScheduledEventsPath, text));
    if (!list.is_array()) {
        return not_understood(kScheduledEventsPath, "list of events", text);
    }
    events.reserve(list.size());
    for (const nlohmann::json& value : list) {
        events.push_back(ROTA_TRY(read_event(value, events.size() + 1)));
    }
    return events;
}

std::optional<WallTime> parse_event_time(std::string_view text) {
    if (const auto time = parse_rfc3339(text)) {
        return time;
    }
    // An IMF-fixdate without its day of the week, and with one digit or two for the day.
    const bool has_one_digit = text.find(' ') == 1;
    return parse_http_date(fmt::format("Sun, {}{}", has_one_digit ? "0" : "", text));
}

}  // namespace rota::instance
