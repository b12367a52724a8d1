#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/probes.h"

// The texts of health checks: the one-line forms, status sets, an agent's words, a unit's
// properties. What is written is read again as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota::health;
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    if (const auto check = parse_check(text)) {
        ROTA_ASSERT(check->text == text && !check->target.empty());
        ROTA_ASSERT(validate(*check));
    } else {
        ROTA_ASSERT(check.error().kind == rota::ErrorKind::config);
    }
    if (const auto set = StatusSet::parse(text)) {
        ROTA_ASSERT(StatusSet::parse(set->text()) == *set);
    }
    auto report = parse_agent_check(text);
    report.unknown.clear();
    const std::string line = format_agent_check(report);
    ROTA_ASSERT(line.find_first_of("\r\n") == line.size() - 1);
    ROTA_ASSERT(parse_agent_check(line) == report);
    static_cast<void>(judge_unit("app", text));
    return 0;
}
