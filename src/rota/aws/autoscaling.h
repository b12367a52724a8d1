#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/aws/credentials.h"
#include "rota/aws/query.h"
#include "rota/base/error.h"
#include "rota/http/client.h"

// As much of Amazon EC2 Auto Scaling as an instance needs to take its leave, and a sweeper to know
// who is there.
// @source Amazon EC2 Auto Scaling API Reference, version 2011-01-01.
namespace rota::aws {

/// Which wait is meant: by instance, so that no token need be handed around.
struct LifecycleAction {
    std::string hook;
    std::string group;
    std::string instance_id;
};

struct AutoScalingInstance {
    std::string instance_id;
    std::string group;
    std::string lifecycle_state;  ///< "InService", "Terminating:Wait", …
    std::string health_status;    ///< "HEALTHY", "Healthy", "Unhealthy"

    friend bool operator==(const AutoScalingInstance&, const AutoScalingInstance&) = default;
};

struct LifecycleHook {
    std::string name;
    std::string group;
    std::string transition;  ///< "autoscaling:EC2_INSTANCE_TERMINATING" or …LAUNCHING
    std::chrono::seconds heartbeat_timeout{3600};
    std::chrono::seconds global_timeout{172800};
    std::string default_result;  ///< "CONTINUE" or "ABANDON"

    friend bool operator==(const LifecycleHook&, const LifecycleHook&) = default;
};

bool is_for_termination(const LifecycleHook& hook) noexcept;
bool is_for_launch(const LifecycleHook& hook) noexcept;

struct AutoScalingGroup {
    std::string name;
    std::vector<AutoScalingInstance> instances;

    friend bool operator==(const AutoScalingGroup&, const AutoScalingGroup&) = default;
};

/// True when there is no such wait any more (or not yet): it was completed, or ran out.
bool says_no_active_action(const QueryError& error);

// The answers, read. Every string is as the API wrote it. @errors bad_input: says what is missing.
Result<Page<AutoScalingInstance>> decode_auto_scaling_instances(std::string_view body);
Result<std::vector<LifecycleHook>> decode_lifecycle_hooks(std::string_view body);
Result<Page<AutoScalingGroup>> decode_auto_scaling_groups(std::string_view body);
Status decode_lifecycle_action_completed(std::string_view body);
Status decode_lifecycle_heartbeat_recorded(std::string_view body);

/// One request, one answer: no retries here. One thread at a time.
class AutoScaling {
public:
    AutoScaling(QueryEndpoint endpoint, std::shared_ptr<CredentialProvider> credentials,
                http::ClientOptions options);

    /// Ends a wait with CONTINUE; never with ABANDON, which would terminate an instance for want of
    /// a record set.  @errors conflict: says_no_active_action.
    QueryResult<void> complete(const LifecycleAction& action);

    /// Makes the wait last for another heartbeat timeout. @errors as complete().
    QueryResult<void> record_heartbeat(const LifecycleAction& action);

    /// Nothing when the instance is in no group.
    QueryResult<std::optional<AutoScalingInstance>> describe_instance(std::string_view instance_id);

    QueryResult<std::vector<LifecycleHook>> describe_hooks(std::string_view group);

    /// A page of up to 100 groups. @param names  empty: all of the region's.
    QueryResult<Page<AutoScalingGroup>> describe_groups(const std::vector<std::string>& names,
                                                        std::string_view token);

    /// Every page of them.
    QueryResult<std::vector<AutoScalingGroup>> describe_all_groups(
        const std::vector<std::string>& names);

    /// Limits the next calls: each ends by then at the latest.
    void set_call_timeout(std::chrono::milliseconds timeout) { client_.set_call_timeout(timeout); }

private:
    [[nodiscard]] std::string arn_of(std::string_view group) const;

    QueryClient client_;
};

}  // namespace rota::aws
