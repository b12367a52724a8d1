#include <string>

#include <gtest/gtest.h>

#include "rota/health/check.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/probing.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

TEST(FleetFile, holds_an_instance_a_line) {
    const auto fleet = parse_fleet("# ours\r\ni-1\n\n  i-2\tterminated # gone\ni-3", "fleet");
    ASSERT_TRUE(fleet) << fleet.error().message;
    EXPECT_EQ(*fleet, (Fleet{{"i-1", InstanceState::running},
                             {"i-2", InstanceState::terminated},
                             {"i-3", InstanceState::running}}));
    EXPECT_TRUE(parse_fleet("", "fleet").value().empty());
}

TEST(FleetFile, names_the_line_that_is_wrong) {
    EXPECT_EQ(parse_fleet("i-1\ni-2 stopped\n", "fleet").error().message,
              "fleet:2: after the instance id comes nothing or 'terminated'");
    EXPECT_FALSE(parse_fleet("i-2 terminated today\n", "fleet"));
    EXPECT_EQ(parse_fleet("i-1\ni-1 terminated\n", "fleet").error().message,
              "fleet:2: i-1 is both running and terminated");
}

TEST(FleetChoice, reads_its_kinds) {
    EXPECT_EQ(parse_fleet_choice("ec2").value().kind, FleetKind::ec2);
    EXPECT_EQ(parse_fleet_choice("file:/run/fleet").value().values.front(), "/run/fleet");
    const FleetChoice list = parse_fleet_choice("list:i-1,,i-2").value();
    EXPECT_EQ(list.kind, FleetKind::list);
    EXPECT_EQ(list.values.size(), 2U);
    EXPECT_EQ(parse_fleet_choice("asg:web,api").value().kind, FleetKind::auto_scaling);
    for (const char* const wrong :
         {"", "ec2:x", "list", "list:", "list:,", "file:", "asg:", "x:y"}) {
        EXPECT_FALSE(parse_fleet_choice(wrong)) << wrong;
    }
}

TEST(CheckTemplate, puts_the_address_in_its_place) {
    const auto http = CheckTemplate::parse("http://{address}:8080/health").value();
    EXPECT_EQ(http.at("192.0.2.1").value().target, "http://192.0.2.1:8080/health");
    EXPECT_EQ(http.at("2001:db8::1").value().target, "http://[2001:db8::1]:8080/health");
    const auto tcp = CheckTemplate::parse("tcp://{address}:80").value();
    EXPECT_EQ(tcp.at("2001:db8::1").value().host, "2001:db8::1");
}

TEST(CheckTemplate, takes_nothing_but_an_address) {
    const auto exec = CheckTemplate::parse("exec:ping -c1 {address}").value();
    EXPECT_EQ(exec.at("192.0.2.1").value().target, "ping -c1 192.0.2.1");
    for (const char* const wrong :
         {"", "example.com", "192.0.2.1; reboot", "$(reboot)", "192.0.2"}) {
        EXPECT_FALSE(exec.at(wrong)) << wrong;
    }
    EXPECT_FALSE(CheckTemplate::parse("tcp://192.0.2.1:80"));
    EXPECT_FALSE(CheckTemplate::parse("bogus://{address}"));
}

TEST(HeartbeatProbe, is_http_with_a_path_and_tcp_without) {
    EXPECT_EQ(check_of({.port = 80, .path = ""}, "192.0.2.1").value().text, "tcp://192.0.2.1:80");
    EXPECT_EQ(check_of({.port = 8080, .path = "/healthz"}, "2001:db8::1").value().target,
              "http://[2001:db8::1]:8080/healthz");
    EXPECT_FALSE(check_of({.port = 80, .path = "@evil.example/"}, "192.0.2.1"));
    EXPECT_FALSE(check_of({.port = 80, .path = "/a b"}, "192.0.2.1"));
    EXPECT_FALSE(check_of({.port = 80, .path = "/"}, "www.example.com"));
}

}  // namespace
}  // namespace rota::sweeper
