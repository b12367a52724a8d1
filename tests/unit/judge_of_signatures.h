#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "rota/aws/credentials.h"
#include "rota/aws/signing_clock.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/time_format.h"
#include "rota/http/message.h"

namespace rota {

/// Keys that the judge knows.
inline aws::Environment environment_of_the_judge() {
    aws::Environment environment;
    environment.static_credentials = aws::Credentials{"AKIAJUDGE", "secret", "", {}};
    return environment;
}

/// Why an API with a clock as right as this machine's refuses a request.
inline std::optional<aws::AuthError> why_refused(const http::Request& request,
                                                 std::string_view service) {
    const auto judged =
        aws::verify(request, [](std::string_view) { return std::optional<std::string>{"secret"}; },
                    wall_now(), {.service = service});
    return judged ? std::nullopt : std::optional{judged.error()};
}

/// Two hours late, as if the machine's clock had been two hours ahead and was set since.
inline void set_wrong(aws::SigningClock& clock) {
    const WallTime now = wall_now();
    clock.learn(now, format_http_date(now - std::chrono::hours{2}), now, "an earlier API");
}

}  // namespace rota
