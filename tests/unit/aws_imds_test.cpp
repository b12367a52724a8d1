#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fake_http_service.h"
#include "rota/aws/imds.h"

namespace rota::aws {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

const std::string kToken = "/latest/api/token";

bool has_token(const http::Request& request, const std::string& token) {
    const auto* given = http::find(request.headers, "x-aws-ec2-metadata-token");
    return given != nullptr && *given == token;
}

http::Response version_2(const http::Request& request) {
    if (request.method == "PUT" && request.target == kToken) {
        const auto* ttl = http::find(request.headers, "x-aws-ec2-metadata-token-ttl-seconds");
        return ttl != nullptr && *ttl == "21600" ? http::Response{.status = 200, .body = "t1"}
                                                 : http::Response{.status = 400};
    }
    if (!has_token(request, "t1")) {
        return {.status = 401};
    }
    if (request.target == "/latest/meta-data/instance-id") {
        return {.status = 200, .body = "i-0abc\n"};
    }
    return {.status = 404};
}

ImdsOptions at(const FakeHttpService& service) {
    return {.endpoint = service.url()};
}

TEST(Imds, takes_a_token_once_and_sends_it) {
    const FakeHttpService service{version_2};
    Imds imds{at(service)};
    EXPECT_EQ(imds.get("meta-data/instance-id").value(), "i-0abc");
    EXPECT_EQ(imds.get("meta-data/instance-id").value(), "i-0abc");
    EXPECT_EQ(service.lines(), (Lines{"PUT /latest/api/token", "GET /latest/meta-data/instance-id",
                                      "GET /latest/meta-data/instance-id"}));
}

TEST(Imds, says_nothing_for_an_item_that_is_absent) {
    const FakeHttpService service{version_2};
    Imds imds{at(service)};
    const auto item = imds.get("meta-data/public-ipv4");
    ASSERT_TRUE(item);
    EXPECT_FALSE(item->has_value());
}

TEST(Imds, takes_a_new_token_once_when_the_old_one_is_refused) {
    std::atomic<int> tokens{0};
    const FakeHttpService service{[&](const http::Request& request) -> http::Response {
        if (request.method == "PUT") {
            return {.status = 200, .body = "t" + std::to_string(++tokens)};
        }
        return has_token(request, "t2") ? http::Response{.status = 200, .body = "x"}
                                        : http::Response{.status = 401};
    }};
    Imds imds{at(service)};
    EXPECT_EQ(imds.get("a").value(), "x");
    EXPECT_EQ(tokens, 2);
}

TEST(Imds, gives_up_when_a_fresh_token_is_refused_too) {
    const FakeHttpService service{[](const http::Request& request) -> http::Response {
        return {.status = request.method == "PUT" ? 200 : 401, .body = "t"};
    }};
    Imds imds{at(service)};
    const auto item = imds.get("a");
    ASSERT_FALSE(item);
    EXPECT_EQ(item.error().kind, ErrorKind::permission);
    EXPECT_EQ(service.lines().size(), 4U);
}

TEST(Imds, renews_a_token_before_it_expires) {
    const FakeHttpService service{[](const http::Request& request) -> http::Response {
        return {.status = 200,
                .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "30"}},
                .body = request.method};
    }};
    Imds imds{at(service)};
    EXPECT_TRUE(imds.get("a"));
    EXPECT_TRUE(imds.get("a"));
    EXPECT_EQ(service.lines().size(), 4U) << "30 s are inside the margin";
}

TEST(Imds, retries_what_passes_with_a_pause) {
    std::atomic<int> gets{0};
    const FakeHttpService service{[&](const http::Request& request) -> http::Response {
        if (request.method == "PUT") {
            return {.status = 200, .body = "t"};
        }
        return {.status = ++gets < 3 ? 503 : 200, .body = "x"};
    }};
    Imds imds{at(service)};
    EXPECT_EQ(imds.get("a").value(), "x");
    EXPECT_EQ(gets, 3);
}

TEST(Imds, says_that_it_is_turned_off) {
    const FakeHttpService service{
        [](const http::Request&) -> http::Response { return {.status = 403}; }};
    Imds imds{at(service)};
    const auto item = imds.get("a");
    ASSERT_FALSE(item);
    EXPECT_EQ(item.error().kind, ErrorKind::permission);
    EXPECT_FALSE(item.error().retryable);
    EXPECT_TRUE(item.error().message.contains(service.url())) << item.error().message;
}

http::Response version_1(const http::Request& request) {
    if (request.method != "GET") {
        return {.status = 405};
    }
    return {.status = 200, .body = request.target};
}

TEST(Imds, uses_version_1_only_when_asked) {
    const FakeHttpService service{version_1};
    Imds strict{at(service)};
    const auto refused = strict.get("a");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(refused.error().message.contains("version 1"));
    ImdsOptions options = at(service);
    options.allow_v1 = true;
    Imds lax{options};
    EXPECT_EQ(lax.get("a").value(), "/latest/a");
    EXPECT_EQ(lax.get("b").value(), "/latest/b");
    EXPECT_EQ(service.lines(), (Lines{"PUT /latest/api/token", "PUT /latest/api/token",
                                      "GET /latest/a", "GET /latest/b"}));
}

TEST(Imds, prefers_version_2_where_both_are_there) {
    const FakeHttpService service{version_2};
    ImdsOptions options = at(service);
    options.allow_v1 = true;
    Imds imds{options};
    EXPECT_EQ(imds.get("meta-data/instance-id").value(), "i-0abc");
}

TEST(Imds, hints_at_the_hop_limit_when_the_token_does_not_come) {
    // Listens and never accepts: the connection opens and nothing is said.
    const Fd silent = http::listen_tcp("127.0.0.1:0").value();
    ImdsOptions options{.endpoint = "http://127.0.0.1:" + std::to_string(http::local_port(silent)),
                        .token_timeout = milliseconds{50},
                        .tries = 2};
    Imds imds{options};
    const auto item = imds.get("a");
    ASSERT_FALSE(item);
    EXPECT_EQ(item.error().kind, ErrorKind::timeout);
    EXPECT_TRUE(item.error().retryable);
    EXPECT_TRUE(item.error().message.contains("--http-put-response-hop-limit 2"))
        << item.error().message;
}

TEST(Imds, bounds_what_it_reads) {
    const FakeHttpService service{[](const http::Request& request) -> http::Response {
        return {.status = 200,
                .body = request.method == "PUT" ? "t" : std::string(std::size_t{1} << 20U, 'x')};
    }};
    Imds imds{at(service)};
    EXPECT_EQ(imds.get("a").error().kind, ErrorKind::bad_input);
}

TEST(Imds, says_that_the_endpoint_is_wrong) {
    Imds imds{{.endpoint = "169.254.169.254"}};
    const auto item = imds.get("a");
    ASSERT_FALSE(item);
    EXPECT_EQ(item.error().kind, ErrorKind::config);
    EXPECT_TRUE(item.error().message.contains("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
}

}  // namespace
}  // namespace rota::aws
