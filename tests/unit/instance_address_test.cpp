#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rota/base/error.h"
#include "rota/instance/address.h"

namespace rota::instance {
namespace {

Metadata answering(std::optional<std::string> text) {
    return [text = std::move(text)](std::string_view) -> Result<std::optional<std::string>> {
        return text;
    };
}

TEST(AddressSource, reads_every_form_and_gives_it_back) {
    for (const std::string_view text :
         {"public-ipv4", "local-ipv4", "ipv6", "interface:eth0", "192.0.2.1", "2001:db8::1"}) {
        const auto source = parse_address_source(text);
        ASSERT_TRUE(source) << text;
        EXPECT_EQ(to_string(*source), text);
    }
    for (const std::string_view text :
         {"", "interface:", "192.0.2", "192.0.2.256", "eth0", "public"}) {
        EXPECT_FALSE(parse_address_source(text)) << text;
    }
}

TEST(AddressSource, brings_its_family) {
    EXPECT_EQ(default_family(*parse_address_source("ipv6")), Family::ipv6);
    EXPECT_EQ(default_family(*parse_address_source("2001:db8::1")), Family::ipv6);
    EXPECT_EQ(default_family(*parse_address_source("192.0.2.1")), Family::ipv4);
    EXPECT_TRUE(can_give(*parse_address_source("interface:eth0"), Family::ipv6));
    EXPECT_FALSE(can_give(*parse_address_source("public-ipv4"), Family::ipv6));
}

TEST(FindAddress, takes_a_plain_address_from_the_metadata) {
    const AddressSource source;
    EXPECT_EQ(find_address(source, Family::ipv4, answering("192.0.2.1\n")), "192.0.2.1");
}

TEST(FindAddress, never_takes_anything_else) {
    const AddressSource source;
    for (const char* text : {"", " ", "<html>", "2001:db8::1", "192.0.2.1 192.0.2.2"}) {
        const auto address = find_address(source, Family::ipv4, answering(text));
        ASSERT_FALSE(address) << text;
        EXPECT_EQ(address.error().kind, ErrorKind::bad_input);
    }
    const auto absent = find_address(source, Family::ipv4, answering(std::nullopt));
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().kind, ErrorKind::not_found);
}

TEST(FindAddress, reads_the_loopback_interface) {
    const AddressSource source{.kind = AddressKind::interface, .text = "lo"};
    EXPECT_EQ(find_address(source, Family::ipv4, answering("")), "127.0.0.1");
    const AddressSource missing{.kind = AddressKind::interface, .text = "no-such0"};
    EXPECT_FALSE(find_address(missing, Family::ipv4, answering("")));
}

TEST(FindInstanceId, refuses_what_is_no_identifier) {
    EXPECT_EQ(find_instance_id(answering("i-0abc\n")), "i-0abc");
    EXPECT_EQ(find_instance_id(answering("i-0123456789abcdef0")), "i-0123456789abcdef0");
    EXPECT_FALSE(find_instance_id(answering(std::nullopt)));
    EXPECT_FALSE(find_instance_id(answering("")));
    EXPECT_FALSE(find_instance_id(answering("<html>404</html>")));
    EXPECT_FALSE(find_instance_id(answering("two words")));
    EXPECT_FALSE(find_instance_id(answering(std::string(129, 'x'))));
}

TEST(Reachability, is_denied_to_what_no_client_can_connect_to) {
    for (const std::string_view address :
         {"0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.2.3", "::", "ff02::1"}) {
        EXPECT_NE(why_unreachable(address, true), "") << address;
        EXPECT_NE(why_unreachable(address, false), "") << address;
    }
    for (const std::string_view address : {"127.0.0.1", "127.77.0.1", "::1"}) {
        EXPECT_EQ(why_unreachable(address, true), "") << address;
        EXPECT_NE(why_unreachable(address, false), "") << address;
    }
    for (const std::string_view address :
         {"192.0.2.1", "10.0.0.1", "223.255.255.255", "240.0.0.1", "2001:db8::1", "fd00::1", ""}) {
        EXPECT_EQ(why_unreachable(address, false), "") << address;
    }
}

TEST(InterfaceIpv6, prefers_a_permanent_global_address_that_is_in_use) {
    constexpr std::string_view kTable =
        "fe800000000000000000000000000001 02 40 20 80     eth0\n"
        "20010db8000000000000000000000001 02 40 00 a0     eth0\n"
        "20010db8000000000000000000000002 02 40 00 01     eth0\n"
        "20010db8000000000000000000000003 02 40 00 40     eth0\n"
        "20010db8000000000000000000000004 02 40 00 80     eth0\n"
        "20010db8000000000000000000000005 03 40 00 80     eth1\n";
    EXPECT_EQ(choose_interface_ipv6(kTable, "eth0"), "2001:db8::4");
    EXPECT_EQ(choose_interface_ipv6(kTable, "eth1"), "2001:db8::5");
    EXPECT_EQ(choose_interface_ipv6(kTable, "eth2"), std::nullopt);
    EXPECT_EQ(choose_interface_ipv6(kTable.substr(0, 170), "eth0"), "2001:db8::2");
    EXPECT_EQ(choose_interface_ipv6("nonsense", "eth0"), std::nullopt);
}

}  // namespace
}  // namespace rota::instance
