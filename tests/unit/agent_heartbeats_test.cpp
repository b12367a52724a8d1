#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rota/agent/heartbeats.h"
#include "rota/agent/lifecycle.h"
#include "rota/health/check.h"

namespace rota::agent {
namespace {

/// "8080/up", "443", or "none".
std::string probe_by(const std::vector<const char*>& checks,
                     std::vector<std::uint16_t> ports = {}) {
    Settings settings;
    for (const char* const text : checks) {
        settings.checks.push_back(health::parse_check(text).value());
    }
    settings.ports = std::move(ports);
    const auto target = probe_target(settings);
    return target ? std::to_string(target->port) + target->path : "none";
}

TEST(ProbeTarget, is_the_first_check_that_can_be_made_from_elsewhere) {
    EXPECT_EQ(probe_by({"http://127.0.0.1:8080/up?deep=1", "tcp://127.0.0.1:80"}),
              "8080/up?deep=1");
    EXPECT_EQ(probe_by({"exec:true", "tcp://127.0.0.1:80"}), "80");
    EXPECT_EQ(probe_by({"https://127.0.0.1/up"}), "443") << "a probe by port: it speaks no TLS";
    EXPECT_EQ(probe_by({"grpcs://127.0.0.1:50051"}), "50051");
}

TEST(ProbeTarget, is_the_service_s_port_where_no_check_tells) {
    EXPECT_EQ(probe_by({"exec:true", "systemd:nginx"}, {443, 80}), "443");
    EXPECT_EQ(probe_by({"exec:true"}), "none");
    EXPECT_EQ(probe_by({}), "none");
}

}  // namespace
}  // namespace rota::agent
