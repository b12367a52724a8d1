#include "rota/lab/group_api.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/query.h"
#include "rota/aws/sigv4.h"
#include "rota/aws/xml.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/base/time_format.h"
#include "rota/http/message.h"
#include "rota/http/url.h"
#include "rota/lab/group.h"
#include "rota/lab/metadata.h"

namespace rota::lab {
namespace {

using aws::xml::Writer;

constexpr std::string_view kAccount = "123456789012";  // AWS's own for examples
constexpr std::string_view kRequestId = "00000000-0000-4000-8000-000000000000";

struct ApiError {
    int status = 400;
    std::string code;
    std::string message;
};

using Outcome = std::expected<void, ApiError>;

std::unexpected<ApiError> refuse(std::string code, std::string message) {
    return std::unexpected(ApiError{.code = std::move(code), .message = std::move(message)});
}

/// One request, understood; what it answers goes into `out`.
struct Call {
    Group& group;
    const http::QueryParameters& form;
    WallTime now;
    Writer& out;
};

/// A parameter's value; empty when it is missing.
std::string_view value_of(const http::QueryParameters& form, std::string_view name) noexcept {
    const auto found = std::ranges::find(form, name, &http::QueryParameters::value_type::first);
    return found == form.end() ? std::string_view{} : std::string_view{found->second};
}

/// PREFIX.1, PREFIX.2 and so on.
std::vector<std::string_view> values_of(const http::QueryParameters& form,
                                        std::string_view prefix) {
    std::vector<std::string_view> values;
    for (const auto& [name, value] : form) {
        if (name.size() > prefix.size() && name.starts_with(prefix) && name[prefix.size()] == '.' &&
            parse_number<unsigned>(std::string_view{name}.substr(prefix.size() + 1))) {
            values.emplace_back(value);
        }
    }
    return values;
}

bool names(const std::vector<std::string_view>& values, std::string_view value) {
    return std::ranges::find(values, value) != values.end();
}

/// What one page shows of a list.
struct PageOf {
    std::vector<const GroupInstance*> instances;
    std::string next_token;
};

/// Cuts the page that the request asks for; its token is the place of its first item.
std::expected<PageOf, ApiError> page_of(const std::vector<const GroupInstance*>& all,
                                        std::string_view token, std::size_t size) {
    const std::size_t begin = token.empty() ? 0 : parse_number<std::size_t>(token).value_or(0);
    if (!token.empty() && (begin == 0 || begin >= all.size())) {
        return refuse("InvalidNextToken", fmt::format("The token '{}' is invalid.", token));
    }
    const std::size_t end = std::min(all.size(), begin + size);
    PageOf page;
    page.instances.assign(std::next(all.begin(), static_cast<std::ptrdiff_t>(begin)),
                          std::next(all.begin(), static_cast<std::ptrdiff_t>(end)));
    if (end < all.size()) {
        page.next_token = fmt::format("{}", end);
    }
    return page;
}

/// The size of a page that a parameter asks for; `usual` where it does not.
std::expected<std::size_t, ApiError> page_size(const Call& call, std::string_view parameter,
                                               std::size_t least, std::size_t most,
                                               std::size_t usual) {
    const std::string_view text = value_of(call.form, parameter);
    if (text.empty()) {
        return usual;
    }
    const auto size = parse_number<std::size_t>(text);
    if (!size || *size < least || *size > most) {
        return refuse("ValidationError",
                      fmt::format("{} is '{}': give {} to {}", parameter, text, least, most));
    }
    return *size;
}

// ---- Auto Scaling ----------------------------------------------------------------

bool is_in_group(const GroupInstance& instance) noexcept {
    return instance.state != LifecycleState::terminated;
}

void write_instance(Writer& out, const Group& group, const GroupInstance& instance,
                    bool names_group) {
    const InstanceFacts usual;
    out.open("member");
    out.leaf("InstanceId", instance.id);
    out.leaf("InstanceType", usual.instance_type);
    if (names_group) {
        out.leaf("AutoScalingGroupName", group.settings().name);
    }
    out.leaf("AvailabilityZone", usual.availability_zone);
    out.leaf("LifecycleState", to_string(instance.state));
    out.leaf("HealthStatus", names_group ? "HEALTHY" : "Healthy");
    out.leaf_flag("ProtectedFromScaleIn", false);
    out.close("member");
}

void write_group(Writer& out, const Group& group) {
    const InstanceFacts usual;
    const GroupSettings& settings = group.settings();
    out.open("member");
    out.leaf("AutoScalingGroupName", settings.name);
    out.leaf("AutoScalingGroupARN",
             fmt::format("arn:aws:autoscaling:{}:{}:autoScalingGroup:{}:autoScalingGroupName/{}",
                         usual.region, kAccount, kRequestId, settings.name));
    out.leaf("MinSize", std::uint64_t{settings.min});
    out.leaf("MaxSize", std::uint64_t{settings.max});
    out.leaf("DesiredCapacity", std::uint64_t{group.desired()});
    out.leaf("DefaultCooldown", std::uint64_t{300});
    out.open("AvailabilityZones");
    out.leaf("member", usual.availability_zone);
    out.close("AvailabilityZones");
    out.leaf("HealthCheckType", "EC2");
    out.leaf("HealthCheckGracePeriod", std::uint64_t{0});
    out.leaf("CreatedTime", format_rfc3339_millis(group.created()));
    out.open("Instances");
    for (const GroupInstance& instance : group.instances()) {
        if (is_in_group(instance)) {
            write_instance(out, group, instance, false);
        }
    }
    out.close("Instances");
    out.close("member");
}

Outcome describe_groups(const Call& call) {
    if (const std::string_view token = value_of(call.form, "NextToken"); !token.empty()) {
        return refuse("InvalidNextToken", fmt::format("The token '{}' is invalid.", token));
    }
    const auto wanted = values_of(call.form, "AutoScalingGroupNames.member");
    call.out.open("AutoScalingGroups");
    if (wanted.empty() || names(wanted, call.group.settings().name)) {
        write_group(call.out, call.group);
    }
    call.out.close("AutoScalingGroups");
    return {};
}

Outcome describe_group_instances(const Call& call) {
    const auto wanted = values_of(call.form, "InstanceIds.member");
    std::vector<const GroupInstance*> found;
    for (const GroupInstance& instance : call.group.instances()) {
        if (is_in_group(instance) && (wanted.empty() || names(wanted, instance.id))) {
            found.push_back(&instance);
        }
    }
    constexpr std::size_t kMost = 50;
    const std::size_t size = ROTA_TRY(page_size(call, "MaxRecords", 1, kMost, kMost));
    const PageOf page = ROTA_TRY(page_of(found, value_of(call.form, "NextToken"), size));
    call.out.open("AutoScalingInstances");
    for (const GroupInstance* const instance : page.instances) {
        write_instance(call.out, call.group, *instance, true);
    }
    call.out.close("AutoScalingInstances");
    if (!page.next_token.empty()) {
        call.out.leaf("NextToken", page.next_token);
    }
    return {};
}

/// Whether the request names the group. @errors ValidationError, in AWS's words.
Outcome check_group(const Call& call) {
    const std::string_view name = value_of(call.form, "AutoScalingGroupName");
    if (name != call.group.settings().name) {
        return refuse("ValidationError",
                      fmt::format("AutoScalingGroup name not found - AutoScalingGroup '{}' not "
                                  "found",
                                  name));
    }
    return {};
}

Outcome describe_hooks(const Call& call) {
    ROTA_CHECK(check_group(call));
    const auto wanted = values_of(call.form, "LifecycleHookNames.member");
    const std::chrono::seconds timeout = call.group.settings().heartbeat_timeout;
    call.out.open("LifecycleHooks");
    for (const GroupHook& hook : kGroupHooks) {
        if (!wanted.empty() && !names(wanted, hook.name)) {
            continue;
        }
        call.out.open("member");
        call.out.leaf("LifecycleHookName", hook.name);
        call.out.leaf("AutoScalingGroupName", call.group.settings().name);
        call.out.leaf("LifecycleTransition", hook.transition);
        call.out.leaf("HeartbeatTimeout", static_cast<std::uint64_t>(timeout.count()));
        call.out.leaf("GlobalTimeout", static_cast<std::uint64_t>(longest_wait(timeout).count()));
        call.out.leaf("DefaultResult", "CONTINUE");
        call.out.close("member");
    }
    call.out.close("LifecycleHooks");
    return {};
}

Outcome as_outcome(const Status& status) {
    return status ? Outcome{} : refuse("ValidationError", status.error().message);
}

Outcome complete(const Call& call) {
    ROTA_CHECK(check_group(call));
    const std::string_view result = value_of(call.form, "LifecycleActionResult");
    if (result != "CONTINUE" && result != "ABANDON") {
        return refuse(
            "ValidationError",
            fmt::format("LifecycleActionResult is '{}': give CONTINUE or ABANDON", result));
    }
    return as_outcome(call.group.complete(value_of(call.form, "LifecycleHookName"),
                                          value_of(call.form, "InstanceId"), result == "ABANDON"));
}

Outcome record_heartbeat(const Call& call) {
    ROTA_CHECK(check_group(call));
    return as_outcome(call.group.record_heartbeat(value_of(call.form, "LifecycleHookName"),
                                                  value_of(call.form, "InstanceId"), call.now));
}

// ---- EC2 -------------------------------------------------------------------------

struct MachineState {
    std::uint64_t code;
    std::string_view name;
};

MachineState machine_state(const GroupInstance& instance) noexcept {
    switch (instance.state) {
        case LifecycleState::terminating_proceed:
            return {.code = 32, .name = "shutting-down"};
        case LifecycleState::terminated:
            return {.code = 48, .name = "terminated"};
        default:
            return {.code = 16, .name = "running"};
    }
}

void write_machine(Writer& out, const Group& group, const GroupInstance& instance) {
    const InstanceFacts usual;
    const MachineState state = machine_state(instance);
    out.open("item");
    out.leaf("instanceId", instance.id);
    out.leaf("imageId", usual.image_id);
    out.open("instanceState");
    out.leaf("code", state.code);
    out.leaf("name", state.name);
    out.close("instanceState");
    out.leaf("instanceType", usual.instance_type);
    out.leaf("launchTime", format_rfc3339_millis(instance.launched));
    out.open("placement");
    out.leaf("availabilityZone", usual.availability_zone);
    out.close("placement");
    if (is_in_group(instance)) {  // a terminated one has none any more
        out.leaf("privateIpAddress", instance.address);
        out.leaf("ipAddress", instance.address);
    }
    out.open("tagSet");
    out.open("item");
    out.leaf("key", "aws:autoscaling:groupName");
    out.leaf("value", group.settings().name);
    out.close("item");
    out.close("tagSet");
    out.close("item");
}

/// @returns the first id asked for that nobody has; empty where there is none.
std::string_view unknown_id(const Group& group, const std::vector<std::string_view>& ids) {
    const auto unknown = std::ranges::find_if(ids, [&](std::string_view id) {
        return std::ranges::find(group.instances(), id, &GroupInstance::id) ==
               group.instances().end();
    });
    return unknown == ids.end() ? std::string_view{} : *unknown;
}

struct Filter {
    std::string_view name;
    std::vector<std::string_view> values;
};

/// @errors InvalidParameterValue, in AWS's words: another filter than by id, state or group.
std::expected<std::vector<Filter>, ApiError> read_filters(const http::QueryParameters& form) {
    static constexpr std::array<std::string_view, 3> kKnown{"instance-id", "instance-state-name",
                                                            "tag:aws:autoscaling:groupName"};
    std::vector<Filter> filters;
    for (unsigned number = 1;; ++number) {
        const std::string_view name = value_of(form, fmt::format("Filter.{}.Name", number));
        if (name.empty()) {
            return filters;
        }
        if (std::ranges::find(kKnown, name) == kKnown.end()) {
            return refuse("InvalidParameterValue", fmt::format("The filter '{}' is invalid", name));
        }
        filters.push_back(
            {.name = name, .values = values_of(form, fmt::format("Filter.{}.Value", number))});
    }
}

bool passes(const Group& group, const GroupInstance& instance, const Filter& filter) {
    if (filter.name == "instance-id") {
        return names(filter.values, instance.id);
    }
    if (filter.name == "instance-state-name") {
        return names(filter.values, machine_state(instance).name);
    }
    return names(filter.values, group.settings().name);
}

Outcome describe_instances(const Call& call) {
    const auto ids = values_of(call.form, "InstanceId");
    if (const std::string_view unknown = unknown_id(call.group, ids); !unknown.empty()) {
        return refuse("InvalidInstanceID.NotFound",
                      fmt::format("The instance ID '{}' does not exist", unknown));
    }
    const std::vector<Filter> filters = ROTA_TRY(read_filters(call.form));
    std::vector<const GroupInstance*> found;
    for (const GroupInstance& instance : call.group.instances()) {
        const bool is_wanted = (ids.empty() || names(ids, instance.id)) &&
                               std::ranges::all_of(filters, [&](const Filter& filter) {
                                   return passes(call.group, instance, filter);
                               });
        if (is_wanted) {
            found.push_back(&instance);
        }
    }
    constexpr std::size_t kMost = 1000;
    const std::size_t size = ROTA_TRY(page_size(call, "MaxResults", 5, kMost, kMost));
    const PageOf page = ROTA_TRY(page_of(found, value_of(call.form, "NextToken"), size));
    call.out.leaf("requestId", kRequestId);
    call.out.open("reservationSet");
    for (const GroupInstance* const instance : page.instances) {
        call.out.open("item");
        call.out.leaf("reservationId", "r-0",
                      instance->id.substr(std::min<std::size_t>(3, instance->id.size())));
        call.out.leaf("ownerId", kAccount);
        call.out.open("instancesSet");
        write_machine(call.out, call.group, *instance);
        call.out.close("instancesSet");
        call.out.close("item");
    }
    call.out.close("reservationSet");
    if (!page.next_token.empty()) {
        call.out.leaf("nextToken", page.next_token);
    }
    return {};
}

// ---- both ------------------------------------------------------------------------

struct Operation {
    std::string_view action;
    aws::QueryService service;
    Outcome (*run)(const Call&);
};

constexpr std::array kOperations{
    Operation{"DescribeAutoScalingGroups", aws::kAutoScaling, describe_groups},
    Operation{"DescribeAutoScalingInstances", aws::kAutoScaling, describe_group_instances},
    Operation{"DescribeLifecycleHooks", aws::kAutoScaling, describe_hooks},
    Operation{"CompleteLifecycleAction", aws::kAutoScaling, complete},
    Operation{"RecordLifecycleActionHeartbeat", aws::kAutoScaling, record_heartbeat},
    Operation{"DescribeInstances", aws::kEc2, describe_instances}};

std::string namespace_of(const aws::QueryService& service) {
    return fmt::format("http://{}.amazonaws.com/doc/{}/", service.name, service.version);
}

bool is_ec2(const aws::QueryService& service) noexcept {
    return service.name == aws::kEc2.name;
}

http::Response respond(int status, std::string body) {
    return {.status = status,
            .headers = {{"Content-Type", "text/xml;charset=UTF-8"}},
            .body = std::move(body)};
}

/// EC2 has a form of its own.
http::Response respond(const aws::QueryService& service, const ApiError& error) {
    if (is_ec2(service)) {
        Writer out{"Response", namespace_of(service)};
        out.open("Errors");
        out.open("Error");
        out.leaf("Code", error.code);
        out.leaf("Message", error.message);
        out.close("Error");
        out.close("Errors");
        out.leaf("RequestID", kRequestId);
        return respond(error.status, std::move(out).finish());
    }
    Writer out{"ErrorResponse", namespace_of(service)};
    out.open("Error");
    out.leaf("Type", "Sender");
    out.leaf("Code", error.code);
    out.leaf("Message", error.message);
    out.close("Error");
    out.leaf("RequestId", kRequestId);
    return respond(error.status, std::move(out).finish());
}

/// Splits a form; "+" is a space here. @errors bad_input.
Result<http::QueryParameters> parse_form(std::string body) {
    std::ranges::replace(body, '+', ' ');
    return http::parse_query(body);
}

ApiError error_of(const aws::QueryService& service, aws::AuthError error) {
    if (is_ec2(service)) {  // one code for all of them
        return {.status = 401, .code = "AuthFailure", .message = std::move(error.message)};
    }
    return {
        .status = error.status, .code = std::move(error.code), .message = std::move(error.message)};
}

}  // namespace

http::Response answer_query(Group& group, const aws::Credentials& keys,
                            const http::Request& request, WallTime now) {
    const auto form = parse_form(request.body);
    if (request.method != "POST" || !form) {
        return respond(aws::kAutoScaling, {.code = "MalformedQueryString",
                                           .message = "send a form by POST to this address"});
    }
    const std::string_view action = value_of(*form, "Action");
    const auto* const operation = std::ranges::find(kOperations, action, &Operation::action);
    if (operation == kOperations.end()) {
        return respond(aws::kAutoScaling,
                       {.code = "InvalidAction",
                        .message = fmt::format("Could not find operation {} for version {}", action,
                                               value_of(*form, "Version"))});
    }
    const auto secret_of = [&](std::string_view id) -> std::optional<std::string> {
        return id == keys.access_key_id ? std::optional{keys.secret_access_key} : std::nullopt;
    };
    auto who = aws::verify(request, secret_of, now,
                           {.service = operation->service.name, .allow_aws3 = false});
    if (!who) {
        return respond(operation->service, error_of(operation->service, std::move(who).error()));
    }
    group.expire(now);
    Writer out{fmt::format("{}Response", action), namespace_of(operation->service)};
    const std::string result = fmt::format("{}Result", action);
    const bool has_result = !is_ec2(operation->service);
    if (has_result) {
        out.open(result);
    }
    const Outcome outcome = operation->run({.group = group, .form = *form, .now = now, .out = out});
    if (!outcome) {
        return respond(operation->service, outcome.error());
    }
    if (has_result) {
        out.close(result);
        out.open("ResponseMetadata");
        out.leaf("RequestId", kRequestId);
        out.close("ResponseMetadata");
    }
    return respond(200, std::move(out).finish());
}

}  // namespace rota::lab
