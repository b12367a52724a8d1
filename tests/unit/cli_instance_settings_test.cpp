#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/cli/instance_settings.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Texts = std::map<std::string, std::string, std::less<>>;

instance::Metadata service(Texts items) {
    std::string list;
    for (const auto& [path, text] : items) {
        constexpr std::string_view kFolder = "meta-data/tags/instance/";
        if (path.starts_with(kFolder)) {
            list += path.substr(kFolder.size()) + "\n";
        }
    }
    items["meta-data/tags/instance"] = list;
    return [items](std::string_view path) -> Result<std::optional<std::string>> {
        const auto found = items.find(path);
        return found == items.end() ? std::nullopt : std::optional{found->second};
    };
}

instance::Metadata tags(const Texts& values, const std::string& user_data = {}) {
    Texts items;
    for (const auto& [key, value] : values) {
        items["meta-data/tags/instance/" + key] = value;
    }
    if (!user_data.empty()) {
        items["user-data"] = user_data;
    }
    return service(items);
}

/// An agent's options, as a command line without any leaves them.
struct Agent {
    CLI::App app;
    MemberOptions options;
    std::vector<Given> given;

    explicit Agent(const std::string& line = {}) {
        add_member_options(app, options, MemberCommand::agent);
        app.parse(line);
    }

    Status take(const instance::Metadata& metadata) {
        const auto found = find_instance_settings(metadata, option_keys(app));
        if (!found) {
            return std::unexpected(found.error());
        }
        return take_instance_settings(app, *found, &given);
    }

    std::string complaint(const instance::Metadata& metadata) {
        const Status taken = take(metadata);
        return taken ? "" : taken.error().message;
    }
};

TEST(InstanceSettings, come_from_user_data_before_tags_and_after_flags) {
    Agent agent{"--weight 3"};
    ASSERT_TRUE(agent.take(tags({{"rota:zone", "Z1"}, {"rota:ttl", "30"}, {"rota:weight", "9"}},
                                "#rota-agent\nttl = \"20s\"\nname = \"a.test\"\n")));
    EXPECT_EQ(agent.options.zone, "Z1");
    EXPECT_EQ(agent.options.name, "a.test");
    EXPECT_EQ(agent.options.ttl, "20s");
    EXPECT_EQ(agent.options.weight, 3U);
    std::vector<std::string> origins;
    std::ranges::transform(agent.given, std::back_inserter(origins), [](const Given& one) {
        return one.key + " = " + one.values.front() + " (" + one.origin + ")";
    });
    std::ranges::sort(origins);
    EXPECT_THAT(origins, ElementsAre("name = a.test (user data:3)", "ttl = 20s (user data:2)",
                                     "zone = Z1 (tag rota:zone)"));
}

TEST(InstanceSettings, are_converted_as_variables_are) {
    Agent agent;
    ASSERT_TRUE(agent.take(tags({{"rota:notices", "false"},
                                 {"rota:port", "80, 443"},
                                 {"rota:health", "http://127.0.0.1/,tcp://127.0.0.1:80"}})));
    EXPECT_FALSE(agent.options.notices);
    EXPECT_THAT(agent.options.ports, ElementsAre("80", "443"));
    EXPECT_EQ(agent.options.health.checks.size(), 2U);
}

TEST(InstanceSettings, that_are_wrong_are_named_with_their_source) {
    EXPECT_THAT(Agent{}.complaint(tags({{"rota:tll", "30"}})),
                StartsWith("tag rota:tll: there is no such setting, did you mean rota:ttl?"));
    EXPECT_THAT(Agent{}.complaint(tags({{"rota:ttl", "soon"}})), StartsWith("tag rota:ttl: "));
    EXPECT_THAT(Agent{}.complaint(tags({{"rota:weight", "256"}})), StartsWith("tag rota:weight: "));
    EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\n\ntll = 30\n")),
                StartsWith("user data:3: unknown key 'tll' (did you mean 'ttl'?)"));
    EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\nttl = \n")), StartsWith("user data:2: "));
    EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\nttl = true\n")),
                StartsWith("user data:2: ttl: expected"));
    EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\n[[rotas]]\nname = \"a.test\"\n")),
                StartsWith("user data:2: unknown key 'rotas'"));
}

TEST(InstanceSettings, never_run_anything) {
    for (const std::string_view key : {"rota:health", "rota:ready", "rota:load"}) {
        for (const std::string_view value :
             {"exec:reboot", "tcp://127.0.0.1:1,exec:reboot", "cpu, exec:reboot"}) {
            EXPECT_THAT(Agent{}.complaint(tags({{std::string{key}, std::string{value}}})),
                        HasSubstr("it is a command"))
                << key << " " << value;
        }
    }
    for (const std::string_view text :
         {"ready = \"exec:reboot\"", "health = [\"tcp://127.0.0.1:1\", \"exec:reboot\"]",
          "load = \"exec:reboot\"", "drain-begin = \"reboot\"", "drain-end = \"reboot\"",
          "[[health]]\ncheck = \"exec:reboot\""}) {
        EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\n" + std::string{text} + "\n")),
                    HasSubstr("it is a command"))
            << text;
    }
    EXPECT_THAT(Agent{}.complaint(tags({{"rota:drain-begin", "reboot"}})),
                HasSubstr("it is a command"));
}

TEST(InstanceSettings, name_no_file_open_no_port_and_lead_to_no_other_api) {
    for (const std::string_view key :
         {"socket", "drain-file", "metrics", "agent-check", "endpoint-url", "region", "profile",
          "set-identifier", "instance-settings", "imds-v1"}) {
        EXPECT_THAT(Agent{}.complaint(tags({{"rota:" + std::string{key}, "x"}})),
                    HasSubstr("is not taken from an instance's metadata"))
            << key;
    }
    EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\n[[rota]]\nset-identifier = \"x\"\n")),
                StartsWith("user data:3: set-identifier: "));
}

TEST(InstanceSettings, put_no_strangers_address_into_the_rota) {
    EXPECT_THAT(Agent{}.complaint(tags({{"rota:address", "203.0.113.66"}})),
                HasSubstr("tag rota:address: a literal address is not taken"));
    EXPECT_THAT(Agent{}.complaint(tags({}, "#rota-agent\n[[rota]]\naddress = \"2001:db8::1\"\n")),
                HasSubstr("user data:3: address: a literal address is not taken"));
    EXPECT_TRUE(
        find_instance_settings(tags({{"rota:address", "local-ipv4"}}), option_keys(Agent{}.app)));
}

TEST(InstanceSettings, are_decided_on_for_every_option) {
    const std::set<std::string> taken{"address",
                                      "auto-scaling-group",
                                      "client-floor",
                                      "connection-life",
                                      "deadline",
                                      "drain-mode",
                                      "health",
                                      "health-interval",
                                      "lease",
                                      "lifecycle-hook",
                                      "lifecycle-hooks",
                                      "load",
                                      "load-capacity",
                                      "load-gain",
                                      "load-interval",
                                      "load-target",
                                      "margin",
                                      "name",
                                      "notice",
                                      "notices",
                                      "port",
                                      "ready",
                                      "ready-interval",
                                      "slow-start",
                                      "ttl",
                                      "type",
                                      "unhealthy",
                                      "watch-interval",
                                      "weight",
                                      "weight-interval",
                                      "zone"};
    const Agent agent;
    for (const std::string& key : option_keys(agent.app)) {
        EXPECT_EQ(taken.contains(key), why_refused(key).empty())
            << key << ": decide whether an instance's tags may say it, and put it into kRefused or "
            << "into this list; nothing that runs a command may";
    }
}

TEST(InstanceSettings, say_when_user_data_cannot_be_read) {
    const auto keys = option_keys(Agent{}.app);
    EXPECT_THAT(find_instance_settings(tags({}, "\x1f\x8b\x08"), keys)->remark,
                HasSubstr("is compressed"));
    EXPECT_EQ(find_instance_settings(tags({}, "#!/bin/sh\n"), keys)->remark, "");
}

TEST(InstanceSettings, may_be_arrays_of_tables_in_user_data) {
    const auto found = find_instance_settings(
        tags({},
             "#rota-agent\nzone = \"Z1\"\n[[rota]]\nname = \"a.test\"\n[[rota]]\nname = "
             "\"b.test\"\n[[health]]\ncheck = \"tcp://127.0.0.1:80\"\n"),
        option_keys(Agent{}.app));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->user_data.tables("rota").size(), 2U);
    EXPECT_EQ(found->user_data.tables("health").size(), 1U);
}

}  // namespace
}  // namespace rota::cli
