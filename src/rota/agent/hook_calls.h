#pragma once

#include <memory>
#include <string>

#include "rota/agent/calls.h"
#include "rota/agent/hooks.h"
#include "rota/aws/autoscaling.h"
#include "rota/base/error.h"

namespace rota::agent {

/// The edge that asks Auto Scaling: blocking, one at a time, no retries of its own.
class HookCaller {
public:
    /// @param group  as configured; empty: asked for.
    HookCaller(std::shared_ptr<const Surroundings> surroundings, std::string group)
        : surroundings_{std::move(surroundings)}, group_{std::move(group)} {}

    HooksFound find();
    HookCalled call(const CallHook& action);

private:
    Status open();
    Result<Hooks> find_hooks();

    std::shared_ptr<const Surroundings> surroundings_;
    std::string group_;
    std::string instance_id_;
    std::unique_ptr<aws::AutoScaling> client_;  ///< made with the first call
};

}  // namespace rota::agent
