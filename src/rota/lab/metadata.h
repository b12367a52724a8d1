#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/http/message.h"

namespace rota::lab {

/// What an instance is told about itself when it is launched.
struct InstanceFacts {
    std::string instance_id;
    std::string local_ipv4;
    std::string public_ipv4;
    std::string region = "us-east-1";
    std::string availability_zone = "us-east-1a";
    std::string instance_type = "t3.micro";
    std::string image_id = "ami-0c1a2b3c4d5e6f789";
};

/// The instance metadata service, version 2 only: a token by PUT, items as text by GET.
/// @source EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".
class Metadata {
public:
    explicit Metadata(const InstanceFacts& facts);

    /// Answers one request; pure but for its tokens.
    http::Response answer(const http::Request& request, BootTime now);

    /// Sets an item below /latest/, for example "meta-data/autoscaling/target-lifecycle-state".
    void set(const std::string& path, std::string value);

private:
    http::Response put_token(const http::Request& request, BootTime now);
    [[nodiscard]] http::Response get_item(std::string_view path) const;
    [[nodiscard]] bool is_valid_token(const std::string& token, BootTime now) const;

    std::map<std::string, std::string> items_;
    std::map<std::string, BootTime> tokens_;  // with their expiry, bounded
};

}  // namespace rota::lab
