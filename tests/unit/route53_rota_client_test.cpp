#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_http_service.h"
#include "judge_of_signatures.h"
#include "rota/aws/credentials.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/http/message.h"
#include "rota/route53/client.h"
#include "rota/route53/rota_client.h"

namespace rota::route53 {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// What a client makes of one answer to a question for an age.
RotaResult<MemberAge> age_from(int status, const std::string& body) {
    aws::Environment environment;
    environment.static_credentials = aws::Credentials{"AKIATEST", "secret", "", {}};
    const FakeHttpService service{
        [&](const http::Request&) { return http::Response{status, {}, body}; }};
    RotaClient client{{service.url() + "/base/", "us-east-1"},
                      std::make_shared<aws::CredentialProvider>(environment, nullptr),
                      {}};
    auto age = client.age({"Z1", dns::Name::parse("www.example.com").value(), dns::Type::a, "i-1"});
    EXPECT_THAT(service.lines(), ElementsAre("GET /base/rota/v1/ages?name=www.example.com.&"
                                             "set-identifier=i-1&type=A&zone=Z1"));
    return age;
}

TEST(RotaClient, learns_that_an_endpoint_has_no_such_api) {
    const std::string xml =
        "<?xml version=\"1.0\"?><ErrorResponse><Error><Code>UnknownOperationException</Code>"
        "</Error></ErrorResponse>";
    for (const int status : {301, 400, 403, 404, 405, 501}) {
        for (const std::string& body : {std::string{}, xml, std::string{"{}"}, std::string{"[]"}}) {
            const auto age = age_from(status, body);
            ASSERT_FALSE(age);
            EXPECT_TRUE(age.error().is_unsupported) << status << body;
            EXPECT_FALSE(age.error().error.retryable);
            EXPECT_THAT(age.error().error.message, HasSubstr("is no rota serve, or an older one"));
        }
    }
    EXPECT_TRUE(
        age_from(404, R"({"code":"NoSuchResource","message":"none"})").error().is_unsupported);
}

TEST(RotaClient, takes_passing_trouble_for_that) {
    for (const int status : {429, 500, 502, 503, 504}) {
        const auto age = age_from(status, "busy");
        ASSERT_FALSE(age);
        EXPECT_FALSE(age.error().is_unsupported) << status;
        EXPECT_TRUE(age.error().error.retryable) << status;
    }
}

TEST(RotaClient, tells_refusals_by_their_code) {
    const auto age = age_from(403, R"({"code":"SignatureDoesNotMatch","message":"wrong key"})");
    EXPECT_EQ(age.error().code, "SignatureDoesNotMatch");
    EXPECT_EQ(age.error().error.kind, ErrorKind::permission);
    EXPECT_FALSE(age.error().is_unsupported);
    EXPECT_THAT(age.error().error.message, HasSubstr("SignatureDoesNotMatch: wrong key"));
}

TEST(RotaClient, signs_by_the_time_of_an_api_that_refuses_its_own) {
    const FakeHttpService service{[](const http::Request& request) {
        const auto refusal = why_refused(request, "route53");
        return refusal ? http::Response{refusal->status,
                                        {},
                                        fmt::format(R"({{"code":"{}","message":"{}"}})",
                                                    refusal->code, refusal->message)}
                       : http::Response{404, {}, R"({"code":"NoSuchRecordSet","message":"none"})"};
    }};
    const Endpoint endpoint = choose_endpoint("us-east-1", service.url());
    set_wrong(*endpoint.clock);
    RotaClient client{
        endpoint,
        std::make_shared<aws::CredentialProvider>(environment_of_the_judge(), nullptr),
        {}};
    for (const std::size_t requests : {2U, 3U}) {
        const auto leases =
            client.leases("Z1", dns::Name::parse("www.example.com").value(), dns::Type::a);
        ASSERT_FALSE(leases);
        EXPECT_EQ(leases.error().code, "NoSuchRecordSet");
        EXPECT_EQ(service.lines().size(), requests) << "once more, and only the first time";
    }
}

TEST(RotaClient, does_not_trust_an_answer_that_it_cannot_read) {
    for (const char* const body :
         {"", "[]", "{}", "<html>", R"({"state":"gone"})",
          R"({"state":"gone","insync":1,"last_answered_seconds_ago":null,"largest_ttl":60,)"
          R"("watched_since_seconds":1,"authoritative_for_all_answers":true})"}) {
        const auto age = age_from(200, body);
        ASSERT_FALSE(age) << body;
        EXPECT_EQ(age.error().error.kind, ErrorKind::bad_input);
    }
    const auto age = age_from(200, R"({"state":"gone","insync":true,)"
                                   R"("last_answered_seconds_ago":1e300,"largest_ttl":60,"new":{},)"
                                   R"("watched_since_seconds":1,)"
                                   R"("authoritative_for_all_answers":false})");
    ASSERT_TRUE(age) << age.error().error.message;
    EXPECT_GT(*age->since_last_answer, 24h);
}

TEST(LeftToDrain, is_what_the_age_leaves_of_the_ttl_and_the_margin) {
    MemberAge age{.is_gone = true,
                  .insync = true,
                  .since_last_answer = 12s,
                  .largest_ttl = 60s,
                  .watched_since = 75s,
                  .authoritative_for_all_answers = true};
    EXPECT_EQ(left_to_drain(age, 15s), 63s);
    age.since_last_answer = 75s;
    EXPECT_EQ(left_to_drain(age, 15s), 0s);
    age.since_last_answer.reset();
    EXPECT_EQ(left_to_drain(age, 15s), 0s);
}

TEST(LeftToDrain, is_not_known_from_an_age_that_proves_nothing) {
    const MemberAge age{.is_gone = true,
                        .insync = true,
                        .since_last_answer = std::nullopt,
                        .largest_ttl = 60s,
                        .watched_since = 75s,
                        .authoritative_for_all_answers = true};
    ASSERT_TRUE(left_to_drain(age, 15s));
    MemberAge present = age;
    present.is_gone = false;
    MemberAge pending = age;
    pending.insync = false;
    MemberAge young = age;
    young.watched_since = 75s - 1ms;
    MemberAge others = age;
    others.authoritative_for_all_answers = false;
    for (const MemberAge& one : {present, pending, young, others}) {
        EXPECT_FALSE(left_to_drain(one, 15s));
    }
}

}  // namespace
}  // namespace rota::route53
