#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "fake_http_service.h"
#include "rota/aws/credentials.h"
#include "rota/aws/imds.h"
#include "rota/aws/ini.h"
#include "rota/base/time_format.h"

namespace rota::aws {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::seconds;

/// A home directory with the shared files, and variables of its own.
class Home {
public:
    Home() : path_{fs::temp_directory_path() / ("rota-aws-" + std::to_string(::getpid()))} {
        fs::create_directories(path_ / ".aws");
        variables_["HOME"] = path_.string();
    }

    ~Home() { fs::remove_all(path_); }

    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;

    Home& config(const std::string& text) { return write("config", text); }

    Home& credentials(const std::string& text) { return write("credentials", text); }

    Home& set(const std::string& name, const std::string& value) {
        variables_[name] = value;
        return *this;
    }

    [[nodiscard]] std::string file(const std::string& name) const {
        return (path_ / ".aws" / name).string();
    }

    [[nodiscard]] Result<Environment> read() const {
        return read_environment([this](const char* name) -> std::optional<std::string> {
            const auto at = variables_.find(name);
            return at == variables_.end() ? std::nullopt : std::optional{at->second};
        });
    }

private:
    Home& write(const char* name, const std::string& text) {
        std::ofstream{path_ / ".aws" / name} << text;
        return *this;
    }

    fs::path path_;
    std::map<std::string, std::string> variables_;
};

const std::string kKeys = "aws_access_key_id = AKID\naws_secret_access_key = SECRET/+=\n";

TEST(Ini, reads_sections_comments_and_nested_properties) {
    const auto file = parse_ini(
        "# comment\n[default]\nRegion=eu-central-1 ; comment\n\n[ profile   a b ] # comment\n"
        "s3 =\n  max_queue_size = 1\n  x=y\nkey = a#b\nlist = one\n  two\n[default]\nregion = "
        "us-east-1\n",
        "f");
    ASSERT_TRUE(file) << file.error().message;
    const auto* standard = file->section("default");
    ASSERT_NE(standard, nullptr);
    EXPECT_EQ(find(standard->properties, "region")->value, "us-east-1");
    const auto* profile = file->section("profile a b");
    ASSERT_NE(profile, nullptr);
    EXPECT_EQ(find(find(profile->properties, "s3")->nested, "x")->value, "y");
    EXPECT_EQ(find(profile->properties, "key")->value, "a#b");
    EXPECT_EQ(find(profile->properties, "list")->value, "one\ntwo");
    EXPECT_EQ(file->section("b"), nullptr);
}

TEST(Ini, names_the_file_and_line_of_an_error) {
    for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
             {"[a]\nkey\n", "f:2: neither [section] nor key = value"},
             {"\n\nkey = 1\n", "f:3: key = value stands before any [section]"},
             {"[a\n", "f:1: the section's name has no closing bracket"},
             {"[ ]\n", "f:1: the section has no name"},
             {"[a] b\n", "f:1: there is text after the section's name"},
             {"[a]\ns3 =\n  nonsense\n", "f:3: expected key = value under \"s3 =\""},
         }) {
        const auto file = parse_ini(text, "f");
        ASSERT_FALSE(file) << text;
        EXPECT_EQ(file.error().kind, ErrorKind::config);
        EXPECT_EQ(file.error().message, message);
    }
}

TEST(Environment, is_empty_without_variables_and_files) {
    const Home home;
    const auto environment = home.read();
    ASSERT_TRUE(environment) << environment.error().message;
    EXPECT_EQ(environment->profile, "default");
    EXPECT_EQ(environment->region, "");
    EXPECT_EQ(environment->endpoint_url, "");
    EXPECT_EQ(environment->imds_endpoint, "http://169.254.169.254");
    EXPECT_FALSE(environment->imds_disabled);
    EXPECT_FALSE(environment->static_credentials);
    EXPECT_TRUE(environment->unsupported_credentials.empty());
}

TEST(Environment, prefers_keys_from_variables) {
    Home home;
    home.credentials("[default]\n" + kKeys).set("AWS_ACCESS_KEY_ID", "ENVID");
    EXPECT_EQ(home.read().error().kind, ErrorKind::config) << "half a pair";
    home.set("AWS_SECRET_ACCESS_KEY", "ENVSECRET").set("AWS_SESSION_TOKEN", "T");
    const auto found = home.read()->static_credentials;
    ASSERT_TRUE(found);
    EXPECT_EQ(found->access_key_id, "ENVID");
    EXPECT_EQ(found->secret_access_key, "ENVSECRET");
    EXPECT_EQ(found->session_token, "T");
}

TEST(Environment, reads_keys_of_the_profile_from_the_credentials_file_first) {
    Home home;
    home.credentials("[default]\n" + kKeys + "[web]\n" + kKeys + "aws_session_token=TOK\n")
        .config(
            "[profile web]\naws_access_key_id=OTHER\naws_secret_access_key=x\n"
            "[profile only]\naws_access_key_id=CONFIG\naws_secret_access_key=x\n");
    EXPECT_EQ(home.read()->static_credentials->access_key_id, "AKID");
    home.set("AWS_PROFILE", "web");
    EXPECT_EQ(home.read()->static_credentials->access_key_id, "AKID");
    EXPECT_EQ(home.read()->static_credentials->secret_access_key, "SECRET/+=");
    EXPECT_EQ(home.read()->static_credentials->session_token, "TOK");
    home.set("AWS_PROFILE", "only");
    EXPECT_EQ(home.read()->static_credentials->access_key_id, "CONFIG");
}

TEST(Environment, says_that_a_profile_does_not_exist) {
    Home home;
    home.config("[profile web]\nregion = x\n").set("AWS_PROFILE", "wbe");
    const auto environment = home.read();
    ASSERT_FALSE(environment);
    EXPECT_EQ(environment.error().kind, ErrorKind::config);
    EXPECT_TRUE(environment.error().message.contains("\"wbe\"")) << environment.error().message;
    EXPECT_TRUE(environment.error().message.contains(home.file("config")));
}

TEST(Environment, says_that_half_a_key_is_in_a_file) {
    Home home;
    home.credentials("\n[default]\naws_access_key_id = AKID\n");
    const auto environment = home.read();
    ASSERT_FALSE(environment);
    EXPECT_TRUE(environment.error().message.starts_with(home.file("credentials") + ":2: "))
        << environment.error().message;
}

TEST(Environment, takes_the_files_that_variables_name) {
    Home home;
    home.credentials("[default]\n" + kKeys).config("[default]\nregion = a\n");
    home.set("AWS_CONFIG_FILE", home.file("other")).set("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/x");
    EXPECT_EQ(home.read()->region, "");
    EXPECT_FALSE(home.read()->static_credentials);
    std::ofstream{home.file("x")} << "[default]\n" << kKeys;
    EXPECT_TRUE(home.read()->static_credentials);
    home.set("AWS_CONFIG_FILE", home.file(""));
    EXPECT_EQ(home.read().error().kind, ErrorKind::config) << "a directory";
}

TEST(Environment, finds_the_region) {
    Home home;
    home.config("[default]\nregion = file\n");
    EXPECT_EQ(home.read()->region, "file");
    home.set("AWS_DEFAULT_REGION", "default");
    EXPECT_EQ(home.read()->region, "default");
    home.set("AWS_REGION", "region");
    EXPECT_EQ(home.read()->region, "region");
}

TEST(Environment, finds_the_endpoint_in_the_order_of_the_sdks) {
    Home home;
    home.config(
        "[default]\nendpoint_url = http://profile\nservices = mine\n"
        "[services mine]\nroute_53 =\n  endpoint_url = http://service:1\ns3 =\n  endpoint_url = "
        "http://s3\n");
    EXPECT_EQ(home.read()->endpoint_url, "http://service:1");
    home.set("AWS_ENDPOINT_URL", "http://global");
    EXPECT_EQ(home.read()->endpoint_url, "http://global");
    home.set("AWS_ENDPOINT_URL_ROUTE_53", "http://own");
    EXPECT_EQ(home.read()->endpoint_url, "http://own");
    EXPECT_EQ(home.read()->auto_scaling_endpoint_url, "http://global");
    home.set("AWS_ENDPOINT_URL_AUTO_SCALING", "http://groups");
    home.set("AWS_ENDPOINT_URL_EC2", "http://instances");
    EXPECT_EQ(home.read()->auto_scaling_endpoint_url, "http://groups");
    EXPECT_EQ(home.read()->ec2_endpoint_url, "http://instances");
    home.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    EXPECT_EQ(home.read()->endpoint_url, "");
}

TEST(Environment, falls_back_to_the_profiles_endpoint) {
    Home home;
    home.config("[default]\nendpoint_url = http://profile\n");
    EXPECT_EQ(home.read()->endpoint_url, "http://profile");
    home.config("[default]\nservices = gone\n");
    EXPECT_TRUE(home.read().error().message.contains(":2: there is no section [services gone]"));
    home.config("[default]\nendpoint_url = profile\n");
    EXPECT_EQ(home.read().error().kind, ErrorKind::config);
}

TEST(Environment, names_the_variable_of_a_wrong_url) {
    Home home;
    home.set("AWS_ENDPOINT_URL", "localhost:8053");
    EXPECT_TRUE(home.read().error().message.contains("AWS_ENDPOINT_URL"));
}

TEST(Environment, finds_the_metadata_service) {
    Home home;
    home.set("AWS_EC2_METADATA_DISABLED", "TRUE");
    EXPECT_TRUE(home.read()->imds_disabled);
    home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6");
    EXPECT_EQ(home.read()->imds_endpoint, "http://[fd00:ec2::254]");
    home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338");
    EXPECT_EQ(home.read()->imds_endpoint, "http://127.0.0.1:1338");
    EXPECT_TRUE(check_region("us-gov-west-1", ""));
    EXPECT_TRUE(check_region("", ""));
    EXPECT_EQ(check_region("bad region!", "http://127.0.0.1").error().kind, ErrorKind::config);
    EXPECT_TRUE(check_region("us-isob-east-1", "https://route53.example"));
    for (const char* region : {"us-iso-east-1", "us-isob-east-1", "eusc-de-east-1"}) {
        const auto refused = check_region(region, "");
        ASSERT_FALSE(refused);
        EXPECT_TRUE(refused.error().message.contains(region));
    }
    home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "Dual");
    EXPECT_EQ(home.read().error().kind, ErrorKind::config);
    EXPECT_TRUE(home.read().error().message.contains("\"Dual\""));
}

TEST(Environment, allows_container_credentials_only_from_where_they_can_come) {
    Home home;
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/creds");
    EXPECT_EQ(home.read().error().kind, ErrorKind::config);
    for (const auto* good :
         {"http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]/x", "https://example.com/x",
          "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"}) {
        home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", good);
        EXPECT_EQ(home.read()->container_credentials_uri, good);
    }
    for (const auto* bad : {"http://127.0.0.1.example.com/x", "http://169.254.170.3/x"}) {
        home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad);
        EXPECT_FALSE(home.read()) << bad;
    }
    home.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds?id=1");
    EXPECT_EQ(home.read()->container_credentials_uri, "http://169.254.170.2/v2/creds?id=1");
}

TEST(Environment, does_not_skip_a_way_that_it_cannot_go) {
    for (const auto* key : {"role_arn", "sso_session", "sso_start_url", "credential_process",
                            "web_identity_token_file"}) {
        Home home;
        home.config("[profile web]\n" + std::string{key} + " = x\n").set("AWS_PROFILE", "web");
        const auto environment = home.read();
        ASSERT_TRUE(environment);
        EXPECT_TRUE(environment->unsupported_credentials.contains(key));
        EXPECT_TRUE(environment->unsupported_credentials.starts_with(home.file("config") + ":2: "));
        CredentialProvider provider{*environment, nullptr};
        EXPECT_EQ(provider.get(wall_now()).error().kind, ErrorKind::config);
        home.set("AWS_ACCESS_KEY_ID", "ID").set("AWS_SECRET_ACCESS_KEY", "S");
        EXPECT_TRUE(home.read()->static_credentials) << "variables come first";
    }
    Home home;
    home.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/x");
    EXPECT_TRUE(home.read()->unsupported_credentials.contains("AWS_WEB_IDENTITY_TOKEN_FILE"));
}

TEST(Environment, takes_keys_of_the_credentials_file_before_a_process) {
    Home home;
    home.config("[default]\ncredential_process = x\n").credentials("[default]\n" + kKeys);
    EXPECT_TRUE(home.read()->static_credentials);
}

const WallTime kNow = *parse_rfc3339("2026-11-22T16:40:00Z");

http::Response credentials_until(const std::string& id, WallTime end) {
    return {.status = 200,
            .body = R"({"Code":"Success","Type":"AWS-HMAC","AccessKeyId":")" + id +
                    R"(","SecretAccessKey":"S","Token":"T","Expiration":")" + format_rfc3339(end) +
                    "\"}"};
}

/// A metadata service with a role, whose credentials the test sets.
struct InstanceRole {
    std::atomic<int> status{200};
    std::atomic<int> issued{0};
    std::atomic<WallTime> expires{kNow + minutes{60}};
    FakeHttpService service{[this](const http::Request& request) -> http::Response {
        if (request.method == "PUT") {
            return {.status = 200, .body = "t"};
        }
        if (status != 200) {
            return {.status = status};
        }
        if (request.target == "/latest/meta-data/iam/security-credentials/") {
            return {.status = 200, .body = "web-role"};
        }
        if (request.target != "/latest/meta-data/iam/security-credentials/web-role") {
            return {.status = 404};
        }
        return credentials_until("ASIA" + std::to_string(++issued), expires);
    }};
    CredentialProvider provider{
        Environment{}, std::make_shared<Imds>(ImdsOptions{.endpoint = service.url(), .tries = 1})};
};

TEST(CredentialProvider, takes_the_instances_role_and_keeps_it_until_15_minutes_before_its_end) {
    InstanceRole role;
    const auto first = role.provider.get(kNow);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->access_key_id, "ASIA1");
    EXPECT_EQ(first->session_token, "T");
    EXPECT_EQ(first->expires, kNow + minutes{60});
    EXPECT_EQ(role.provider.get(kNow + minutes{44})->access_key_id, "ASIA1");
    role.expires = kNow + minutes{120};
    EXPECT_EQ(role.provider.get(kNow + minutes{45})->access_key_id, "ASIA2");
    EXPECT_EQ(role.provider.get(kNow + minutes{104})->access_key_id, "ASIA2");
}

TEST(CredentialProvider, keeps_valid_credentials_when_a_renewal_fails) {
    InstanceRole role;
    EXPECT_TRUE(role.provider.get(kNow));
    role.status = 500;
    const auto begin = role.service.lines().size();
    EXPECT_EQ(role.provider.get(kNow + minutes{46})->access_key_id, "ASIA1");
    EXPECT_EQ(role.provider.get(kNow + minutes{46} + seconds{30})->access_key_id, "ASIA1");
    EXPECT_EQ(role.service.lines().size(), begin + 1) << "no hammering";
    EXPECT_EQ(role.provider.get(kNow + minutes{59})->access_key_id, "ASIA1");
    const auto late = role.provider.get(kNow + minutes{60});
    ASSERT_FALSE(late);
    EXPECT_TRUE(late.error().retryable);
    role.status = 200;
    role.expires = kNow + minutes{120};
    EXPECT_TRUE(role.provider.get(kNow + minutes{61}));
}

TEST(CredentialProvider, uses_what_the_service_hands_out_expired) {
    InstanceRole role;
    role.expires = kNow - minutes{10};
    EXPECT_EQ(role.provider.get(kNow)->access_key_id, "ASIA1");
    EXPECT_EQ(role.provider.get(kNow + minutes{4})->access_key_id, "ASIA1");
    EXPECT_EQ(role.provider.get(kNow + minutes{5})->access_key_id, "ASIA2");
}

TEST(CredentialProvider, forgets_what_the_server_refused) {
    InstanceRole role;
    EXPECT_EQ(role.provider.get(kNow)->access_key_id, "ASIA1");
    role.provider.forget();
    EXPECT_EQ(role.provider.get(kNow)->access_key_id, "ASIA2");
}

TEST(CredentialProvider, says_where_it_looked) {
    InstanceRole role;
    role.status = 404;
    const auto none = role.provider.get(kNow);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, ErrorKind::permission);
    for (const auto* place : {"AWS_ACCESS_KEY_ID", "profile", "AWS_CONTAINER_CREDENTIALS",
                              "the instance has no role"}) {
        EXPECT_TRUE(none.error().message.contains(place)) << none.error().message;
    }
    CredentialProvider disabled{Environment{.imds_disabled = true}, nullptr};
    EXPECT_TRUE(disabled.get(kNow).error().message.contains("AWS_EC2_METADATA_DISABLED"));
    EXPECT_FALSE(disabled.get(kNow).error().retryable);
}

TEST(CredentialProvider, asks_the_container_endpoint_with_the_token_of_the_file) {
    Home home;
    std::ofstream{home.file("token")} << "first\n";
    std::atomic<int> count{0};
    const FakeHttpService service{[&](const http::Request&) -> http::Response {
        ++count;
        return credentials_until("ASIAC", kNow + minutes{60});
    }};
    CredentialProvider provider{
        Environment{.container_credentials_uri = service.url() + "/v1/credentials?a=b",
                    .container_authorization = "ignored",
                    .container_authorization_file = home.file("token")},
        nullptr};
    EXPECT_EQ(provider.get(kNow)->access_key_id, "ASIAC");
    std::ofstream{home.file("token")} << "second";
    EXPECT_TRUE(provider.get(kNow + minutes{50}));
    const auto requests = service.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0].target, "/v1/credentials?a=b");
    EXPECT_EQ(*http::find(requests[0].headers, "authorization"), "first");
    EXPECT_EQ(*http::find(requests[1].headers, "authorization"), "second");
}

TEST(CredentialProvider, explains_a_bad_answer_without_repeating_it) {
    for (const auto* body : {"secret-secret", "[]", R"({"AccessKeyId":"secret-secret"})",
                             R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"no trust"})"}) {
        const FakeHttpService service{
            [&](const http::Request&) -> http::Response { return {.status = 200, .body = body}; }};
        CredentialProvider provider{Environment{.container_credentials_uri = service.url()},
                                    nullptr};
        const auto result = provider.get(kNow);
        ASSERT_FALSE(result);
        EXPECT_FALSE(result.error().message.contains("secret-secret")) << result.error().message;
    }
}

}  // namespace
}  // namespace rota::aws
