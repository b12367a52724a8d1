#include <algorithm>
#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_http_service.h"
#include "judge_of_signatures.h"
#include "rota/aws/credentials.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/http/message.h"
#include "rota/model/change_batch.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"
#include "rota/route53/retry.h"

namespace rota::route53 {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;

ApiError api_error(int status, const std::string& code, const std::string& message = "words.") {
    ApiError error;
    error.status = status;
    error.code = code;
    error.message = message;
    return error;
}

CallError refusal(const std::string& message) {
    ApiError api = api_error(400, "InvalidChangeBatch", message);
    api.messages = {message};
    return explain({"ChangeResourceRecordSets", "hostedzone/Z1"}, choose_endpoint("", ""), api);
}

CallError explained(int status, const std::string& code, const std::string& message = "words.") {
    return explain({"ChangeResourceRecordSets", "hostedzone/Z1"}, choose_endpoint("", ""),
                   api_error(status, code, message));
}

TEST(Route53Endpoint, follows_the_partition_and_gives_way_to_an_explicit_url) {
    EXPECT_EQ(choose_endpoint("eu-west-1", "").url, "https://route53.amazonaws.com");
    EXPECT_EQ(choose_endpoint("eu-west-1", "").signing_region, "us-east-1");
    EXPECT_EQ(choose_endpoint("", "").signing_region, "us-east-1");
    EXPECT_EQ(choose_endpoint("cn-north-1", "").url, "https://route53.amazonaws.com.cn");
    EXPECT_EQ(choose_endpoint("cn-north-1", "").signing_region, "cn-northwest-1");
    EXPECT_EQ(choose_endpoint("us-gov-east-1", "").url, "https://route53.us-gov.amazonaws.com");
    EXPECT_EQ(choose_endpoint("us-gov-east-1", "").signing_region, "us-gov-west-1");
    const Endpoint own = choose_endpoint("cn-north-1", "http://127.0.0.1:8053");
    EXPECT_EQ(own.url, "http://127.0.0.1:8053");
    EXPECT_EQ(own.signing_region, "cn-northwest-1");
}

TEST(Route53Errors, those_that_pass_by_themselves_are_retryable) {
    for (const char* code : {"Throttling", "ThrottlingException", "PriorRequestNotComplete",
                             "ServiceUnavailable", "RequestLimitExceeded"}) {
        const CallError error = explained(400, code);
        EXPECT_TRUE(error.error.retryable) << code;
        EXPECT_EQ(error.error.kind, ErrorKind::unavailable) << code;
        EXPECT_FALSE(error.outcome_unknown) << code;
    }
    for (const int status : {500, 502, 503, 504}) {
        EXPECT_TRUE(explained(status, "InternalFailure").error.retryable);
        EXPECT_TRUE(explained(status, "InternalFailure").outcome_unknown);
    }
    EXPECT_TRUE(explained(429, "HTTP 429").error.retryable);
    EXPECT_TRUE(explained(403, "ExpiredToken").error.retryable);
    for (const char* code : {"InvalidInput", "NoSuchHostedZone", "InvalidChangeBatch",
                             "AccessDenied", "RequestExpired", "SignatureDoesNotMatch"}) {
        EXPECT_FALSE(explained(400, code).error.retryable) << code;
    }
}

TEST(Route53Errors, kinds_follow_the_code) {
    EXPECT_EQ(explained(404, "NoSuchHostedZone").error.kind, ErrorKind::not_found);
    EXPECT_EQ(explained(400, "InvalidChangeBatch").error.kind, ErrorKind::conflict);
    EXPECT_EQ(explained(409, "HostedZoneAlreadyExists").error.kind, ErrorKind::conflict);
    EXPECT_EQ(explained(400, "HostedZoneNotEmpty").error.kind, ErrorKind::conflict);
    EXPECT_EQ(explained(403, "InvalidClientTokenId").error.kind, ErrorKind::permission);
    EXPECT_EQ(explained(400, "InvalidInput").error.kind, ErrorKind::bad_input);
    EXPECT_EQ(explained(301, "HTTP 301").error.kind, ErrorKind::bad_input);
}

TEST(Route53Errors, too_few_members_is_a_conflict_that_can_be_told) {
    const CallError error = explained(400, "PreconditionFailed");
    EXPECT_EQ(error.error.kind, ErrorKind::conflict);
    EXPECT_FALSE(error.error.retryable);
    EXPECT_TRUE(says_too_few_members(error));
    EXPECT_FALSE(says_too_few_members(explained(400, "InvalidChangeBatch")));
    EXPECT_FALSE(says_too_few_members({}));
}

TEST(Route53Errors, a_denied_call_names_the_action_and_the_resource_in_its_partition) {
    const Operation operation{"ChangeResourceRecordSets", "hostedzone/Z1"};
    const ApiError denied = api_error(403, "AccessDenied", "User: x is not authorized.");
    const CallError error = explain(operation, choose_endpoint("", ""), denied);
    EXPECT_EQ(error.error.kind, ErrorKind::permission);
    EXPECT_EQ(error.error.message,
              "ChangeResourceRecordSets of hostedzone/Z1 at https://route53.amazonaws.com: "
              "AccessDenied: User: x is not authorized; the credentials need the IAM action "
              "route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/Z1");
    EXPECT_THAT(explain(operation, choose_endpoint("cn-north-1", ""), denied).error.message,
                EndsWith("on arn:aws-cn:route53:::hostedzone/Z1"));
    EXPECT_THAT(explain({"ListHostedZones", ""}, choose_endpoint("us-gov-west-1", ""), denied)
                    .error.message,
                EndsWith("route53:ListHostedZones on *"));
    EXPECT_THAT(explained(403, "SignatureDoesNotMatch",
                          "Signature expired: 20191218T101837Z is now earlier than …")
                    .error.message,
                EndsWith("; set this machine's clock"));
}

TEST(Route53Client, signs_by_the_time_of_an_api_that_refuses_its_own) {
    const FakeHttpService service{[](const http::Request& request) {
        const auto refusal = why_refused(request, "route53");
        return http::Response{
            refusal ? refusal->status : 404,
            {},
            fmt::format("<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}"
                        "</Message></Error></ErrorResponse>",
                        refusal ? refusal->code : "NoSuchHostedZone",
                        refusal ? refusal->message : "None.")};
    }};
    const Endpoint endpoint = choose_endpoint("us-east-1", service.url());
    set_wrong(*endpoint.clock);
    Client client{endpoint,
                  std::make_shared<aws::CredentialProvider>(environment_of_the_judge(), nullptr),
                  {}};
    const auto zone = client.get_hosted_zone("Z1");
    ASSERT_FALSE(zone);
    EXPECT_EQ(zone.error().api->code, "NoSuchHostedZone");
    EXPECT_EQ(service.lines().size(), 2U);
}

TEST(Route53Retry, delays_are_spread_over_the_whole_of_a_doubling_range) {
    Rng rng{7};
    for (unsigned attempt = 0; attempt < 40; ++attempt) {
        const milliseconds most{attempt > 4 ? 20000 : 1000 << attempt};
        milliseconds longest{0};
        for (int i = 0; i < 2000; ++i) {
            const milliseconds delay = backoff_delay(attempt, rng);
            ASSERT_GE(delay, milliseconds{0});
            ASSERT_LE(delay, most);
            longest = std::max(longest, delay);
        }
        EXPECT_GT(longest, most * 9 / 10);
    }
}

TEST(Route53Retry, success_and_final_errors_end_it_at_once) {
    Rng rng{1};
    int calls = 0;
    const auto fine = retry_call(
        [&calls](bool) -> CallResult<int> {
            ++calls;
            return 3;
        },
        boot_now(), rng);
    EXPECT_EQ(fine.value(), 3);
    const auto final_error = retry_call(
        [&calls](bool) -> CallResult<int> {
            ++calls;
            return std::unexpected(explained(400, "InvalidInput"));
        },
        boot_now() + std::chrono::hours{1}, rng);
    EXPECT_FALSE(final_error);
    EXPECT_EQ(calls, 2);
}

TEST(Route53Retry, a_lost_answer_is_told_to_the_next_try) {
    Rng rng{3};
    std::vector<bool> told;
    std::vector<milliseconds> delays;
    const auto result = retry_call(
        [&told](bool answer_was_lost) -> CallResult<int> {
            told.push_back(answer_was_lost);
            if (told.size() == 1) {
                return std::unexpected(explained(400, "Throttling"));
            }
            if (told.size() == 2) {
                return std::unexpected(explained(503, "ServiceUnavailable"));
            }
            return 1;
        },
        boot_now() + std::chrono::hours{1}, rng,
        [&delays](const CallError&, unsigned attempt, milliseconds delay) {
            EXPECT_EQ(attempt, delays.size() + 1);
            delays.push_back(delay);
        },
        Backoff{milliseconds{1}, milliseconds{2}});
    EXPECT_TRUE(result);
    EXPECT_THAT(told, testing::ElementsAre(false, false, true));
}

TEST(Route53Retry, the_deadline_gives_the_last_error) {
    Rng rng{3};
    int calls = 0;
    const auto result = retry_call(
        [&calls](bool) -> CallResult<int> {
            ++calls;
            return std::unexpected(explained(400, "Throttling"));
        },
        boot_now(), rng,
        [](const CallError&, unsigned, std::chrono::milliseconds) {
            ADD_FAILURE() << "announces a wait that does not come";
        });
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(result.error().api->code, "Throttling");
}

TEST(Route53Retry, refusals_that_tell_of_an_earlier_success_are_known) {
    const CallError exists = refusal(
        "Tried to create resource record set [name='a.', type='A', set-identifier='i'] but it "
        "already exists");
    const CallError absent =
        refusal("Tried to delete resource record set [name='a.', type='A'] but it was not found");
    const CallError different = refusal(
        "Tried to delete resource record set [name='a.', type='A'] but the values provided do not "
        "match the current values");
    EXPECT_TRUE(says_already_exists(exists));
    EXPECT_FALSE(says_already_exists(absent));
    EXPECT_TRUE(says_not_found(absent));
    EXPECT_FALSE(says_not_found(different));
    EXPECT_TRUE(is_done_already(model::Action::del, absent, true));
    EXPECT_FALSE(is_done_already(model::Action::del, absent, false));
    EXPECT_FALSE(is_done_already(model::Action::del, different, true));
    EXPECT_FALSE(is_done_already(model::Action::create, exists, true));
    EXPECT_FALSE(says_not_found(explained(400, "Throttling")));
}

}  // namespace
}  // namespace rota::route53
