#pragma once

#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/http/message.h"
#include "rota/lab/group.h"

namespace rota::lab {

/// Answers one signed request of the query APIs of Auto Scaling (2011-01-01) and EC2 (2016-11-15):
/// DescribeAutoScalingGroups, DescribeAutoScalingInstances, DescribeLifecycleHooks,
/// CompleteLifecycleAction, RecordLifecycleActionHeartbeat and DescribeInstances. Both are at one
/// address: no action is in both. Any other action gets InvalidAction.
/// @source Amazon EC2 Auto Scaling API Reference and Amazon EC2 API Reference, "Making API
/// requests", "Common errors".
http::Response answer_query(Group& group, const aws::Credentials& keys,
                            const http::Request& request, WallTime now);

}  // namespace rota::lab
