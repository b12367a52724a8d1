#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rota/aws/autoscaling.h"
#include "rota/aws/credentials.h"
#include "rota/aws/ec2.h"
#include "rota/aws/imds.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/witnesses.h"

// AWS as the fleet source. Asked once an interval for all rotas together, page by page.
namespace rota::sweeper {

/// EC2's DescribeInstances, for the members. Shutting down counts as terminated: there is no way
/// back from it. Stopped does not: such an instance can be started again.
class Ec2Fleet : public FleetSource {
public:
    explicit Ec2Fleet(std::unique_ptr<aws::Ec2> ec2);

    Result<Fleet> poll(std::span<const std::string> members) override;

private:
    std::unique_ptr<aws::Ec2> ec2_;
};

/// The instances of Auto Scaling groups. One that is waiting in a lifecycle hook runs still.
class AutoScalingFleet : public FleetSource {
public:
    AutoScalingFleet(std::unique_ptr<aws::AutoScaling> auto_scaling,
                     std::vector<std::string> groups);

    /// @errors not_found: one of the groups does not exist, so that nobody is concluded about.
    Result<Fleet> poll(std::span<const std::string> members) override;

private:
    std::unique_ptr<aws::AutoScaling> auto_scaling_;
    std::vector<std::string> groups_;
};

/// How AWS's APIs are reached.
struct FleetAccess {
    aws::Environment environment;
    std::shared_ptr<aws::Imds> imds;  ///< empty when it is turned off
    std::shared_ptr<aws::CredentialProvider> credentials;
    http::ClientOptions http;
};

/// The source that was chosen. @errors config: no region is known for an AWS API.
Result<std::unique_ptr<FleetSource>> open_fleet(const FleetChoice& choice,
                                                const FleetAccess& access);

}  // namespace rota::sweeper
