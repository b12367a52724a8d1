#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "rota/aws/credentials.h"
#include "rota/aws/ini.h"
#include "rota/aws/sigv4.h"
#include "rota/aws/text_file.h"
#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/http/resolve.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

std::string variable(const Variables& variables, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (auto value = variables(name); value && !value->empty()) {
            return *std::move(value);
        }
    }
    return {};
}

bool is_true(std::string_view text) {
    return to_lower(text) == "true";
}

/// A missing file is an empty one; an unreadable one counts only when somebody named it.
Result<IniFile> read_ini(const std::string& path, bool named) {
    if (path.empty()) {
        return IniFile{};
    }
    const auto text = read_text_file(path);
    if (!text) {
        if (named && text.error() != ENOENT) {
            return fail(ErrorKind::config,
                        fmt::format("{}: {}", path, std::generic_category().message(text.error())));
        }
        return IniFile{.path = path, .sections = {}};
    }
    return parse_ini(*text, path);
}

/// Both files, and the profile's part of each.
struct Files {
    IniFile credentials;
    IniFile config;
    const IniSection* in_credentials = nullptr;
    const IniSection* in_config = nullptr;

    /// A setting of the profile; the credentials file comes first.
    [[nodiscard]] const IniProperty* property(std::string_view key) const {
        for (const IniSection* section : {in_credentials, in_config}) {
            if (section != nullptr) {
                if (const IniProperty* found = find(section->properties, key)) {
                    return found;
                }
            }
        }
        return nullptr;
    }

    [[nodiscard]] std::string value(std::string_view key) const {
        const IniProperty* found = property(key);
        return found == nullptr ? std::string{} : found->value;
    }
};

std::string expand_home(std::string path, const std::string& home) {
    if (path.starts_with("~/") && !home.empty()) {
        path.replace(0, 1, home);
    }
    return path;
}

Result<Files> read_files(const Variables& variables, Environment& environment) {
    const std::string home = variable(variables, {"HOME"});
    const auto place = [&](const char* name, const char* file) {
        std::string path = expand_home(variable(variables, {name}), home);
        const bool named = !path.empty();
        if (!named && !home.empty()) {
            path = fmt::format("{}/.aws/{}", home, file);
        }
        return std::pair{std::move(path), named};
    };
    const auto [credentials, credentials_named] =
        place("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    const auto [config, config_named] = place("AWS_CONFIG_FILE", "config");
    environment.credentials_file = credentials;
    environment.config_file = config;
    Files files;
    files.credentials = ROTA_TRY(read_ini(credentials, credentials_named));
    files.config = ROTA_TRY(read_ini(config, config_named));
    files.in_credentials = files.credentials.section(environment.profile);
    files.in_config = files.config.section(fmt::format("profile {}", environment.profile));
    if (files.in_config == nullptr && environment.profile == "default") {
        files.in_config = files.config.section("default");
    }
    return files;
}

/// Both keys, or neither.
Result<std::optional<Credentials>> keys_of(const IniFile& file, const IniSection* section) {
    if (section == nullptr) {
        return std::nullopt;
    }
    const IniProperty* id = find(section->properties, "aws_access_key_id");
    const IniProperty* secret = find(section->properties, "aws_secret_access_key");
    if (id == nullptr && secret == nullptr) {
        return std::nullopt;
    }
    if (id == nullptr || secret == nullptr || id->value.empty() || secret->value.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("{}:{}: profile \"{}\" needs both aws_access_key_id and "
                                "aws_secret_access_key",
                                file.path, section->line, section->name));
    }
    const IniProperty* token = find(section->properties, "aws_session_token");
    return Credentials{.access_key_id = id->value,
                       .secret_access_key = secret->value,
                       .session_token = token == nullptr ? std::string{} : token->value,
                       .expires = {}};
}

std::string unsupported(const Files& files, std::string_view profile,
                        std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
        for (const auto& [file, section] : {std::pair{&files.credentials, files.in_credentials},
                                            std::pair{&files.config, files.in_config}}) {
            const IniProperty* found =
                section == nullptr ? nullptr : find(section->properties, key);
            if (found != nullptr) {
                return fmt::format(
                    "{}:{}: profile \"{}\" uses {}, which rota does not support; use the "
                    "instance's role, container credentials or access keys",
                    file->path, found->line, profile, key);
            }
        }
    }
    return {};
}

/// In botocore's order: environment, roles and SSO, credentials file, process, config file.
Status find_static_credentials(const Variables& variables, const Files& files,
                               Environment& environment) {
    const std::string id = variable(variables, {"AWS_ACCESS_KEY_ID"});
    const std::string secret = variable(variables, {"AWS_SECRET_ACCESS_KEY"});
    if (id.empty() != secret.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("{} is set and {} is not: set both or neither",
                                id.empty() ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
                                id.empty() ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"));
    }
    if (!id.empty()) {
        environment.static_credentials = Credentials{
            .access_key_id = id,
            .secret_access_key = secret,
            .session_token = variable(variables, {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}),
            .expires = {}};
        return {};
    }
    environment.unsupported_credentials =
        unsupported(files, environment.profile,
                    {"role_arn", "web_identity_token_file", "sso_session", "sso_start_url"});
    if (environment.unsupported_credentials.empty() &&
        !variable(variables, {"AWS_WEB_IDENTITY_TOKEN_FILE"}).empty()) {
        environment.unsupported_credentials =
            "AWS_WEB_IDENTITY_TOKEN_FILE is set, and rota does not support web identities; use EKS "
            "Pod Identity, the instance's role or access keys";
    }
    if (!environment.unsupported_credentials.empty()) {
        return {};
    }
    environment.static_credentials = ROTA_TRY(keys_of(files.credentials, files.in_credentials));
    if (!environment.static_credentials) {
        environment.unsupported_credentials =
            unsupported(files, environment.profile, {"credential_process"});
        if (environment.unsupported_credentials.empty()) {
            environment.static_credentials = ROTA_TRY(keys_of(files.config, files.in_config));
        }
    }
    return {};
}

/// How a service is called where endpoints are configured.
struct EndpointNames {
    const char* variable;      ///< "AWS_ENDPOINT_URL_ROUTE_53"
    std::string_view section;  ///< "route_53", in a [services NAME] section
};

/// @source AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
Result<std::string> find_endpoint(const Variables& variables, const Files& files,
                                  const EndpointNames& names) {
    if (is_true(variable(variables, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"})) ||
        is_true(files.value("ignore_configured_endpoint_urls"))) {
        return std::string{};
    }
    std::string url = variable(variables, {names.variable, "AWS_ENDPOINT_URL"});
    std::string from = fmt::format("{} or AWS_ENDPOINT_URL", names.variable);
    if (const IniProperty* services = files.property("services"); url.empty() && services) {
        const IniSection* section =
            files.config.section(fmt::format("services {}", services->value));
        if (section == nullptr) {
            return fail(ErrorKind::config,
                        fmt::format("{}:{}: there is no section [services {}]", files.config.path,
                                    services->line, services->value));
        }
        const IniProperty* service = find(section->properties, names.section);
        const IniProperty* found =
            service == nullptr ? nullptr : find(service->nested, "endpoint_url");
        if (found != nullptr) {
            url = found->value;
            from = fmt::format("{}:{}", files.config.path, found->line);
        }
    }
    if (const IniProperty* found = files.property("endpoint_url"); url.empty() && found) {
        url = found->value;
        from = fmt::format("profile setting endpoint_url, line {}", found->line);
    }
    if (const auto parsed = http::parse_url(url); !url.empty() && !parsed) {
        return fail(ErrorKind::config, fmt::format("{}: {}", from, parsed.error().message));
    }
    return url;
}

Status find_imds(const Variables& variables, const Files& files, Environment& environment) {
    environment.imds_disabled = is_true(variable(variables, {"AWS_EC2_METADATA_DISABLED"}));
    std::string endpoint = variable(variables, {"AWS_EC2_METADATA_SERVICE_ENDPOINT"});
    if (endpoint.empty()) {
        endpoint = files.value("ec2_metadata_service_endpoint");
    }
    std::string mode = variable(variables, {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"});
    if (mode.empty()) {
        mode = files.value("ec2_metadata_service_endpoint_mode");
    }
    const std::string given = std::exchange(mode, to_lower(mode));
    if (!mode.empty() && mode != "ipv4" && mode != "ipv6") {
        return fail(ErrorKind::config,
                    fmt::format("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is \"{}\": it must be IPv4 "
                                "or IPv6",
                                given));
    }
    if (endpoint.empty()) {
        endpoint = mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    } else if (const auto parsed = http::parse_url(endpoint); !parsed) {
        return fail(ErrorKind::config,
                    fmt::format("AWS_EC2_METADATA_SERVICE_ENDPOINT: {}", parsed.error().message));
    }
    environment.imds_endpoint = endpoint;
    return {};
}

/// The authorization token may go to TLS, to this machine, and to the addresses of ECS and EKS.
bool may_hold_container_credentials(const http::Url& url) {
    return url.scheme == "https" || url.host == "localhost" || url.host == "::1" ||
           url.host == "169.254.170.2" || url.host == "169.254.170.23" ||
           url.host == "fd00:ec2::23" ||
           (url.host.starts_with("127.") && http::is_address(url.host));
}

Status find_container(const Variables& variables, Environment& environment) {
    environment.container_authorization =
        variable(variables, {"AWS_CONTAINER_AUTHORIZATION_TOKEN"});
    environment.container_authorization_file =
        variable(variables, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"});
    const std::string relative = variable(variables, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"});
    const char* name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    std::string uri = variable(variables, {name});
    if (!relative.empty()) {
        name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        uri =
            fmt::format("http://169.254.170.2{}{}", relative.starts_with('/') ? "" : "/", relative);
    }
    if (uri.empty()) {
        return {};
    }
    const auto url = http::parse_url(uri);
    if (!url) {
        return fail(ErrorKind::config, fmt::format("{}: {}", name, url.error().message));
    }
    if (!may_hold_container_credentials(*url)) {
        return fail(ErrorKind::config,
                    fmt::format("{}: {} is neither https nor this machine nor an address of ECS or "
                                "EKS",
                                name, uri));
    }
    environment.container_credentials_uri = uri;
    return {};
}

}  // namespace

Status check_region(std::string_view region, std::string_view endpoint_url) {
    const bool has_form = std::ranges::all_of(region, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!has_form) {
        return fail(ErrorKind::config,
                    fmt::format("AWS region \"{}\": a region is written like eu-central-1 "
                                "(--region, AWS_REGION, AWS_DEFAULT_REGION or the profile)",
                                region));
    }
    constexpr std::array<std::string_view, 3> kUnknown{"us-iso", "eu-isoe-", "eusc-"};
    const bool is_unknown = std::ranges::any_of(
        kUnknown, [region](std::string_view prefix) { return region.starts_with(prefix); });
    if (is_unknown && endpoint_url.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("AWS region \"{}\": its partition is not supported, only aws, "
                                "aws-cn and aws-us-gov are",
                                region));
    }
    return {};
}

Result<Environment> read_environment() {
    return read_environment([](const char* name) -> std::optional<std::string> {
        const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe): read only, at start
        return value == nullptr ? std::nullopt : std::optional<std::string>{value};
    });
}

Result<Environment> read_environment(const Variables& variables) {
    Environment environment;
    const std::string profile = variable(variables, {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
    environment.profile = profile.empty() ? "default" : profile;
    const Files files = ROTA_TRY(read_files(variables, environment));
    if (!profile.empty() && profile != "default" && files.in_config == nullptr &&
        files.in_credentials == nullptr) {
        return fail(ErrorKind::config,
                    fmt::format("profile \"{}\" (AWS_PROFILE) is neither in {} nor in {}", profile,
                                environment.config_file, environment.credentials_file));
    }
    environment.region = variable(variables, {"AWS_REGION", "AWS_DEFAULT_REGION"});
    if (environment.region.empty()) {
        environment.region = files.value("region");
    }
    environment.endpoint_url =
        ROTA_TRY(find_endpoint(variables, files, {"AWS_ENDPOINT_URL_ROUTE_53", "route_53"}));
    environment.auto_scaling_endpoint_url = ROTA_TRY(
        find_endpoint(variables, files, {"AWS_ENDPOINT_URL_AUTO_SCALING", "auto_scaling"}));
    environment.ec2_endpoint_url =
        ROTA_TRY(find_endpoint(variables, files, {"AWS_ENDPOINT_URL_EC2", "ec2"}));
    ROTA_CHECK(find_imds(variables, files, environment));
    ROTA_CHECK(find_container(variables, environment));
    ROTA_CHECK(find_static_credentials(variables, files, environment));
    return environment;
}

}  // namespace rota::aws
