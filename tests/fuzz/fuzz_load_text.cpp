#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rota/base/error.h"
#include "rota/instance/connections.h"
#include "rota/instance/load.h"
#include "rota/instance/load_text.h"

// The texts that load comes from: the kernel's, an application's, the configured forms. Whatever
// they say, a figure is in its range.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota::instance;
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    const auto holds = [](const auto& figure, double most) {
        ROTA_ASSERT(!figure || (*figure >= 0 && *figure <= most));
    };
    if (const auto times = parse_cpu_times(text)) {
        ROTA_ASSERT(times->busy >= 0 && times->busy <= times->total);
        holds(busy_share({.busy = 1, .total = 2}, *times), 1);
    }
    if (const auto quota = parse_cpu_quota(text)) {
        ROTA_ASSERT(*quota >= 0);
    }
    static_cast<void>(parse_cpu_usage(text));
    holds(parse_pressure(text), 1);
    holds(parse_load_average(text, 2), kLargestUtilisation);
    holds(parse_memory(text), 1);
    if (const auto told = parse_told_load(text)) {
        holds(told->utilisation, kLargestUtilisation);
        ROTA_ASSERT(told->utilisation || told->requests || told->errors);
    } else {
        ROTA_ASSERT(told.error().kind == rota::ErrorKind::bad_input);
    }
    if (const auto source = parse_load_source(text)) {
        ROTA_ASSERT(source->text == text);
    } else {
        ROTA_ASSERT(source.error().kind == rota::ErrorKind::config);
    }
    if (const auto connection = parse_proc_connection(text)) {
        ROTA_ASSERT(!connection->peer.empty());
    }
    return 0;
}
