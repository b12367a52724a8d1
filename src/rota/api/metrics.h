#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "rota/base/guarded.h"
#include "rota/base/metrics.h"

namespace rota::api {

/// Requests by operation and status.
class RequestCounters {
public:
    void count(std::string_view operation, int status);
    void write(MetricsText& out) const;

private:
    Guarded<std::map<std::pair<std::string, int>, std::uint64_t>> counts_;
};

}  // namespace rota::api
