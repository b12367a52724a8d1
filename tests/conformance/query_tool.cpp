// Calls the query APIs once a line of JSON, for tests/conformance/test_query_botocore.py:
//   {"do": "complete", "hook": …, "group": …, "instance": …}, "heartbeat" the same,
//   {"do": "instance", "instance": …}, {"do": "hooks", "group": …},
//   {"do": "groups", "names": […]}, {"do": "instances", "ids": […]}
// The endpoints, the region and the keys are those of the environment.
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "rota/aws/autoscaling.h"
#include "rota/aws/credentials.h"
#include "rota/aws/ec2.h"
#include "rota/aws/query.h"
#include "rota/base/time_format.h"
#include "rota/http/client.h"

namespace {

using nlohmann::json;
namespace aws = rota::aws;

json to_json(const aws::AutoScalingInstance& instance) {
    return {{"InstanceId", instance.instance_id},
            {"AutoScalingGroupName", instance.group},
            {"LifecycleState", instance.lifecycle_state},
            {"HealthStatus", instance.health_status}};
}

json to_json(const aws::LifecycleHook& hook) {
    return {{"LifecycleHookName", hook.name},
            {"AutoScalingGroupName", hook.group},
            {"LifecycleTransition", hook.transition},
            {"HeartbeatTimeout", hook.heartbeat_timeout.count()},
            {"GlobalTimeout", hook.global_timeout.count()},
            {"DefaultResult", hook.default_result}};
}

template <typename T>
json to_json(const std::vector<T>& list);

json to_json(const aws::AutoScalingGroup& group) {
    return {{"AutoScalingGroupName", group.name}, {"Instances", to_json(group.instances)}};
}

json to_json(const aws::Ec2Instance& instance) {
    return {{"InstanceId", instance.instance_id},
            {"State", instance.state_word},
            {"PublicIpAddress", instance.public_ipv4},
            {"PrivateIpAddress", instance.private_ipv4},
            {"Ipv6", instance.ipv6},
            {"LaunchTime", instance.launched ? rota::format_rfc3339(*instance.launched) : ""}};
}

template <typename T>
json to_json(const std::vector<T>& list) {
    json all = json::array();
    for (const auto& item : list) {
        all.push_back(to_json(item));
    }
    return all;
}

template <typename T>
json to_json(const std::optional<T>& value) {
    return value ? to_json(*value) : json{};
}

template <typename T>
json report(const aws::QueryResult<T>& result) {
    if (!result) {
        return {{"error", result.error().error.message},
                {"code", result.error().code},
                {"retryable", result.error().error.retryable}};
    }
    if constexpr (std::is_void_v<T>) {
        return {{"answer", true}};
    } else {
        return {{"answer", to_json(*result)}};
    }
}

json run(const json& order, aws::AutoScaling& auto_scaling, aws::Ec2& ec2) {
    const std::string what = order.at("do");
    const aws::LifecycleAction action{.hook = order.value("hook", ""),
                                      .group = order.value("group", ""),
                                      .instance_id = order.value("instance", "")};
    if (what == "complete") {
        return report(auto_scaling.complete(action));
    }
    if (what == "heartbeat") {
        return report(auto_scaling.record_heartbeat(action));
    }
    if (what == "instance") {
        return report(auto_scaling.describe_instance(action.instance_id));
    }
    if (what == "hooks") {
        return report(auto_scaling.describe_hooks(action.group));
    }
    if (what == "groups") {
        return report(
            auto_scaling.describe_all_groups(order.at("names").get<std::vector<std::string>>()));
    }
    return report(ec2.describe_all_instances(order.at("ids").get<std::vector<std::string>>()));
}

}  // namespace

int main() {
    const aws::Environment environment = aws::read_environment().value();
    const std::string region = aws::find_region(environment, nullptr).value();
    const auto credentials = std::make_shared<aws::CredentialProvider>(environment, nullptr);
    const auto at = [&](const aws::QueryService& service, const std::string& url) {
        return aws::choose_query_endpoint(service, region, url);
    };
    aws::AutoScaling auto_scaling{at(aws::kAutoScaling, environment.auto_scaling_endpoint_url),
                                  credentials, rota::http::client_options_from_environment()};
    aws::Ec2 ec2{at(aws::kEc2, environment.ec2_endpoint_url), credentials,
                 rota::http::client_options_from_environment()};
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << run(json::parse(line), auto_scaling, ec2).dump() << std::endl;
    }
}
