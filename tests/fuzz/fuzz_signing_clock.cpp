#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rota/aws/signing_clock.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"

// Any octets as the Date of a refusal: nothing is learned, or a time of this century that is
// written as it was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace std::chrono;
    rota::log::configure(rota::log::Level::error, rota::log::Format::key_value);
    const std::string_view date{reinterpret_cast<const char*>(octets), size};
    constexpr rota::WallTime kNow = sys_days{year{2026} / 11 / 22} + hours{16};
    rota::aws::SigningClock clock;
    if (clock.learn(kNow, date, kNow, "api")) {
        ROTA_ASSERT(clock.now(kNow) == rota::parse_http_date(date));
        ROTA_ASSERT(clock.now(kNow) >= sys_days{year{2025} / 1 / 1});
        ROTA_ASSERT(clock.now(kNow) < sys_days{year{2100} / 1 / 1});
    } else {
        ROTA_ASSERT(clock.now(kNow) == kNow);
    }
    if (const auto read = rota::parse_http_date(date);
        read && *read < sys_days{year{9999} / 1 / 1}) {
        ROTA_ASSERT(rota::parse_http_date(rota::format_http_date(*read)) == read);
    }
    return 0;
}
