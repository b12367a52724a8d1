#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/instance/instance_tags.h"
#include "rota/instance/user_data.h"

namespace rota::instance {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string complaint(std::string_view user_data) {
    const auto found = settings_in_user_data(user_data);
    return found ? "" : found.error().message;
}

TEST(UserData, of_others_holds_nothing_for_rota) {
    for (const std::string_view text :
         {"", "#cloud-config\nruncmd: []\n", "#!/bin/sh\necho rota-agent begin\n",
          "zone = \"Z1\"\n", "\x1f\x8b\x08", "rota-agent begin\n", "# rota-agent beginning\n"}) {
        EXPECT_EQ(settings_in_user_data(text).value(), std::nullopt) << text;
    }
}

TEST(UserData, is_all_of_it_rotas_where_the_first_line_says_so) {
    const std::string text = "#rota-agent\r\nzone = \"Z1\"\n";
    EXPECT_EQ(settings_in_user_data(text).value(), text);
}

TEST(UserData, holds_settings_in_comments_whose_lines_keep_their_numbers) {
    EXPECT_EQ(settings_in_user_data("#!/bin/sh\n"
                                    "# rota-agent begin\n"
                                    "#zone = \"Z1\"\n"
                                    "\n"
                                    "  # name = \"a.test\"\r\n"
                                    "   #rota-agent end\n"
                                    "rm -r /\n")
                  .value(),
              "\n\nzone = \"Z1\"\n\n name = \"a.test\"\n\n\n");
}

TEST(UserData, is_complained_of_by_line) {
    EXPECT_THAT(complaint("x\n# rota-agent begin\n# a = 1\n"), StartsWith("user data:2: "));
    EXPECT_THAT(complaint("# rota-agent begin\na = 1\n# rota-agent end\n"),
                StartsWith("user data:2: "));
    EXPECT_THAT(complaint("\n\n# rota-agent end\n"), StartsWith("user data:3: "));
    EXPECT_THAT(complaint("# rota-agent begin\n# rota-agent begin\n"), StartsWith("user data:2: "));
    EXPECT_THAT(complaint("# rota-agent begin\n# rota-agent end\n# rota-agent begin\n"),
                HasSubstr("line 1"));
    EXPECT_THAT(complaint("\xc5\x81\n# rota-agent begin\n# \xc5\x81\n# rota-agent end\n"),
                StartsWith("user data:3: "));
    EXPECT_THAT(complaint("#rota-agent\n# \x1b\n"), StartsWith("user data:2: "));
    EXPECT_THAT(complaint(std::string(64U * 1024U + 1U, 'x')), HasSubstr("64 KiB"));
}

TEST(UserData, that_is_packed_is_told_from_plain_text) {
    EXPECT_EQ(why_opaque("#cloud-config\n"), "");
    EXPECT_EQ(why_opaque("\x1f\x8b\x08"), "is compressed");
    EXPECT_EQ(why_opaque("Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\n"
                         "Content-Transfer-Encoding: base64\n\nIw==\n"),
              "is partly base64");
    EXPECT_EQ(why_opaque("Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\n# a\n"), "");
}

/// A metadata service with these tags.
Metadata service(std::map<std::string, std::string, std::less<>> tags) {
    return [tags = std::move(tags)](std::string_view path) -> Result<std::optional<std::string>> {
        constexpr std::string_view kFolder = "meta-data/tags/instance";
        std::string list;
        for (const auto& [key, value] : tags) {
            if (path == std::string{kFolder} + "/" + key) {
                return value;
            }
            list += (list.empty() ? "" : "\n") + key;
        }
        return path == kFolder && !tags.empty() ? std::optional{list} : std::nullopt;
    };
}

std::string tags_complaint(std::map<std::string, std::string, std::less<>> tags) {
    const auto found = read_instance_tags(service(std::move(tags)));
    return found ? "" : found.error().message;
}

TEST(InstanceTags, are_those_with_rotas_prefix) {
    EXPECT_EQ(
        read_instance_tags(
            service({{"Name", "web"}, {"rota", "x"}, {"rota:ttl", "30"}, {"rota:zone", "Z1"}}))
            .value(),
        (std::vector<InstanceTag>{{"ttl", "30"}, {"zone", "Z1"}}));
}

TEST(InstanceTags, are_none_where_they_are_not_in_the_metadata) {
    EXPECT_TRUE(read_instance_tags(service({})).value().empty());
}

TEST(InstanceTags, that_are_no_settings_are_refused_by_key) {
    EXPECT_THAT(tags_complaint({{"rota:", "x"}}), HasSubstr("tag rota:"));
    EXPECT_THAT(tags_complaint({{"rota:../../x", "x"}}), HasSubstr("tag rota:../../x"));
    EXPECT_THAT(tags_complaint({{"rota:TTL", "30"}}), HasSubstr("lower-case"));
    EXPECT_THAT(tags_complaint({{"rota:ttl", ""}}), StartsWith("tag rota:ttl: the value is empty"));
    EXPECT_THAT(tags_complaint({{"rota:ttl", "3\n4"}}), HasSubstr("not one line"));
    EXPECT_THAT(tags_complaint({{"rota:name", std::string(1025, 'a')}}), HasSubstr("not one line"));
    std::map<std::string, std::string, std::less<>> many;
    for (int i = 0; i < 51; ++i) {
        many["rota:a" + std::to_string(i)] = "1";
    }
    EXPECT_THAT(tags_complaint(many), HasSubstr("more than 50"));
}

TEST(InstanceTags, pass_on_what_the_metadata_service_says) {
    const auto failed = read_instance_tags(
        [](std::string_view) { return fail(ErrorKind::timeout, "no answer", true); });
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed.error().retryable);
}

}  // namespace
}  // namespace rota::instance
