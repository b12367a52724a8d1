#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "rota/aws/canonical.h"
#include "rota/aws/digest.h"
#include "rota/aws/sigv4.h"
#include "rota/base/encoding.h"
#include "rota/base/time_format.h"

namespace rota::aws {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden{ROTA_GOLDEN_DIR "/sigv4"};
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::string read_file(const fs::path& path) {
    std::ifstream in{path};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// A request as the vectors write it: "Name:value", folded lines kept, "\n" line ends.
http::Request parse_vector(const std::string& text) {
    http::Request request;
    const auto line_end = text.find('\n');
    const std::string line = text.substr(0, line_end);
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, last - first - 1);
    const auto head_end = text.find("\n\n");
    request.body = text.substr(head_end + 2);
    std::istringstream head{text.substr(line_end + 1, head_end - line_end - 1)};
    for (std::string field; std::getline(head, field);) {
        if (field.starts_with(' ')) {
            request.headers.back().second += "\n" + field;
            continue;
        }
        const auto colon = field.find(':');
        request.headers.emplace_back(field.substr(0, colon), field.substr(colon + 1));
    }
    return request;
}

std::string parameter(const http::Request& request, const std::string& name) {
    const std::string& text = *http::find(request.headers, "authorization");
    const auto at = text.find(name + "=") + name.size() + 1;
    return text.substr(at, text.find_first_of(", ", at) - at);
}

std::vector<std::string> signed_names(const http::Request& request) {
    std::vector<std::string> names;
    std::istringstream list{parameter(request, "SignedHeaders")};
    for (std::string name; std::getline(list, name, ';');) {
        names.push_back(name);
    }
    return names;
}

std::vector<fs::path> vectors(const char* folder) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator{kGolden / folder}) {
        out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
}

SecretLookup one_key() {
    return [](std::string_view id) -> std::optional<std::string> {
        return id == "AKIDEXAMPLE" ? std::optional<std::string>{kSecret} : std::nullopt;
    };
}

TEST(Digest, agrees_with_the_examples_of_fips_180_and_rfc_4231) {
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(CanonicalPath, removes_dot_and_empty_segments_and_encodes_once_more) {
    EXPECT_EQ(canonical_path("/"), "/");
    EXPECT_EQ(canonical_path(""), "/");
    EXPECT_EQ(canonical_path("/.."), "/");
    EXPECT_EQ(canonical_path("/a/../../b/"), "/b/");
    EXPECT_EQ(canonical_path("//a//b//"), "/a/b/");
    EXPECT_EQ(canonical_path("/./a/."), "/a");
    EXPECT_EQ(canonical_path("/2013-04-01/hostedzone/%2Fhostedzone%2FZ1/rrset/"),
              "/2013-04-01/hostedzone/%252Fhostedzone%252FZ1/rrset/");
    EXPECT_EQ(canonical_path("/a b:c"), "/a%20b%3Ac");
}

TEST(CanonicalQuery, is_strictly_encoded_and_sorted_by_encoded_name_then_value) {
    EXPECT_EQ(canonical_query(""), "");
    EXPECT_EQ(canonical_query("type=A&name=*.example.com.&maxitems=1"),
              "maxitems=1&name=%2A.example.com.&type=A");
    EXPECT_EQ(canonical_query("name=%5c052.x&name=%5C051.x"), "name=%5C051.x&name=%5C052.x");
    EXPECT_EQ(canonical_query("b&a=&&a=1"), "a=&a=1&b=");
    EXPECT_EQ(canonical_query("a=b=c&d=%zz&e=1+1"), "a=b%3Dc&d=%25zz&e=1%2B1");
}

TEST(CanonicalHeaderValue, is_trimmed_and_its_gaps_are_folded) {
    EXPECT_EQ(canonical_header_value("  a   b \t c  "), "a b c");
    EXPECT_EQ(canonical_header_value("\"a   b\""), "\"a b\"");
    EXPECT_EQ(canonical_header_value("   "), "");
}

TEST(SigV4, agrees_with_the_published_test_suite) {
    const auto files = vectors("aws");
    ASSERT_GE(files.size(), 20U);
    for (const auto& file : files) {
        const http::Request request = parse_vector(read_file(file));
        const std::string canonical =
            canonical_request(request, signed_names(request), sha256_hex(request.body));
        EXPECT_EQ(
            signature(kSecret, "20150830T123600Z", "20150830", "us-east-1", "service", canonical),
            parameter(request, "Signature"))
            << file << "\n"
            << canonical;
    }
}

TEST(SigV4, verifies_the_published_test_suite) {
    for (const auto& file : vectors("aws")) {
        const http::Request request = parse_vector(read_file(file));
        const auto result = verify(request, one_key(), *parse_basic("20150830T123600Z"),
                                   {.service = "service", .allow_aws3 = false});
        if (http::find(request.headers, "x-amz-security-token") != nullptr) {
            ASSERT_FALSE(result);
            EXPECT_EQ(result.error().code, "InvalidClientTokenId");
        } else {
            EXPECT_TRUE(result) << file << ": " << result.error().message;
        }
    }
}

TEST(SigV4, signs_route_53_requests_as_botocore_does) {
    const auto files = vectors("route53");
    ASSERT_GE(files.size(), 5U);
    for (const auto& file : files) {
        const http::Request golden = parse_vector(read_file(file));
        http::Request request = golden;
        std::erase_if(request.headers, [](const auto& field) {
            return http::same_name(field.first, "authorization") ||
                   http::same_name(field.first, "x-amz-date") ||
                   http::same_name(field.first, "x-amz-security-token") ||
                   http::same_name(field.first, "host");
        });
        Credentials credentials{.access_key_id = "AKIDEXAMPLE",
                                .secret_access_key = kSecret,
                                .session_token = {},
                                .expires = {}};
        if (const auto* token = http::find(golden.headers, "x-amz-security-token")) {
            credentials.session_token = *token;
        }
        std::string region = parameter(golden, "Credential");
        region = region.substr(std::string{"AKIDEXAMPLE/20261122/"}.size());
        region = region.substr(0, region.find('/'));
        sign(request, *http::find(golden.headers, "host"), credentials, region, "route53",
             *parse_basic("20261122T164000Z"));
        EXPECT_EQ(*http::find(request.headers, "authorization"),
                  *http::find(golden.headers, "authorization"))
            << file;
    }
}

TEST(SigV4, signing_again_replaces_the_first_signature) {
    http::Request request;
    request.headers = {{"Content-Type", "text/xml"}};
    const Credentials first{"AKIDEXAMPLE", kSecret, "token", {}};
    const Credentials second{"AKIDEXAMPLE", kSecret, "", {}};
    sign(request, "localhost:8053", first, "us-east-1", "route53",
         *parse_basic("20261122T164000Z"));
    EXPECT_EQ(*http::find(request.headers, "x-amz-security-token"), "token");
    sign(request, "localhost:8053", second, "us-east-1", "route53",
         *parse_basic("20261122T164100Z"));
    EXPECT_EQ(request.headers.size(), 4U);
    EXPECT_EQ(*http::find(request.headers, "host"), "localhost:8053");
    EXPECT_EQ(*http::find(request.headers, "x-amz-date"), "20261122T164100Z");
    EXPECT_TRUE(http::find(request.headers, "authorization")
                    ->contains("SignedHeaders=content-type;host;x-amz-date,"));
}

}  // namespace
}  // namespace rota::aws
