#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_http_service.h"
#include "judge_of_signatures.h"
#include "rota/aws/credentials.h"
#include "rota/aws/error_codes.h"
#include "rota/aws/query.h"
#include "rota/aws/signing_clock.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/time_format.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kTruth = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 16h + 40min;

bool learn(SigningClock& clock, WallTime wall, WallTime truth) {
    return clock.learn(clock.now(wall), format_http_date(truth), wall, "api");
}

TEST(SigningClock, is_the_machines_until_an_api_tells_otherwise) {
    const SigningClock clock;
    EXPECT_EQ(clock.now(kTruth + 123us), kTruth + 123us);
}

TEST(SigningClock, follows_the_api_that_refused_both_ways_and_runs_on) {
    for (const auto off : {-1h, 1h, -24h * 366 * 30}) {
        SigningClock clock;
        const WallTime wall = kTruth + off;
        EXPECT_TRUE(learn(clock, wall, kTruth));
        EXPECT_EQ(clock.now(wall), kTruth);
        EXPECT_EQ(clock.now(wall + 10min), kTruth + 10min);
    }
}

TEST(SigningClock, returns_to_the_machines_clock_when_that_is_right) {
    SigningClock clock;
    learn(clock, kTruth - 1h, kTruth);
    EXPECT_TRUE(learn(clock, kTruth + 30s, kTruth));
    EXPECT_EQ(clock.now(kTruth + 30s), kTruth + 30s) << "not the API's, which is as good";
}

TEST(SigningClock, does_not_believe_that_a_small_difference_was_the_trouble) {
    SigningClock clock;
    EXPECT_FALSE(learn(clock, kTruth - 4min, kTruth));
    EXPECT_FALSE(learn(clock, kTruth + 4min, kTruth));
    EXPECT_EQ(clock.now(kTruth), kTruth);
    EXPECT_TRUE(learn(clock, kTruth - 4min - 1s, kTruth));
}

TEST(SigningClock, signs_anew_what_was_signed_before_the_clock_was_set) {
    SigningClock clock;
    EXPECT_TRUE(clock.learn(kTruth - 1h, format_http_date(kTruth), kTruth, "api"));
    EXPECT_EQ(clock.now(kTruth), kTruth);
}

TEST(SigningClock, learns_nothing_from_nonsense) {
    SigningClock clock;
    for (const char* const date :
         {"", "0", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Tue, 31 Dec 2024 23:59:59 GMT",
          "Fri, 01 Jan 2100 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
          "Sun, 22 Nov 2026 12:40:00 GMT, Sun, 22 Nov 2026 12:40:00 GMT",
          "Sunday, 22-Nov-26 12:40:00 GMT", "Sun, 22 Nov 2026 12:40:00 UTC"}) {
        EXPECT_FALSE(clock.learn(kTruth, date, kTruth, "api")) << date;
    }
    EXPECT_EQ(clock.now(kTruth), kTruth);
}

TEST(ErrorCodes, tell_a_clock_that_is_wrong) {
    EXPECT_TRUE(says_wrong_clock("SignatureDoesNotMatch",
                                 "Signature expired: 20261122T154000Z is now earlier than "
                                 "20261122T163500Z (20261122T164000Z - 5 min.)"));
    EXPECT_TRUE(says_wrong_clock("InvalidSignatureException",
                                 "Signature not yet current: 20261122T174000Z is still later than "
                                 "20261122T164500Z (20261122T164000Z + 5 min.)"));
    EXPECT_TRUE(says_wrong_clock("RequestTimeTooSkewed", ""));
    EXPECT_TRUE(says_wrong_clock("RequestExpired", "Request has expired."));
    EXPECT_FALSE(says_wrong_clock("SignatureDoesNotMatch", "The request signature we calculated"));
    EXPECT_FALSE(says_wrong_clock("AuthFailure", "AWS was not able to validate"));
    EXPECT_TRUE(may_mean_wrong_clock("AuthFailure", "AWS was not able to validate"));
    EXPECT_FALSE(may_mean_wrong_clock("AccessDenied", ""));
}

/// An API of the query protocol that looks at signatures, or refuses all alike.
FakeHttpService::Answer judge(bool is_stubborn) {
    return [is_stubborn](const http::Request& request) {
        const auto refusal = why_refused(request, "autoscaling");
        if (!refusal && !is_stubborn) {
            return http::Response{200, {}, "<Done/>"};
        }
        return http::Response{
            403,
            {},
            fmt::format("<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}"
                        "</Message></Error></ErrorResponse>",
                        is_stubborn ? "RequestTimeTooSkewed" : refusal->code,
                        is_stubborn ? "No." : refusal->message)};
    };
}

QueryClient client_of(const QueryEndpoint& endpoint) {
    return QueryClient{kAutoScaling,
                       endpoint,
                       std::make_shared<CredentialProvider>(environment_of_the_judge(), nullptr),
                       {}};
}

TEST(SignedCalls, are_made_once_more_by_the_time_of_the_api) {
    const FakeHttpService api{judge(false)};
    const QueryEndpoint endpoint = choose_query_endpoint(kAutoScaling, "eu-west-1", api.url());
    set_wrong(*endpoint.clock);
    QueryClient client = client_of(endpoint);
    for (const std::size_t requests : {2U, 3U}) {
        const auto answer = client.call({"DescribeAutoScalingInstances", ""}, {});
        ASSERT_TRUE(answer) << answer.error().error.message;
        EXPECT_EQ(api.lines().size(), requests) << "once more, and only the first time";
    }
    const std::vector<http::Request> all = api.requests();
    EXPECT_EQ(all[0].body, all[1].body);
    EXPECT_NE(*http::find(all[0].headers, "x-amz-date"), *http::find(all[1].headers, "x-amz-date"));
}

TEST(SignedCalls, give_up_with_the_advice_where_the_second_is_refused_too) {
    const FakeHttpService api{judge(true)};
    const QueryEndpoint endpoint = choose_query_endpoint(kAutoScaling, "eu-west-1", api.url());
    set_wrong(*endpoint.clock);
    QueryClient client = client_of(endpoint);
    for (const std::size_t requests : {2U, 3U}) {
        const auto answer = client.call({"DescribeAutoScalingInstances", ""}, {});
        ASSERT_FALSE(answer);
        EXPECT_THAT(answer.error().error.message, HasSubstr("set this machine's clock"));
        EXPECT_FALSE(answer.error().error.retryable);
        EXPECT_EQ(api.lines().size(), requests) << "the clock is not the trouble any more";
    }
}

TEST(SignedCalls, are_not_made_again_for_other_refusals) {
    const FakeHttpService api{[](const http::Request&) {
        return http::Response{403, {}, "<E><Error><Code>AccessDenied</Code></Error></E>"};
    }};
    const QueryEndpoint endpoint = choose_query_endpoint(kAutoScaling, "eu-west-1", api.url());
    set_wrong(*endpoint.clock);
    EXPECT_FALSE(client_of(endpoint).call({"DescribeAutoScalingInstances", ""}, {}));
    EXPECT_EQ(api.lines().size(), 1U);
}

}  // namespace
}  // namespace rota::aws
