#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "rota/base/clock.h"
#include "rota/http/message.h"
#include "rota/lab/metadata.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kNow{1000s};
constexpr auto kTtlHeader = "x-aws-ec2-metadata-token-ttl-seconds";

class MetadataTest : public testing::Test {
protected:
    http::Response put(const std::string& ttl, http::Headers more = {}) {
        more.emplace_back(kTtlHeader, ttl);
        return metadata_.answer(
            {.method = "PUT", .target = "/latest/api/token", .headers = more, .body = {}}, kNow);
    }

    http::Response get(const std::string& path, BootTime now = kNow) {
        return metadata_.answer({.method = "GET",
                                 .target = path,
                                 .headers = {{"X-aws-ec2-metadata-token", token_}},
                                 .body = {}},
                                now);
    }

    Metadata metadata_{{.instance_id = "i-0123456789abcdef0",
                        .local_ipv4 = "127.77.1.11",
                        .public_ipv4 = "127.77.1.11"}};
    std::string token_ = put("60").body;
};

TEST_F(MetadataTest, gives_a_token_and_echoes_its_life) {
    const http::Response response = put("21600");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body.size(), 56U);
    ASSERT_NE(http::find(response.headers, kTtlHeader), nullptr);
    EXPECT_EQ(*http::find(response.headers, kTtlHeader), "21600");
}

TEST_F(MetadataTest, refuses_a_token_without_a_valid_life) {
    for (const char* const ttl : {"0", "21601", "-1", "", "60s"}) {
        EXPECT_EQ(put(ttl).status, 400) << ttl;
    }
    EXPECT_EQ(
        metadata_
            .answer({.method = "PUT", .target = "/latest/api/token", .headers = {}, .body = {}},
                    kNow)
            .status,
        400);
}

TEST_F(MetadataTest, refuses_a_forwarded_token_request_and_dated_paths) {
    EXPECT_EQ(put("60", {{"X-Forwarded-For", "198.51.100.1"}}).status, 403);
    EXPECT_EQ(metadata_
                  .answer({.method = "PUT",
                           .target = "/2021-03-23/api/token",
                           .headers = {{kTtlHeader, "60"}},
                           .body = {}},
                          kNow)
                  .status,
              403);
}

TEST_F(MetadataTest, tells_nothing_without_a_living_token) {
    EXPECT_EQ(get("/latest/meta-data/instance-id", kNow + 59s).body, "i-0123456789abcdef0");
    EXPECT_EQ(get("/latest/meta-data/instance-id", kNow + 60s).status, 401);
    token_ = "guessed";
    EXPECT_EQ(get("/latest/meta-data/instance-id").status, 401);
    EXPECT_EQ(metadata_
                  .answer({.method = "GET",
                           .target = "/latest/meta-data/instance-id",
                           .headers = {},
                           .body = {}},
                          kNow)
                  .status,
              401);
}

TEST_F(MetadataTest, lists_folders_and_misses_what_is_absent) {
    EXPECT_EQ(get("/latest/meta-data/placement/").body, "availability-zone\nregion");
    EXPECT_EQ(get("/latest/meta-data/placement").body, "availability-zone\nregion");
    EXPECT_EQ(get("/latest").body, "dynamic/\nmeta-data/");
    EXPECT_EQ(get("/2021-03-23/meta-data/local-ipv4").body, "127.77.1.11");
    EXPECT_EQ(get("/latest/meta-data/ipv6").status, 404);
    EXPECT_EQ(get("/elsewhere").status, 404);
}

TEST_F(MetadataTest, the_lifecycle_state_is_absent_before_the_first_transition) {
    const std::string path = "/latest/meta-data/autoscaling/target-lifecycle-state";
    EXPECT_EQ(get(path).status, 404);
    metadata_.set("meta-data/autoscaling/target-lifecycle-state", "InService");
    EXPECT_EQ(get(path).body, "InService");
    metadata_.set("meta-data/autoscaling/target-lifecycle-state", "Terminated");
    EXPECT_EQ(get(path).body, "Terminated");
}

}  // namespace
}  // namespace rota::lab
