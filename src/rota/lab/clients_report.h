#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"

// What `rota lab-clients` tells the lab, several times a second: a line of JSON.
namespace rota::lab {

/// What the clients saw of one address; sums since the start.
struct AddressReport {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t opened = 0;
    std::uint64_t open = 0;
    std::optional<BootTime> last_opened;
    std::optional<BootTime> last_answer;
};

struct FailedRequest {
    BootTime at;
    std::string address;
    std::string what;
};

/// Sums since the start, too.
struct DnsCounters {
    std::uint64_t look_ups = 0;
    std::uint64_t hits = 0;
    std::uint64_t queries = 0;
    std::uint64_t failures = 0;
};

struct ClientsReport {
    BootTime at;  ///< when the clients wrote it
    std::map<std::string, AddressReport> addresses;
    std::vector<FailedRequest> failures;  ///< those since the report before, some of them
    DnsCounters dns;
    double p50_ms = 0;  ///< of the last two seconds
    double p99_ms = 0;
    double all_p50_ms = 0;
    double all_p99_ms = 0;
};

/// Without the line's end.
std::string to_line(const ClientsReport& report);

/// Reads such a line; nothing when it is none.
std::optional<ClientsReport> parse_clients_report(std::string_view line);

}  // namespace rota::lab
