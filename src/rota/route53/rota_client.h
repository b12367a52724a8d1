#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/aws/credentials.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/client.h"
#include "rota/route53/client.h"

// The API that `rota serve` has beyond Route 53's, for agents and sweepers: docs/api.md, /rota/v1/.
namespace rota::route53 {

/// A member of a rota.
struct MemberId {
    std::string zone_id;  ///< with or without "/hostedzone/"
    dns::Name name;
    dns::Type type = dns::Type::a;
    std::string set_identifier;
};

/// When a member was last given out.
struct MemberAge {
    bool is_gone = false;
    bool insync = false;
    std::optional<std::chrono::milliseconds> since_last_answer;  ///< nothing: never, or long ago
    std::chrono::seconds largest_ttl{0};
    std::chrono::milliseconds watched_since{0};
    bool authoritative_for_all_answers = false;
};

/// How long a deleted member must still be expected in caches: its largest TTL and the margin, less
/// its age; 0 when that is past.
/// @returns nothing when the age proves nothing (not gone, not INSYNC, other servers answer too,
/// the server has watched for less than the largest TTL and the margin): then the fixed floor
/// holds.
std::optional<std::chrono::milliseconds> left_to_drain(const MemberAge& age,
                                                       std::chrono::seconds margin);

struct LoadReport {
    std::optional<double> utilisation;  ///< 1 is all that the member can carry
    std::optional<double> requests_per_second;
    std::optional<double> errors_per_second;
    std::optional<double> in_flight;
    std::optional<double>
        in_service_seconds;  ///< since it joined; an agent that found it there has none
    bool draining = false;
};

/// Where a sweeper may probe a member; without a path by TCP alone.
struct ProbeTarget {
    std::uint16_t port = 0;
    std::string path;
};

struct Heartbeat {
    std::chrono::seconds lease{9};
    std::optional<ProbeTarget> probe;
    std::optional<LoadReport> load;
};

struct MemberReport {
    std::string set_identifier;
    std::chrono::milliseconds age{0};
    LoadReport load;
};

/// The rota as its members report it.
struct RotaReport {
    std::size_t members = 0;
    std::size_t reporting = 0;
    std::optional<double> mean_utilisation;
    std::vector<MemberReport> reports;  ///< at most 100
};

struct MemberLease {
    dns::Name name;
    dns::Type type = dns::Type::a;
    std::string set_identifier;
    bool is_held = false;
    std::chrono::milliseconds expires_in{0};  ///< negative when it has run out
    bool is_draining = false;
    std::optional<ProbeTarget> probe;
};

struct LeaseList {
    std::chrono::milliseconds server_uptime{0};
    std::vector<MemberLease> leases;
};

struct RotaCallError {
    Error error;
    std::string code;  ///< the API's; empty when it did not answer
    /// The endpoint has no such API: it is Route 53, or an older `rota serve`. Worth remembering.
    bool is_unsupported = false;
};

template <typename T>
using RotaResult = std::expected<T, RotaCallError>;

/// One request, one answer, one connection for many of them; no retries. One thread at a time.
class RotaClient {
public:
    RotaClient(Endpoint endpoint, std::shared_ptr<aws::CredentialProvider> credentials,
               http::ClientOptions options);
    ~RotaClient();
    RotaClient(const RotaClient&) = delete;
    RotaClient& operator=(const RotaClient&) = delete;
    RotaClient(RotaClient&&) = delete;
    RotaClient& operator=(RotaClient&&) = delete;

    /// @errors not_found: the member is not known (code NoSuchRecordSet, NoSuchHostedZone).
    RotaResult<MemberAge> age(const MemberId& member);

    /// Renews the member's lease. @errors as age().
    RotaResult<RotaReport> heartbeat(const MemberId& member, const Heartbeat& heartbeat);

    /// The leases of one rota.
    RotaResult<LeaseList> leases(std::string_view zone_id, const dns::Name& name, dns::Type type);

    /// Limits the next calls: each ends by then at the latest.
    void set_call_timeout(std::chrono::milliseconds timeout);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::route53
