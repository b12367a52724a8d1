#include "rota/aws/credentials.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/aws/imds.h"
#include "rota/aws/sigv4.h"
#include "rota/aws/text_file.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kAdvisory{15};   // from here on new ones are asked for, botocore's figure
constexpr minutes kMandatory{10};  // from here on with more urgency
constexpr seconds kCalmRetry{60};
constexpr seconds kUrgentRetry{5};
constexpr minutes kStaleRetry{5};  // for ones that the service itself hands out expired

std::string text_of(const nlohmann::json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

/// What the metadata service and the container endpoints answer. The text is never repeated.
Result<Credentials> parse_credentials(std::string_view text, std::string_view from) {
    const auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object()) {
        return fail(ErrorKind::bad_input, fmt::format("{}: the answer is not a JSON object", from));
    }
    if (const std::string code = text_of(object, "Code"); !code.empty() && code != "Success") {
        return fail(ErrorKind::permission,
                    fmt::format("{}: {}: {}", from, code, text_of(object, "Message")));
    }
    Credentials out{.access_key_id = text_of(object, "AccessKeyId"),
                    .secret_access_key = text_of(object, "SecretAccessKey"),
                    .session_token = text_of(object, "Token"),
                    .expires = parse_rfc3339(text_of(object, "Expiration"))};
    if (out.access_key_id.empty() || out.secret_access_key.empty()) {
        return fail(ErrorKind::bad_input,
                    fmt::format("{}: AccessKeyId or SecretAccessKey is missing", from));
    }
    return out;
}

Result<std::string> authorization_of(const Environment& environment) {
    const std::string& path = environment.container_authorization_file;
    std::string token = environment.container_authorization;
    if (!path.empty()) {
        auto text = read_text_file(path);
        if (!text) {
            return fail(ErrorKind::config,
                        fmt::format("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE {}: {}", path,
                                    std::generic_category().message(text.error())));
        }
        token = *std::move(text);
        while (token.ends_with('\n') || token.ends_with('\r')) {
            token.pop_back();
        }
    }
    if (token.find_first_of("\r\n") != std::string::npos) {
        return fail(ErrorKind::config, "the container's authorization token has line ends in it");
    }
    return token;
}

Result<Credentials> from_container(const Environment& environment) {
    const std::string& uri = environment.container_credentials_uri;
    const http::Url url = ROTA_TRY(http::parse_url(uri));
    http::Request request{.target = url.query.empty() ? url.path : url.path + "?" + url.query,
                          .headers = {{"Accept", "application/json"}}};
    if (std::string token = ROTA_TRY(authorization_of(environment)); !token.empty()) {
        request.headers.emplace_back("Authorization", std::move(token));
    }
    http::ClientOptions options;  // no proxy: it is this machine's own service
    options.connect_timeout = milliseconds{2000};
    options.total_timeout = milliseconds{2000};
    options.max_body = std::size_t{64} * 1024;
    http::Client client{std::move(options)};
    constexpr int kTries = 3;
    Error last;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        if (attempt > 0) {
            std::this_thread::sleep_for(milliseconds{100} * attempt);
        }
        const auto answer = client.send(url, request);
        if (answer && answer->status == 200) {
            return parse_credentials(answer->body, uri);
        }
        last = answer ? Error{.kind = ErrorKind::unavailable,
                              .message = fmt::format("{}: status {}", uri, answer->status),
                              .retryable = answer->status >= 500 || answer->status == 429}
                      : answer.error();
        if (!last.retryable) {
            break;
        }
    }
    return std::unexpected(std::move(last));
}

Result<std::optional<Credentials>> from_instance_role(Imds& imds) {
    constexpr std::string_view kPath = "meta-data/iam/security-credentials/";
    const auto roles = ROTA_TRY(imds.get(kPath));
    if (!roles || roles->empty()) {
        return std::nullopt;
    }
    const std::string role = roles->substr(0, roles->find_first_of("\r\n"));
    const auto text = ROTA_TRY(imds.get(fmt::format("{}{}", kPath, role)));
    if (!text) {
        return std::nullopt;
    }
    Credentials found = ROTA_TRY(parse_credentials(*text, fmt::format("instance role {}", role)));
    found.region = ROTA_TRY(imds.get("meta-data/placement/region")).value_or("");
    return found;
}

}  // namespace

struct CredentialProvider::Impl {
    Environment environment;
    std::shared_ptr<Imds> imds;
    std::mutex mutex;
    std::optional<Credentials> cached;
    WallTime next_attempt;

    Result<Credentials> fetch();
    [[nodiscard]] Error none_found(std::string_view instance_role, bool retryable) const;
    void remember(const Credentials& fresh, WallTime now);
};

Error CredentialProvider::Impl::none_found(std::string_view instance_role, bool retryable) const {
    return {.kind = ErrorKind::permission,
            .message = fmt::format(
                "no AWS credentials: AWS_ACCESS_KEY_ID is not set; profile \"{}\" has no keys in "
                "{} and {}; AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; {}",
                environment.profile,
                environment.credentials_file.empty() ? "~/.aws/credentials"
                                                     : environment.credentials_file,
                environment.config_file.empty() ? "~/.aws/config" : environment.config_file,
                instance_role),
            .retryable = retryable};
}

Result<Credentials> CredentialProvider::Impl::fetch() {
    if (!environment.unsupported_credentials.empty()) {
        return fail(ErrorKind::config, environment.unsupported_credentials);
    }
    if (!environment.container_credentials_uri.empty()) {
        return from_container(environment);
    }
    if (environment.imds_disabled || !imds) {
        return std::unexpected(
            none_found("the instance's role is not asked for (AWS_EC2_METADATA_DISABLED)", false));
    }
    auto answer = from_instance_role(*imds);
    if (!answer) {
        return std::unexpected(none_found(fmt::format("instance role: {}", answer.error().message),
                                          answer.error().retryable));
    }
    std::optional<Credentials> found = *std::move(answer);
    if (!found) {
        return std::unexpected(none_found("the instance has no role", true));
    }
    return *std::move(found);
}

void CredentialProvider::Impl::remember(const Credentials& fresh, WallTime now) {
    if (!fresh.expires) {
        next_attempt = WallTime::max();
    } else if (*fresh.expires <= now) {
        // During an outage the service extends old ones: they work longer than they say.
        log::warning("credentials are past their expiry and used on", {});
        next_attempt = now + kStaleRetry;
    } else {
        next_attempt = std::max(*fresh.expires - kAdvisory, now + kCalmRetry);
    }
    cached = fresh;
}

CredentialProvider::CredentialProvider(Environment environment, std::shared_ptr<Imds> imds)
    : impl_{std::make_unique<Impl>()} {
    impl_->environment = std::move(environment);
    impl_->imds = std::move(imds);
}

CredentialProvider::~CredentialProvider() = default;

Result<Credentials> CredentialProvider::get(WallTime now) {
    Impl& impl = *impl_;
    const std::scoped_lock lock{impl.mutex};
    if (impl.environment.static_credentials) {
        return *impl.environment.static_credentials;
    }
    if (impl.cached && now < impl.next_attempt) {
        return *impl.cached;
    }
    auto fresh = impl.fetch();
    if (fresh) {
        impl.remember(*fresh, now);
        return fresh;
    }
    if (!impl.cached || !impl.cached->expires || *impl.cached->expires <= now) {
        return fresh;
    }
    const WallTime end = *impl.cached->expires;
    impl.next_attempt = now + (end - now < kMandatory ? kUrgentRetry : kCalmRetry);
    log::warning("credentials could not be renewed",
                 {{"expires", format_rfc3339(end)}, {"error", fresh.error().message}});
    return *impl.cached;
}

void CredentialProvider::forget() {
    const std::scoped_lock lock{impl_->mutex};
    impl_->cached.reset();
    impl_->next_attempt = {};
}

}  // namespace rota::aws
