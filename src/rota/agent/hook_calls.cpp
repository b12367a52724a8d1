#include "rota/agent/hook_calls.h"

#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rota/agent/hooks.h"
#include "rota/aws/autoscaling.h"
#include "rota/aws/query.h"
#include "rota/base/error.h"
#include "rota/instance/address.h"

namespace rota::agent {
namespace {

constexpr std::chrono::seconds kCallTimeout{5};

}  // namespace

Status HookCaller::open() {
    if (client_) {
        return {};
    }
    instance_id_ = ROTA_TRY(instance::find_instance_id(
        [imds = surroundings_->imds](std::string_view path) { return imds->get(path); }));
    const std::string region =
        ROTA_TRY(aws::find_region(surroundings_->environment, surroundings_->imds.get()));
    client_ = std::make_unique<aws::AutoScaling>(
        aws::choose_query_endpoint(aws::kAutoScaling, region,
                                   surroundings_->environment.auto_scaling_endpoint_url),
        surroundings_->credentials, surroundings_->http);
    client_->set_call_timeout(kCallTimeout);
    return {};
}

Result<Hooks> HookCaller::find_hooks() {
    ROTA_CHECK(open());
    auto instance = client_->describe_instance(instance_id_);
    if (!instance) {
        return std::unexpected(std::move(instance).error().error);
    }
    const auto& member = *instance;
    if (!member) {
        return Hooks{};
    }
    Hooks found{.group = group_.empty() ? member->group : group_,
                .state = member->lifecycle_state,
                .hooks = {}};
    const auto hooks = client_->describe_hooks(found.group);
    if (!hooks) {
        return std::unexpected(hooks.error().error);
    }
    for (const aws::LifecycleHook& hook : *hooks) {
        if (is_for_launch(hook) || is_for_termination(hook)) {
            found.hooks.push_back(
                {.name = hook.name,
                 .transition = is_for_launch(hook) ? Transition::launch : Transition::termination,
                 .heartbeat_timeout = hook.heartbeat_timeout,
                 .global_timeout = hook.global_timeout});
        }
    }
    return found;
}

HooksFound HookCaller::find() {
    auto hooks = find_hooks();
    if (!hooks) {
        return {.hooks = std::nullopt, .problem = std::move(hooks).error()};
    }
    return {.hooks = *std::move(hooks), .problem = {}};
}

HookCalled HookCaller::call(const CallHook& action) {
    if (const Status opened = open(); !opened) {
        return {.problem = opened.error()};
    }
    const aws::LifecycleAction wait{
        .hook = action.hook, .group = action.group, .instance_id = instance_id_};
    const auto answer = action.kind == CallHook::Kind::complete ? client_->complete(wait)
                                                                : client_->record_heartbeat(wait);
    if (answer) {
        return {};
    }
    return {.problem = answer.error().error, .is_over = aws::says_no_active_action(answer.error())};
}

}  // namespace rota::agent
