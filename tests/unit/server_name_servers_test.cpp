#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/server/name_servers.h"
#include "support/child.h"

namespace rota::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

dns::Name name(std::string_view text) {
    return dns::Name::parse(text).value();
}

TEST(NameServers, are_read_in_order_and_once_each) {
    const auto read = read_name_servers({"ns2.example.net", "NS1.example.net.", "ns2.EXAMPLE.net"});
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_THAT(*read, ElementsAre(name("ns2.example.net"), name("ns1.example.net")));
    EXPECT_THAT(read_name_servers({}).value(), IsEmpty());
}

TEST(NameServers, that_are_no_names_of_hosts_are_refused_by_name) {
    for (const char* const bad :
         {"", ".", "*.example.net", "a..b", "192.0.2.53", "192.0.2.53.", "2001:db8::53"}) {
        const auto read = read_name_servers({"ns1.example.net", bad});
        ASSERT_FALSE(read) << bad;
        EXPECT_EQ(read.error().kind, ErrorKind::usage);
        EXPECT_THAT(read.error().message, HasSubstr(std::string{"--ns "} + bad + ": "));
    }
}

/// The default on a machine called `host`, compared there; a host name belongs to a UTS namespace.
int compare_default_on(std::string_view host, std::string_view wanted) {
    return test::in_child([host, wanted] {
        if (::unshare(CLONE_NEWUTS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWUTS) != 0) {
            return test::kCannot;
        }
        if (::sethostname(host.data(), host.size()) != 0) {
            return test::kCannot;
        }
        return default_name_server() == name(wanted) ? 0 : 1;
    });
}

TEST(NameServers, default_to_the_machines_full_name) {
    const int status = compare_default_on("ns7.example.net", "ns7.example.net");
    if (status == test::kCannot) {
        GTEST_SKIP() << "needs root or a kernel that gives namespaces to users";
    }
    EXPECT_EQ(status, 0);
}

TEST(NameServers, default_to_a_name_that_leads_nowhere_where_the_machine_has_no_full_name) {
    for (const char* const host : {"ns7", "localhost.localdomain", "192.0.2.53", "a..b"}) {
        const int status = compare_default_on(host, "ns.rota.invalid");
        if (status == test::kCannot) {
            GTEST_SKIP() << "needs root or a kernel that gives namespaces to users";
        }
        EXPECT_EQ(status, 0) << host;
    }
}

/// What the check logs. The names are addresses, which the resolver gives back without asking
/// anybody.
std::string warnings_about(const std::vector<std::string>& names,
                           const std::vector<std::string>& served) {
    std::vector<dns::Name> parsed;
    for (const std::string& one : names) {
        parsed.push_back(name(one));
    }
    testing::internal::CaptureStderr();
    check_name_servers(parsed, served, std::stop_token{});
    return testing::internal::GetCapturedStderr();
}

TEST(NameServers, that_lead_here_are_not_worth_a_word) {
    EXPECT_EQ(warnings_about({"127.0.0.1"}, {"192.0.2.1:53", "127.0.0.1:5300"}), "");
    EXPECT_EQ(warnings_about({"127.0.0.1"}, {"0.0.0.0:53"}), "") << "every address of the machine";
    EXPECT_EQ(warnings_about({}, {"[::1]:53"}), "");
}

TEST(NameServers, that_lead_elsewhere_are_warned_about_each_with_both_sides) {
    const std::string said =
        warnings_about({"192.0.2.7", "127.0.0.1", "192.0.2.8"}, {"127.0.0.1:53", "[::1]:53"});
    EXPECT_THAT(said, HasSubstr("level=warning"));
    EXPECT_THAT(said, HasSubstr("resolves to other addresses than are served"));
    EXPECT_THAT(said, HasSubstr("ns=192.0.2.7 resolves_to=192.0.2.7 served=127.0.0.1,::1"));
    EXPECT_THAT(said, HasSubstr("ns=192.0.2.8 "));
    EXPECT_THAT(said, testing::Not(HasSubstr("ns=127.0.0.1 ")));
}

TEST(NameServers, are_not_judged_where_the_machines_addresses_cannot_be_read) {
    testing::internal::CaptureStderr();
    const int status = test::in_child([] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_NOFILE, &none) != 0) {
            return test::kCannot;
        }
        check_name_servers({name("192.0.2.7")}, {"0.0.0.0:53"}, std::stop_token{});
        return 0;
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(status, 0);
    EXPECT_THAT(said, HasSubstr("name servers not checked"));
    EXPECT_THAT(said, HasSubstr("this machine's addresses cannot be read"));
    EXPECT_THAT(said, testing::Not(HasSubstr("resolves to other addresses")));
}

TEST(NameServers, elsewhere_is_not_hidden_by_a_wildcard) {
    EXPECT_THAT(warnings_about({"192.0.2.7"}, {"0.0.0.0:53"}), HasSubstr("ns=192.0.2.7 "));
}

}  // namespace
}  // namespace rota::server
