#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/aws/credentials.h"
#include "rota/aws/query.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"

// As much of EC2 as a sweeper needs to know which instances are alive.
// @source Amazon EC2 API Reference, version 2016-11-15, DescribeInstances.
namespace rota::aws {

enum class InstanceState : std::uint8_t {
    pending,
    running,
    shutting_down,
    terminated,
    stopping,
    stopped,
    other,  ///< a word of tomorrow
};

struct Ec2Instance {
    std::string instance_id;
    InstanceState state = InstanceState::other;
    std::string state_word;  ///< as the API wrote it: "shutting-down"
    std::string public_ipv4;
    std::string private_ipv4;
    std::vector<std::string> ipv6;
    std::optional<WallTime> launched;

    friend bool operator==(const Ec2Instance&, const Ec2Instance&) = default;
};

/// @errors bad_input: says what is missing.
Result<Page<Ec2Instance>> decode_instances(std::string_view body);

/// How many instances one request may name: the values of a filter.
inline constexpr std::size_t kMostFilterValues = 200;

/// One request, one answer: no retries here. One thread at a time.
class Ec2 {
public:
    Ec2(QueryEndpoint endpoint, std::shared_ptr<CredentialProvider> credentials,
        http::ClientOptions options);

    /// A page of up to 1000 instances. Asked for by a filter, not by InstanceId: an instance that
    /// EC2 has forgotten (about an hour after its end) is then left out, and does not fail the
    /// others; and pages go with filters alone.
    /// @param ids  at most kMostFilterValues; empty: all of the region's.
    QueryResult<Page<Ec2Instance>> describe_instances(std::span<const std::string> ids,
                                                      std::string_view token);

    /// Every page of them, in as many requests as it takes. No ids, no request.
    QueryResult<std::vector<Ec2Instance>> describe_all_instances(std::span<const std::string> ids);

    /// Limits the next calls: each ends by then at the latest.
    void set_call_timeout(std::chrono::milliseconds timeout) { client_.set_call_timeout(timeout); }

private:
    QueryClient client_;
};

}  // namespace rota::aws
