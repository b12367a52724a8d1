#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/instance/lifecycle_state.h"
#include "rota/instance/notices.h"
#include "rota/instance/rebalance.h"
#include "rota/instance/scheduled_events.h"
#include "rota/instance/spot_action.h"

// Any text as any item of the metadata service: it is understood whole or an error that names the
// item, and nothing that could forge a line of the journal comes through.
namespace {

using namespace rota::instance;

bool is_printable(std::string_view text) {
    constexpr std::string_view kEllipsis = "…";
    if (text.ends_with(kEllipsis)) {
        text.remove_suffix(kEllipsis.size());
    }
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

template <typename Parsed>
void check_error(const Parsed& parsed) {
    ROTA_ASSERT(parsed || (parsed.error().kind == rota::ErrorKind::bad_input &&
                           parsed.error().message.contains("meta-data/")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    const auto spot = parse_spot_action(text);
    check_error(spot);
    ROTA_ASSERT(!spot || (is_printable(spot->word) && !spot->word.empty()));
    check_error(parse_rebalance(text));
    const auto events = parse_scheduled_events(text);
    check_error(events);
    for (const ScheduledEvent& event : events ? *events : std::vector<ScheduledEvent>{}) {
        ROTA_ASSERT(is_printable(event.code_word) && !event.code_word.empty());
        ROTA_ASSERT(is_printable(event.id) && is_printable(event.description));
        ROTA_ASSERT(parse_event_time(rota::format_rfc3339_millis(event.not_before)).has_value());
    }
    const auto state = parse_lifecycle_state(text);
    check_error(state);
    ROTA_ASSERT(!state || is_printable(state->word));
    const auto notices =
        read_notices([text](std::string_view) { return std::optional{std::string{text}}; });
    ROTA_ASSERT(notices.has_value());
    ROTA_ASSERT(notices->spot.has_value() == spot.has_value());
    return 0;
}
