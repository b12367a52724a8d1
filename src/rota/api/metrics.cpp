#include "rota/api/metrics.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/base/metrics.h"

namespace rota::api {

void RequestCounters::count(std::string_view operation, int status) {
    counts_.with([&](auto& counts) { ++counts[{std::string{operation}, status}]; });
}

void RequestCounters::write(MetricsText& out) const {
    out.family("rota_api_requests_total", MetricsText::Type::counter,
               "Requests to the API, by operation and HTTP status.");
    counts_.with([&](const auto& counts) {
        for (const auto& [key, value] : counts) {
            out.sample({{"operation", key.first}, {"status", fmt::format("{}", key.second)}},
                       value);
        }
    });
}

}  // namespace rota::api
