#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rota/aws/digest.h"
#include "rota/aws/sigv4.h"
#include "rota/base/encoding.h"
#include "rota/base/time_format.h"

namespace rota::aws {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kNow = *parse_basic("20191218T103249Z");
constexpr const char* kId = "AKIDEXAMPLE";
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::optional<std::string> secret_of(std::string_view id) {
    return id == kId ? std::optional<std::string>{kSecret} : std::nullopt;
}

http::Request post() {
    http::Request request;
    request.method = "POST";
    request.target = "/2013-04-01/hostedzone/Z1/rrset/?b=2&a=%5C052";
    request.headers = {{"Content-Type", "application/xml"}, {"User-Agent", "test/1"}};
    request.body = "<ChangeResourceRecordSetsRequest/>";
    return request;
}

http::Request signed_post(WallTime when = kNow, std::string_view region = "us-east-1",
                          std::string_view service = "route53") {
    http::Request request = post();
    sign(request, "127.0.0.1:8053", {kId, kSecret, "", {}}, region, service, when);
    return request;
}

std::string& header(http::Request& request, std::string_view name) {
    for (auto& [key, value] : request.headers) {
        if (http::same_name(key, name)) {
            return value;
        }
    }
    throw std::logic_error{"no such header"};
}

void replace(std::string& text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
}

AuthError error_of(const http::Request& request, WallTime now = kNow, bool allow_aws3 = false) {
    const auto result = verify(request, secret_of, now, {.allow_aws3 = allow_aws3});
    return result ? AuthError{200, "", ""} : result.error();
}

TEST(Verify, accepts_what_we_sign_for_any_region) {
    for (const auto* region : {"us-east-1", "eu-central-1", "cn-northwest-1", "x"}) {
        const auto result = verify(signed_post(kNow, region), secret_of, kNow, {});
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(*result, kId);
    }
}

TEST(Verify, accepts_an_identical_request_again_within_the_window) {
    const auto request = signed_post();
    EXPECT_EQ(error_of(request).status, 200);
    EXPECT_EQ(error_of(request, kNow + minutes{5}).status, 200);
    EXPECT_EQ(error_of(request, kNow - minutes{5}).status, 200);
}

TEST(Verify, refuses_any_altered_part) {
    const std::vector<std::function<void(http::Request&)>> alterations{
        [](auto& r) { r.method = "PUT"; },
        [](auto& r) { r.target = "/2013-04-01/hostedzone/Z2/rrset/?b=2&a=%5C052"; },
        [](auto& r) { r.target += "&c"; },
        [](auto& r) { r.body += " "; },
        [](auto& r) { header(r, "host") = "example.com"; },
        [](auto& r) { header(r, "content-type") = "text/xml"; },
        [](auto& r) { header(r, "x-amz-date") = "20191218T103250Z"; },
        [](auto& r) { replace(header(r, "authorization"), "us-east-1", "us-east-2"); },
        [](auto& r) { header(r, "authorization").back() ^= 1; },
        [](auto& r) { header(r, "authorization").pop_back(); },
        [](auto& r) { r.headers.emplace_back("Content-Type", "application/xml"); },
    };
    for (std::size_t i = 0; i < alterations.size(); ++i) {
        http::Request request = signed_post();
        alterations[i](request);
        const AuthError error = error_of(request);
        EXPECT_EQ(error.status, 403) << i;
        EXPECT_EQ(error.code, "SignatureDoesNotMatch") << i;
        EXPECT_EQ(error.message,
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your AWS Secret Access Key and signing method. Consult the service "
                  "documentation for details.")
            << i;
    }
}

TEST(Verify, accepts_changes_that_do_not_change_the_meaning) {
    http::Request request = signed_post();
    request.target = "/2013-04-01//hostedzone/./Z1/rrset/?a=%5c052&b=2";
    header(request, "content-type") = "  application/xml ";
    header(request, "user-agent") = "proxy/2";
    std::ranges::reverse(request.headers);
    EXPECT_EQ(error_of(request).status, 200) << error_of(request).message;
}

TEST(Verify, says_when_a_signature_is_expired_in_the_words_of_route_53) {
    const AuthError error = error_of(signed_post(*parse_basic("20191218T101837Z")));
    EXPECT_EQ(error.status, 403);
    EXPECT_EQ(error.code, "SignatureDoesNotMatch");
    EXPECT_EQ(error.message,
              "Signature expired: 20191218T101837Z is now earlier than 20191218T102749Z "
              "(20191218T103249Z - 5 min.)");
    EXPECT_EQ(error_of(signed_post(), kNow + minutes{5} + seconds{1}).code,
              "SignatureDoesNotMatch");
}

TEST(Verify, says_when_a_signature_is_from_the_future) {
    const AuthError error = error_of(signed_post(*parse_basic("20191218T103750Z")));
    EXPECT_EQ(error.message,
              "Signature not yet current: 20191218T103750Z is still later than 20191218T103749Z "
              "(20191218T103249Z + 5 min.)");
}

TEST(Verify, asks_for_a_token_when_nothing_is_signed) {
    const AuthError error = error_of(post());
    EXPECT_EQ(error.status, 403);
    EXPECT_EQ(error.code, "MissingAuthenticationToken");
    EXPECT_EQ(error.message, "Missing Authentication Token");
}

TEST(Verify, refuses_signatures_in_the_query_string_and_says_so) {
    http::Request request = post();
    request.target =
        "/2013-04-01/hostedzone?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&"
        "X-Amz-Signature=00";
    const AuthError error = error_of(request);
    EXPECT_EQ(error.status, 403);
    EXPECT_TRUE(error.message.contains("query string")) << error.message;
}

TEST(Verify, refuses_an_unknown_key) {
    http::Request request = signed_post();
    replace(header(request, "authorization"), kId, "AKIDOTHER");
    const AuthError error = error_of(request);
    EXPECT_EQ(error.status, 403);
    EXPECT_EQ(error.code, "InvalidClientTokenId");
    EXPECT_EQ(error.message, "The security token included in the request is invalid.");
}

TEST(Verify, refuses_a_session_token_but_not_an_empty_one) {
    http::Request request = post();
    sign(request, "h", {kId, kSecret, "token", {}}, "us-east-1", "route53", kNow);
    EXPECT_EQ(error_of(request).code, "InvalidClientTokenId");
    http::Request empty = post();
    empty.headers.emplace_back("X-Amz-Security-Token", "");
    sign(empty, "h", {kId, kSecret, "", {}}, "us-east-1", "route53", kNow);
    EXPECT_EQ(error_of(empty).status, 200);
}

TEST(Verify, explains_an_authorization_that_it_cannot_read) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "Unsupported AWS 'algorithm': ''"},
        {"Basic dXNlcjpwYXNz", "Unsupported AWS 'algorithm': 'Basic'"},
        {"AWS4-HMAC-SHA512 Credential=a", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'"},
        {"AWS4-HMAC-SHA256",
         "Authorization header requires 'Credential' parameter. Authorization "
         "header requires 'SignedHeaders' parameter. Authorization header "
         "requires 'Signature' parameter. "},
        {"AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host",
         "Authorization header requires 'Signature' parameter. (Hashed with SHA-256 and encoded "
         "with Base64) Authorization="},
        {"AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got 'a/b'"},
        {"AWS4-HMAC-SHA256 Credential=a, Credential=b, SignedHeaders=host, Signature=0",
         "Authorization header has more than one 'Credential' parameter."},
    };
    for (const auto& [authorization, message] : cases) {
        http::Request request = signed_post();
        header(request, "authorization") = authorization;
        const AuthError error = error_of(request);
        EXPECT_EQ(error.status, 400) << authorization;
        EXPECT_EQ(error.code, "IncompleteSignature");
        EXPECT_TRUE(error.message.starts_with(message)) << error.message;
    }
}

TEST(Verify, refuses_two_authorizations) {
    http::Request request = signed_post();
    request.headers.emplace_back("authorization", header(request, "authorization"));
    EXPECT_EQ(error_of(request).code, "IncompleteSignature");
}

TEST(Verify, needs_a_date_that_it_can_read) {
    http::Request request = signed_post();
    header(request, "x-amz-date") = "yesterday";
    EXPECT_TRUE(error_of(request).message.starts_with(
        "Date must be in ISO-8601 'basic format'. Got 'yesterday'."));
    std::erase_if(request.headers, [](const auto& f) { return f.first == "X-Amz-Date"; });
    EXPECT_EQ(error_of(request).code, "IncompleteSignature");
    EXPECT_TRUE(error_of(request).message.contains(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."));
}

TEST(Verify, takes_an_http_date_where_there_is_no_x_amz_date) {
    http::Request request = signed_post();
    std::erase_if(request.headers, [](const auto& f) { return f.first == "X-Amz-Date"; });
    request.headers.emplace_back("Date", "Wed, 18 Dec 2019 10:32:49 GMT");
    // The signature covers x-amz-date, which is gone: readable, and wrong.
    EXPECT_EQ(error_of(request).code, "SignatureDoesNotMatch");
    EXPECT_TRUE(error_of(request).message.starts_with("The request signature"));
}

TEST(Verify, checks_the_credential_scope) {
    EXPECT_EQ(error_of(signed_post(kNow, "us-east-1", "s3")).message,
              "Credential should be scoped to correct service: 'route53'. ");
    http::Request day = signed_post();
    replace(header(day, "authorization"), "/20191218/", "/20191217/");
    EXPECT_EQ(error_of(day).message,
              "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
              "HTTP: '20191217' != '20191218', from '20191218T103249Z'. ");
    http::Request terminator = signed_post();
    replace(header(terminator, "authorization"), "aws4_request", "aws5_request");
    EXPECT_EQ(error_of(terminator).message,
              "Credential should be scoped with a valid terminator: 'aws4_request', not "
              "'aws5_request'. ");
    for (auto& request : {signed_post(kNow, "us-east-1", "s3"), day, terminator}) {
        EXPECT_EQ(error_of(request).code, "SignatureDoesNotMatch");
    }
}

TEST(Verify, wants_host_and_every_x_amz_header_signed) {
    http::Request host = signed_post();
    replace(header(host, "authorization"), "content-type;host;x-amz-date",
            "content-type;x-amz-date");
    EXPECT_EQ(error_of(host).message,
              "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    http::Request extra = signed_post();
    extra.headers.emplace_back("X-Amz-Foo", "1");
    EXPECT_EQ(error_of(extra).message,
              "'x-amz-foo' must be a 'SignedHeader' in the AWS Authorization.");
    EXPECT_EQ(error_of(extra).code, "SignatureDoesNotMatch");
}

TEST(Verify, wants_every_x_rota_header_signed) {
    http::Request request = post();
    request.headers.emplace_back("X-Rota-Keep-Members", "1");
    sign(request, "h", {kId, kSecret, "", {}}, "us-east-1", "route53", kNow);
    EXPECT_EQ(error_of(request).status, 200);
    EXPECT_TRUE(header(request, "authorization").contains("x-amz-date;x-rota-keep-members"));
    header(request, "x-rota-keep-members") = "2";
    EXPECT_EQ(error_of(request).code, "SignatureDoesNotMatch");
    std::erase_if(request.headers, [](const auto& f) { return f.first == "X-Rota-Keep-Members"; });
    EXPECT_EQ(error_of(request).code, "SignatureDoesNotMatch");
    http::Request late = signed_post();
    late.headers.emplace_back("x-rota-keep-members", "1");
    EXPECT_EQ(error_of(late).message,
              "'x-rota-keep-members' must be a 'SignedHeader' in the AWS Authorization.");
}

TEST(Verify, compares_the_claimed_body_hash_with_the_body) {
    http::Request good = post();
    good.headers.emplace_back("X-Amz-Content-SHA256", sha256_hex(good.body));
    sign(good, "h", {kId, kSecret, "", {}}, "us-east-1", "route53", kNow);
    EXPECT_EQ(error_of(good).status, 200);
    good.body += " ";
    EXPECT_EQ(error_of(good).code, "SignatureDoesNotMatch");
    for (const auto* claim : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}) {
        http::Request unsigned_body = post();
        unsigned_body.headers.emplace_back("X-Amz-Content-SHA256", claim);
        sign(unsigned_body, "h", {kId, kSecret, "", {}}, "us-east-1", "route53", kNow);
        EXPECT_TRUE(error_of(unsigned_body).message.contains("not supported"));
    }
}

http::Request aws3_request(const std::string& date) {
    http::Request request = post();
    request.headers.emplace_back("Date", date);
    request.headers.emplace_back(
        "X-Amzn-Authorization",
        std::string{"AWS3-HTTPS AWSAccessKeyId=AKIDEXAMPLE,Algorithm=HmacSHA256,Signature="} +
            to_base64(hmac_sha256(kSecret, date)));
    return request;
}

TEST(VerifyAws3, is_refused_unless_allowed) {
    const auto request = aws3_request("Wed, 18 Dec 2019 10:32:49 GMT");
    EXPECT_EQ(error_of(request).code, "MissingAuthenticationToken");
    EXPECT_TRUE(error_of(request).message.contains("--allow-aws3"));
    EXPECT_EQ(error_of(request, kNow, true).status, 200);
}

TEST(VerifyAws3, takes_no_header_that_it_does_not_sign) {
    auto request = aws3_request("Wed, 18 Dec 2019 10:32:49 GMT");
    request.headers.emplace_back("X-Rota-Keep-Members", "1");
    EXPECT_EQ(error_of(request, kNow, true).message,
              "'x-rota-keep-members' must be signed, and AWS3-HTTPS signs no headers: use "
              "Signature Version 4.");
}

TEST(VerifyAws3, has_the_same_window_and_errors) {
    auto request = aws3_request("Wed, 18 Dec 2019 10:27:48 GMT");
    EXPECT_EQ(error_of(request, kNow, true).message,
              "Signature expired: 20191218T102748Z is now earlier than 20191218T102749Z "
              "(20191218T103249Z - 5 min.)");
    request = aws3_request("Wed, 18 Dec 2019 10:32:49 GMT");
    header(request, "date") = "Wed, 18 Dec 2019 10:32:50 GMT";
    EXPECT_TRUE(error_of(request, kNow, true).message.starts_with("The request signature"));
    request = aws3_request("Wed, 18 Dec 2019 10:32:49 GMT");
    replace(header(request, "x-amzn-authorization"), kId, "AKIDOTHER");
    EXPECT_EQ(error_of(request, kNow, true).code, "InvalidClientTokenId");
    header(request, "x-amzn-authorization") = "AWS3-HTTPS nonsense";
    EXPECT_EQ(error_of(request, kNow, true).code, "IncompleteSignature");
    header(request, "x-amzn-authorization") =
        "AWS3-HTTPS AWSAccessKeyId=AKIDEXAMPLE,Algorithm=HmacSHA1,Signature=x";
    EXPECT_EQ(error_of(request, kNow, true).code, "IncompleteSignature");
}

}  // namespace
}  // namespace rota::aws
