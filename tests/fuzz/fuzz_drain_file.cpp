#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/instance/drain_file.h"

// Any text as an order to drain: it is one, its reason could forge no line of the journal, it ends
// within a century or when told, by the steady clock in its own boot alone, and what was understood
// is written and read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota;
    using namespace rota::instance;
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    const DrainOrder order = parse_drain_order(text);
    ROTA_ASSERT(std::ranges::none_of(
        order.reason, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }));
    ROTA_ASSERT(order.until || !order.boot_end);
    constexpr std::chrono::hours kCentury{24 * 365 * 100};
    for (const char* const boot : {"this", ""}) {
        const Moment now{.boot = boot,
                         .steady = BootTime{std::chrono::hours{1000}},
                         .wall = WallTime{std::chrono::hours{500'000}}};
        const auto end = end_of(order, now);
        ROTA_ASSERT(end.has_value() == order.until.has_value());
        ROTA_ASSERT(!end || end->steady <= now.steady + kCentury);
        const bool is_this = order.boot_end && order.boot_end->boot == now.boot;
        ROTA_ASSERT(!end || (is_this ? end->steady == order.boot_end->end
                                     : end->steady >= now.steady && end->wall == order.until));
    }
    if (order.until && !parse_rfc3339(format_rfc3339(*order.until))) {
        return 0;  // the leap second at the end of the year 9999, which no date can be written for
    }
    const DrainOrder once = parse_drain_order(to_text(order));
    ROTA_ASSERT(once.boot_end == order.boot_end && once.takes_last == order.takes_last);
    ROTA_ASSERT(once.until.has_value() == order.until.has_value());
    ROTA_ASSERT(parse_drain_order(to_text(once)) == once);
    return 0;
}
