#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_http_service.h"
#include "rota/aws/autoscaling.h"
#include "rota/aws/credentials.h"
#include "rota/aws/ec2.h"
#include "rota/aws/imds.h"
#include "rota/aws/query.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/http/client.h"
#include "rota/http/message.h"

namespace rota::aws {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string golden(std::string_view name) {
    std::ostringstream text;
    text << std::ifstream{fmt::format("{}/query/{}.xml", ROTA_GOLDEN_DIR, name)}.rdbuf();
    return text.str();
}

std::shared_ptr<CredentialProvider> keys() {
    Environment environment;
    environment.static_credentials = Credentials{.access_key_id = "AKIDEXAMPLE",
                                                 .secret_access_key = "secret",
                                                 .session_token = "",
                                                 .expires = {}};
    return std::make_shared<CredentialProvider>(std::move(environment), nullptr);
}

const LifecycleAction kAction{
    .hook = "my-termination-hook", .group = "my asg/ä", .instance_id = "i-12345678"};

TEST(QueryForm, is_encoded_strictly_and_without_empty_values) {
    EXPECT_EQ(encode_form("CompleteLifecycleAction", kAutoScaling,
                          {{"AutoScalingGroupName", "a b+c&d=é~/"}, {"NextToken", ""}, {"X", "1"}}),
              "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName="
              "a%20b%2Bc%26d%3D%C3%A9~%2F&X=1");
}

TEST(QueryEndpoints, follow_the_region_and_give_way_to_an_explicit_url) {
    const auto url = [](const QueryService& service, std::string_view region) {
        return choose_query_endpoint(service, region, "").url;
    };
    EXPECT_EQ(url(kAutoScaling, "eu-central-1"), "https://autoscaling.eu-central-1.amazonaws.com");
    EXPECT_EQ(url(kEc2, "us-gov-west-1"), "https://ec2.us-gov-west-1.amazonaws.com");
    EXPECT_EQ(url(kEc2, "cn-north-1"), "https://ec2.cn-north-1.amazonaws.com.cn");
    const QueryEndpoint own = choose_query_endpoint(kEc2, "eu-west-1", "http://127.0.0.1:1");
    EXPECT_EQ(own.url, "http://127.0.0.1:1");
    EXPECT_EQ(own.region, "eu-west-1");
}

TEST(QueryRegion, is_the_environments_then_the_instances) {
    const FakeHttpService service{[](const http::Request& request) -> http::Response {
        return {.status = 200,
                .headers = {},
                .body = request.method == "PUT" ? "token" : "eu-north-1\n"};
    }};
    Imds imds{{.endpoint = service.url()}};
    Environment environment;
    EXPECT_EQ(find_region(environment, &imds).value(), "eu-north-1");
    EXPECT_EQ(service.lines().back(), "GET /latest/meta-data/placement/region");
    environment.region = "us-east-2";
    EXPECT_EQ(find_region(environment, &imds).value(), "us-east-2");
    environment.region = "EU West";
    EXPECT_EQ(find_region(environment, &imds).error().kind, ErrorKind::config);
    environment.region = "";
    EXPECT_THAT(find_region(environment, nullptr).error().message, HasSubstr("AWS_REGION"));
}

TEST(AutoScalingAnswers, are_read) {
    EXPECT_THAT(decode_auto_scaling_instances(golden("DescribeAutoScalingInstances")).value().items,
                ElementsAre(AutoScalingInstance{.instance_id = "i-12345678",
                                                .group = "my-asg",
                                                .lifecycle_state = "InService",
                                                .health_status = "HEALTHY"}));
    const auto hooks = decode_lifecycle_hooks(golden("DescribeLifecycleHooks")).value();
    ASSERT_EQ(hooks.size(), 2);
    EXPECT_TRUE(is_for_launch(hooks[0]) && !is_for_termination(hooks[0]));
    EXPECT_EQ(hooks[1], (LifecycleHook{.name = "my-termination-hook",
                                       .group = "my-asg",
                                       .transition = "autoscaling:EC2_INSTANCE_TERMINATING",
                                       .heartbeat_timeout = 60s,
                                       .global_timeout = 6000s,
                                       .default_result = "CONTINUE"}));
    EXPECT_TRUE(is_for_termination(hooks[1]));
    const auto groups = decode_auto_scaling_groups(golden("DescribeAutoScalingGroups")).value();
    EXPECT_EQ(groups.next_token, "dG9rZW4rMS8y==");
    ASSERT_EQ(groups.items.size(), 1);
    EXPECT_THAT(groups.items.front().instances,
                ElementsAre(AutoScalingInstance{.instance_id = "i-0598c7d356eba48d7",
                                                .group = "my-asg",
                                                .lifecycle_state = "InService",
                                                .health_status = "Healthy"},
                            AutoScalingInstance{.instance_id = "i-0d44425630326060f",
                                                .group = "my-asg",
                                                .lifecycle_state = "Terminating:Wait",
                                                .health_status = "Healthy"}));
    EXPECT_TRUE(decode_lifecycle_action_completed(golden("CompleteLifecycleAction")));
    EXPECT_TRUE(decode_lifecycle_heartbeat_recorded(golden("RecordLifecycleActionHeartbeat")));
}

TEST(AutoScalingAnswers, of_something_else_are_refused) {
    EXPECT_THAT(decode_lifecycle_action_completed("<html/>").error().message,
                HasSubstr("the answer is html, expected CompleteLifecycleActionResponse"));
    EXPECT_THAT(decode_lifecycle_action_completed("").error().message, HasSubstr("no XML"));
    EXPECT_THAT(decode_auto_scaling_groups("<DescribeAutoScalingGroupsResponse/>").error().message,
                HasSubstr("no DescribeAutoScalingGroupsResult"));
    EXPECT_THAT(decode_lifecycle_hooks(
                    "<DescribeLifecycleHooksResponse><DescribeLifecycleHooksResult><LifecycleHooks>"
                    "<member><LifecycleHookName>a</LifecycleHookName><LifecycleTransition>b"
                    "</LifecycleTransition><HeartbeatTimeout>soon</HeartbeatTimeout></member>"
                    "</LifecycleHooks></DescribeLifecycleHooksResult>"
                    "</DescribeLifecycleHooksResponse>")
                    .error()
                    .message,
                HasSubstr("HeartbeatTimeout is no number of seconds: soon"));
}

TEST(Ec2Answers, are_read) {
    const auto page = decode_instances(golden("DescribeInstances")).value();
    EXPECT_EQ(page.next_token, "eyJ2IjoiMiJ9==");
    EXPECT_THAT(page.items,
                ElementsAre(Ec2Instance{.instance_id = "i-1234567890abcdef0",
                                        .state = InstanceState::running,
                                        .state_word = "running",
                                        .public_ipv4 = "54.194.252.215",
                                        .private_ipv4 = "192.168.1.88",
                                        .ipv6 = {"2001:db8:1234:1a2b::123"},
                                        .launched = parse_rfc3339("2018-05-08T16:46:19Z")}));
    const auto dead = decode_instances(golden("DescribeInstances_2")).value();
    EXPECT_EQ(dead.items.front().state, InstanceState::terminated);
    EXPECT_EQ(dead.next_token, "");
}

TEST(QueryErrors, name_the_iam_action_and_the_resource) {
    const QueryError denied =
        explain(kAutoScaling, {"CompleteLifecycleAction", "arn:aws:autoscaling:x"}, "https://here",
                403, golden("error_autoscaling"));
    EXPECT_EQ(denied.error.kind, ErrorKind::permission);
    EXPECT_EQ(denied.code, "AccessDenied");
    EXPECT_FALSE(denied.error.retryable || denied.outcome_unknown);
    EXPECT_THAT(denied.error.message,
                StartsWith("CompleteLifecycleAction at https://here: AccessDenied: User: "));
    EXPECT_THAT(
        denied.error.message,
        HasSubstr("; the credentials need the IAM action autoscaling:CompleteLifecycleAction "
                  "on arn:aws:autoscaling:x"));
    EXPECT_EQ(explain(kEc2, {"DescribeInstances", ""}, "https://here", 403, golden("error_ec2"))
                  .error.message,
              "DescribeInstances at https://here: UnauthorizedOperation: You are not authorized to "
              "perform this operation; the credentials need the IAM action ec2:DescribeInstances "
              "on *");
}

TEST(QueryErrors, tell_those_that_pass_from_those_that_stay) {
    const auto of = [](int status, std::string_view code, std::string_view message = "words") {
        return explain(kAutoScaling, {"CompleteLifecycleAction", ""}, "https://here", status,
                       fmt::format("<ErrorResponse><Error><Code>{}</Code><Message>{}</Message>"
                                   "</Error></ErrorResponse>",
                                   code, message));
    };
    EXPECT_TRUE(of(400, "Throttling").error.retryable);
    EXPECT_TRUE(of(503, "RequestLimitExceeded").error.retryable);
    EXPECT_TRUE(of(500, "ResourceContention").error.retryable);
    EXPECT_TRUE(of(500, "InternalFailure").outcome_unknown);
    EXPECT_TRUE(of(403, "ExpiredToken").error.retryable);
    EXPECT_FALSE(of(400, "ValidationError").error.retryable);
    EXPECT_EQ(of(400, "InvalidInstanceID.NotFound").error.kind, ErrorKind::not_found);
    EXPECT_THAT(of(403, "SignatureDoesNotMatch").error.message, HasSubstr("check the access key"));
    EXPECT_THAT(of(403, "SignatureDoesNotMatch", "Signature expired: it is late").error.message,
                HasSubstr("set this machine's clock"));
    EXPECT_EQ(explain(kEc2, {"DescribeInstances", ""}, "https://here", 502, "<html>").error.message,
              "DescribeInstances at https://here: status 502");
}

TEST(QueryErrors, know_a_wait_that_is_over) {
    const QueryError over = explain(kAutoScaling, {"CompleteLifecycleAction", ""}, "https://here",
                                    400, golden("error_no_action"));
    EXPECT_TRUE(says_no_active_action(over));
    EXPECT_EQ(over.error.kind, ErrorKind::conflict);
    EXPECT_FALSE(says_no_active_action(explain(kAutoScaling, {"CompleteLifecycleAction", ""},
                                               "https://here", 403, golden("error_autoscaling"))));
}

TEST(QueryErrors, are_one_line_of_bounded_length) {
    const std::string long_words = std::string(499, 'x') + "\xC3\xA9\n" + std::string(5000, 'y');
    const QueryError error =
        explain(kEc2, {"DescribeInstances", ""}, "u", 400,
                fmt::format("<Response><Errors><Error><Code>A\nB</Code><Message>{}</Message>"
                            "</Error></Errors></Response>",
                            long_words));
    EXPECT_EQ(error.code, "A B");
    EXPECT_EQ(error.error.message,
              fmt::format("DescribeInstances at u: A B: {}…", std::string(499, 'x')));
}

class QueryCalls : public ::testing::Test {
protected:
    http::Response answer(const http::Request& request) {
        const auto begin = request.body.find('=') + 1;
        const std::string action = request.body.substr(begin, request.body.find('&') - begin);
        if (request.body.contains("NextToken=")) {
            return {.status = 200, .headers = {}, .body = golden(action + "_2")};
        }
        return {.status = status, .headers = {}, .body = golden(body.empty() ? action : body)};
    }

    [[nodiscard]] std::vector<std::string> bodies() const {
        std::vector<std::string> out;
        for (const auto& request : service.requests()) {
            out.push_back(request.body);
        }
        return out;
    }

    std::atomic<int> status = 200;
    std::string body;
    FakeHttpService service{[this](const http::Request& request) { return answer(request); }};
    AutoScaling auto_scaling{{.url = service.url(), .region = "eu-central-1"}, keys(), {}};
    Ec2 ec2{{.url = service.url() + "/base", .region = "eu-central-1"}, keys(), {}};
};

TEST_F(QueryCalls, a_wait_ends_with_continue) {
    EXPECT_TRUE(auto_scaling.complete(kAction));
    EXPECT_TRUE(auto_scaling.record_heartbeat(kAction));
    EXPECT_THAT(bodies(),
                ElementsAre("Action=CompleteLifecycleAction&Version=2011-01-01&LifecycleHookName="
                            "my-termination-hook&AutoScalingGroupName=my%20asg%2F%C3%A4&InstanceId="
                            "i-12345678&LifecycleActionResult=CONTINUE",
                            "Action=RecordLifecycleActionHeartbeat&Version=2011-01-01&"
                            "LifecycleHookName=my-termination-hook&AutoScalingGroupName=my%20asg%2F"
                            "%C3%A4&InstanceId=i-12345678"));
    const http::Request request = service.requests().front();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/");
    EXPECT_EQ(*http::find(request.headers, "content-type"),
              "application/x-www-form-urlencoded; charset=utf-8");
    EXPECT_THAT(*http::find(request.headers, "authorization"),
                HasSubstr("/eu-central-1/autoscaling/aws4_request"));
}

TEST_F(QueryCalls, a_denied_one_names_the_groups_arn) {
    status = 403;
    body = "error_autoscaling";
    EXPECT_THAT(auto_scaling.complete(kAction).error().error.message,
                HasSubstr("IAM action autoscaling:CompleteLifecycleAction on arn:aws:autoscaling:"
                          "eu-central-1:*:autoScalingGroup:*:autoScalingGroupName/my asg/ä"));
}

TEST_F(QueryCalls, an_instance_finds_its_group_and_its_hooks) {
    EXPECT_EQ(auto_scaling.describe_instance("i-12345678").value()->group, "my-asg");
    EXPECT_EQ(auto_scaling.describe_hooks("my-asg").value().size(), 2);
    body = "DescribeAutoScalingInstances_none";
    EXPECT_EQ(auto_scaling.describe_instance("i-12345678").value(), std::nullopt);
    EXPECT_THAT(bodies().front(), HasSubstr("&InstanceIds.member.1=i-12345678"));
}

TEST_F(QueryCalls, pages_are_followed_to_the_end) {
    const auto groups = auto_scaling.describe_all_groups({"my-asg", "my-asg & sons"}).value();
    ASSERT_EQ(groups.size(), 2);
    EXPECT_EQ(groups[1].name, "my-asg & sons");
    const std::vector<std::string> ids{"i-1234567890abcdef0", "i-0598c7d356eba48d7"};
    const auto instances = ec2.describe_all_instances(ids).value();
    ASSERT_EQ(instances.size(), 2);
    EXPECT_EQ(instances[1].state, InstanceState::terminated);
    EXPECT_THAT(
        bodies(),
        ElementsAre(
            "Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames.member.1="
            "my-asg&AutoScalingGroupNames.member.2=my-asg%20%26%20sons&MaxRecords=100",
            "Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames.member.1="
            "my-asg&AutoScalingGroupNames.member.2=my-asg%20%26%20sons&MaxRecords=100&NextToken="
            "dG9rZW4rMS8y%3D%3D",
            "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value."
            "1="
            "i-1234567890abcdef0&Filter.1.Value.2=i-0598c7d356eba48d7&MaxResults=1000",
            "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value."
            "1="
            "i-1234567890abcdef0&Filter.1.Value.2=i-0598c7d356eba48d7&MaxResults=1000&NextToken="
            "eyJ2IjoiMiJ9%3D%3D"));
    EXPECT_EQ(service.requests().back().target, "/base");
    EXPECT_TRUE(ec2.describe_all_instances({}).value().empty());
}

TEST(QueryPages, a_list_that_repeats_itself_ends) {
    int asked = 0;
    const auto all = all_pages<int>([&](std::string_view) -> QueryResult<Page<int>> {
        ++asked;
        return Page<int>{.items = {1}, .next_token = "again"};
    });
    EXPECT_EQ(all.error().error.kind, ErrorKind::bad_input);
    EXPECT_EQ(asked, 2);
}

TEST_F(QueryCalls, an_answer_that_is_none_leaves_the_outcome_open) {
    body = "error_ec2";
    const auto result = auto_scaling.complete(kAction);
    EXPECT_TRUE(result.error().outcome_unknown);
    EXPECT_THAT(result.error().error.message,
                HasSubstr("the answer is Response, expected CompleteLifecycleActionResponse"));
}

}  // namespace
}  // namespace rota::aws
