#include "rota/aws/autoscaling.h"

#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/credentials.h"
#include "rota/aws/error_codes.h"
#include "rota/aws/query.h"
#include "rota/aws/query_xml.h"
#include "rota/aws/xml.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

using std::chrono::seconds;

http::QueryParameters parameters_of(const LifecycleAction& action) {
    return {{"LifecycleHookName", action.hook},
            {"AutoScalingGroupName", action.group},
            {"InstanceId", action.instance_id}};
}

/// @param group  where the element itself does not say.
Result<AutoScalingInstance> read_instance(const pugi::xml_node& element, std::string_view group) {
    AutoScalingInstance instance;
    instance.instance_id = ROTA_TRY(required_text(element, "InstanceId"));
    instance.lifecycle_state = ROTA_TRY(required_text(element, "LifecycleState"));
    instance.health_status = optional_text(element, "HealthStatus");
    instance.group = optional_text(element, "AutoScalingGroupName");
    if (instance.group.empty()) {
        instance.group = group;
    }
    return instance;
}

Result<LifecycleHook> read_hook(const pugi::xml_node& element) {
    LifecycleHook hook;
    hook.name = ROTA_TRY(required_text(element, "LifecycleHookName"));
    hook.group = optional_text(element, "AutoScalingGroupName");
    hook.transition = ROTA_TRY(required_text(element, "LifecycleTransition"));
    if (!optional_text(element, "HeartbeatTimeout").empty()) {
        hook.heartbeat_timeout = seconds{ROTA_TRY(required_seconds(element, "HeartbeatTimeout"))};
    }
    if (!optional_text(element, "GlobalTimeout").empty()) {
        hook.global_timeout = seconds{ROTA_TRY(required_seconds(element, "GlobalTimeout"))};
    }
    hook.default_result = optional_text(element, "DefaultResult");
    return hook;
}

Result<AutoScalingGroup> read_group(const pugi::xml_node& element) {
    AutoScalingGroup group;
    group.name = ROTA_TRY(required_text(element, "AutoScalingGroupName"));
    const pugi::xml_node list = xml::child(element, "Instances");
    for (pugi::xml_node node = xml::first_element(list); node; node = xml::next_element(node)) {
        group.instances.push_back(ROTA_TRY(read_instance(node, group.name)));
    }
    return group;
}

/// The Result element of an answer: it is there even when it is empty.
Result<pugi::xml_node> open_result(pugi::xml_document& document, std::string_view body,
                                   std::string_view action) {
    const pugi::xml_node root =
        ROTA_TRY(open_answer(document, body, fmt::format("{}Response", action)));
    const std::string name = fmt::format("{}Result", action);
    const pugi::xml_node result = xml::child(root, name);
    if (!result) {
        return fail(ErrorKind::bad_input, fmt::format("the answer has no {}", name));
    }
    return result;
}

/// @param read  makes an item of an element of the list.
template <typename T, typename Read>
Result<Page<T>> read_page(std::string_view body, std::string_view operation,
                          std::string_view list_name, Read read) {
    pugi::xml_document document;
    const pugi::xml_node result = ROTA_TRY(open_result(document, body, operation));
    Page<T> page;
    const pugi::xml_node list = xml::child(result, list_name);
    for (pugi::xml_node node = xml::first_element(list); node; node = xml::next_element(node)) {
        page.items.push_back(ROTA_TRY(read(node)));
    }
    page.next_token = optional_text(result, "NextToken");
    return page;
}

}  // namespace

bool is_for_termination(const LifecycleHook& hook) noexcept {
    return hook.transition == "autoscaling:EC2_INSTANCE_TERMINATING";
}

bool is_for_launch(const LifecycleHook& hook) noexcept {
    return hook.transition == "autoscaling:EC2_INSTANCE_LAUNCHING";
}

bool says_no_active_action(const QueryError& error) {
    return error.code == "ValidationError" && error.error.kind == ErrorKind::conflict;
}

Result<Page<AutoScalingInstance>> decode_auto_scaling_instances(std::string_view body) {
    return read_page<AutoScalingInstance>(
        body, "DescribeAutoScalingInstances", "AutoScalingInstances",
        [](const pugi::xml_node& node) { return read_instance(node, ""); });
}

Result<std::vector<LifecycleHook>> decode_lifecycle_hooks(std::string_view body) {
    Page<LifecycleHook> page = ROTA_TRY(
        read_page<LifecycleHook>(body, "DescribeLifecycleHooks", "LifecycleHooks", read_hook));
    return std::move(page.items);
}

Result<Page<AutoScalingGroup>> decode_auto_scaling_groups(std::string_view body) {
    return read_page<AutoScalingGroup>(body, "DescribeAutoScalingGroups", "AutoScalingGroups",
                                       read_group);
}

Status decode_lifecycle_action_completed(std::string_view body) {
    pugi::xml_document document;
    ROTA_CHECK(open_answer(document, body, "CompleteLifecycleActionResponse"));
    return {};
}

Status decode_lifecycle_heartbeat_recorded(std::string_view body) {
    pugi::xml_document document;
    ROTA_CHECK(open_answer(document, body, "RecordLifecycleActionHeartbeatResponse"));
    return {};
}

AutoScaling::AutoScaling(QueryEndpoint endpoint, std::shared_ptr<CredentialProvider> credentials,
                         http::ClientOptions options)
    : client_{kAutoScaling, std::move(endpoint), std::move(credentials), std::move(options)} {}

std::string AutoScaling::arn_of(std::string_view group) const {
    const std::string& region = client_.endpoint().region;
    return fmt::format("arn:{}:autoscaling:{}:*:autoScalingGroup:*:autoScalingGroupName/{}",
                       partition_of(region), region, group);
}

QueryResult<void> AutoScaling::complete(const LifecycleAction& action) {
    http::QueryParameters parameters = parameters_of(action);
    parameters.emplace_back("LifecycleActionResult", "CONTINUE");
    return client_.call({"CompleteLifecycleAction", arn_of(action.group)}, parameters,
                        decode_lifecycle_action_completed);
}

QueryResult<void> AutoScaling::record_heartbeat(const LifecycleAction& action) {
    return client_.call({"RecordLifecycleActionHeartbeat", arn_of(action.group)},
                        parameters_of(action), decode_lifecycle_heartbeat_recorded);
}

QueryResult<std::optional<AutoScalingInstance>> AutoScaling::describe_instance(
    std::string_view instance_id) {
    auto page = client_.call({"DescribeAutoScalingInstances", ""},
                             {{"InstanceIds.member.1", std::string{instance_id}}},
                             decode_auto_scaling_instances);
    if (!page) {
        return std::unexpected(std::move(page).error());
    }
    for (AutoScalingInstance& instance : page->items) {
        if (instance.instance_id == instance_id) {
            return std::move(instance);
        }
    }
    return std::nullopt;
}

QueryResult<std::vector<LifecycleHook>> AutoScaling::describe_hooks(std::string_view group) {
    return client_.call({"DescribeLifecycleHooks", ""},
                        {{"AutoScalingGroupName", std::string{group}}}, decode_lifecycle_hooks);
}

QueryResult<Page<AutoScalingGroup>> AutoScaling::describe_groups(
    const std::vector<std::string>& names, std::string_view token) {
    http::QueryParameters parameters;
    for (std::size_t i = 0; i < names.size(); ++i) {
        parameters.emplace_back(fmt::format("AutoScalingGroupNames.member.{}", i + 1), names[i]);
    }
    parameters.emplace_back("MaxRecords", "100");
    parameters.emplace_back("NextToken", std::string{token});
    return client_.call({"DescribeAutoScalingGroups", ""}, parameters, decode_auto_scaling_groups);
}

QueryResult<std::vector<AutoScalingGroup>> AutoScaling::describe_all_groups(
    const std::vector<std::string>& names) {
    return all_pages<AutoScalingGroup>(
        [&](std::string_view token) { return describe_groups(names, token); });
}

}  // namespace rota::aws
