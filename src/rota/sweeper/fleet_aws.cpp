#include "rota/sweeper/fleet_aws.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/autoscaling.h"
#include "rota/aws/ec2.h"
#include "rota/aws/query.h"
#include "rota/base/error.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

constexpr std::chrono::seconds kCallTimeout{10};

}  // namespace

Ec2Fleet::Ec2Fleet(std::unique_ptr<aws::Ec2> ec2) : ec2_{std::move(ec2)} {
    ec2_->set_call_timeout(kCallTimeout);
}

Result<Fleet> Ec2Fleet::poll(std::span<const std::string> members) {
    const auto instances = ec2_->describe_all_instances(members);
    if (!instances) {
        return std::unexpected(instances.error().error);
    }
    Fleet fleet;
    for (const aws::Ec2Instance& instance : *instances) {
        const bool is_over = instance.state == aws::InstanceState::terminated ||
                             instance.state == aws::InstanceState::shutting_down;
        fleet.insert_or_assign(instance.instance_id,
                               is_over ? InstanceState::terminated : InstanceState::running);
    }
    return fleet;
}

AutoScalingFleet::AutoScalingFleet(std::unique_ptr<aws::AutoScaling> auto_scaling,
                                   std::vector<std::string> groups)
    : auto_scaling_{std::move(auto_scaling)}, groups_{std::move(groups)} {
    auto_scaling_->set_call_timeout(kCallTimeout);
}

Result<Fleet> AutoScalingFleet::poll(std::span<const std::string> /*members*/) {
    const auto groups = auto_scaling_->describe_all_groups(groups_);
    if (!groups) {
        return std::unexpected(groups.error().error);
    }
    for (const std::string& name : groups_) {
        if (std::ranges::find(*groups, name, &aws::AutoScalingGroup::name) == groups->end()) {
            return fail(ErrorKind::not_found,
                        fmt::format("there is no Auto Scaling group {} that these credentials can "
                                    "see in this region",
                                    name));
        }
    }
    Fleet fleet;
    for (const aws::AutoScalingGroup& group : *groups) {
        for (const aws::AutoScalingInstance& instance : group.instances) {
            fleet.insert_or_assign(instance.instance_id, instance.lifecycle_state == "Terminated"
                                                             ? InstanceState::terminated
                                                             : InstanceState::running);
        }
    }
    return fleet;
}

Result<std::unique_ptr<FleetSource>> open_fleet(const FleetChoice& choice,
                                                const FleetAccess& access) {
    if (choice.kind == FleetKind::list) {
        return std::make_unique<FleetList>(choice.values);
    }
    if (choice.kind == FleetKind::file) {
        return std::make_unique<FleetFile>(choice.values.front());
    }
    const std::string region = ROTA_TRY(aws::find_region(access.environment, access.imds.get()));
    if (choice.kind == FleetKind::ec2) {
        return std::make_unique<Ec2Fleet>(std::make_unique<aws::Ec2>(
            aws::choose_query_endpoint(aws::kEc2, region, access.environment.ec2_endpoint_url),
            access.credentials, access.http));
    }
    return std::make_unique<AutoScalingFleet>(
        std::make_unique<aws::AutoScaling>(
            aws::choose_query_endpoint(aws::kAutoScaling, region,
                                       access.environment.auto_scaling_endpoint_url),
            access.credentials, access.http),
        choice.values);
}

}  // namespace rota::sweeper
