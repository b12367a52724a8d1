#include "rota/aws/imds.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kTokenTtl{21600};  // the longest that the service grants
constexpr seconds kTokenMargin{60};
constexpr std::chrono::minutes kV1Memory{5};  // before version 2 is tried again
constexpr std::size_t kMaxBody = std::size_t{64} * 1024;

/// Never a proxy: a proxy's metadata would be another machine's.
http::ClientOptions direct(const ImdsOptions& options) {
    http::ClientOptions out;
    out.connect_timeout = std::max(options.token_timeout, options.request_timeout);
    out.total_timeout = options.request_timeout;
    out.max_body = kMaxBody;
    return out;
}

bool is_passing(int status) noexcept {
    return status == 429 || status >= 500;
}

void pause_before(int attempt) {
    if (attempt > 0) {
        std::this_thread::sleep_for(milliseconds{100} * (1 << (attempt - 1)));
    }
}

std::string without_line_end(std::string text) {
    while (text.ends_with('\n') || text.ends_with('\r')) {
        text.pop_back();
    }
    return text;
}

seconds granted_ttl(const http::Headers& headers) {
    const std::string* text = http::find(headers, "x-aws-ec2-metadata-token-ttl-seconds");
    long value = 0;
    if (text == nullptr ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{} ||
        value <= 0) {
        return kTokenTtl;
    }
    return std::min(seconds{value}, kTokenTtl);
}

}  // namespace

struct Imds::Impl {
    ImdsOptions options;
    http::Client client;
    std::mutex mutex;
    http::Url url;  ///< without a host until know_url()
    std::string token;
    BootTime token_end;
    std::optional<BootTime> v1_until;

    explicit Impl(ImdsOptions given) : options{std::move(given)}, client{direct(options)} {}

    Status know_url();
    Result<http::Response> ask(const http::Request& request, milliseconds patience, int tries);
    Status take_token();
    Status without_token(std::string message, ErrorKind kind, bool retryable);
    Result<std::optional<std::string>> get(std::string_view path, bool may_renew);
};

Status Imds::Impl::know_url() {
    if (url.host.empty()) {
        auto parsed = http::parse_url(options.endpoint);
        if (!parsed) {
            return fail(ErrorKind::config, fmt::format("metadata service: {} (see "
                                                       "AWS_EC2_METADATA_SERVICE_ENDPOINT)",
                                                       parsed.error().message));
        }
        url = *std::move(parsed);
        while (url.path.ends_with('/')) {
            url.path.pop_back();
        }
    }
    return {};
}

Result<http::Response> Imds::Impl::ask(const http::Request& request, milliseconds patience,
                                       int tries) {
    Result<http::Response> answer = fail(ErrorKind::internal, "no try");
    for (int attempt = 0; attempt < std::max(tries, 1); ++attempt) {
        pause_before(attempt);
        answer = client.send(url, request, patience);
        if (answer ? !is_passing(answer->status) : !answer.error().retryable) {
            break;
        }
    }
    return answer;
}

/// The way on when no token can be had: version 1 when that was asked for, else an error.
Status Imds::Impl::without_token(std::string message, ErrorKind kind, bool retryable) {
    if (options.allow_v1) {
        v1_until = boot_now() + kV1Memory;
        return {};
    }
    return fail(kind, fmt::format("metadata service {}: {}", options.endpoint, message), retryable);
}

Status Imds::Impl::take_token() {
    const BootTime now = boot_now();
    if ((v1_until && now < *v1_until) || (!token.empty() && now < token_end)) {
        return {};
    }
    v1_until.reset();
    token.clear();
    const http::Request request{
        .method = "PUT",
        .target = url.path + "/latest/api/token",
        .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::to_string(kTokenTtl.count())}}};
    const auto answer = ask(request, options.token_timeout, options.allow_v1 ? 1 : options.tries);
    if (!answer) {
        std::string message = answer.error().message;
        if (answer.error().kind == ErrorKind::timeout) {
            message +=
                "; in a container the hop limit of 1 keeps the answer away: aws ec2 "
                "modify-instance-metadata-options --http-put-response-hop-limit 2";
        }
        return without_token(std::move(message), answer.error().kind, answer.error().retryable);
    }
    switch (answer->status) {
        case 200:
            token = without_line_end(answer->body);
            token_end = now + granted_ttl(answer->headers) - kTokenMargin;
            return {};
        case 403:
            return without_token("is turned off for this instance (403)", ErrorKind::permission,
                                 false);
        case 404:
        case 405:
            return without_token(
                fmt::format("gives no token ({}): it knows only version 1, which --imds-v1 "
                            "allows",
                            answer->status),
                ErrorKind::unavailable, false);
        default:
            return without_token(fmt::format("the token request got {}", answer->status),
                                 ErrorKind::unavailable, is_passing(answer->status));
    }
}

Result<std::optional<std::string>> Imds::Impl::get(std::string_view path, bool may_renew) {
    ROTA_CHECK(take_token());
    http::Request request{.target = fmt::format("{}/latest/{}", url.path, path)};
    if (!token.empty()) {
        request.headers.emplace_back("X-aws-ec2-metadata-token", token);
    }
    auto answer = ROTA_TRY(ask(request, options.request_timeout, options.tries));
    const auto refuse = [&](ErrorKind kind, std::string_view why) {
        return fail(kind, fmt::format("metadata service {}: {}: {}", options.endpoint, path, why),
                    is_passing(answer.status));
    };
    switch (answer.status) {
        case 200:
            return without_line_end(std::move(answer.body));
        case 404:
            return std::nullopt;
        case 401:
            if (!token.empty() && may_renew) {
                token.clear();
                return get(path, false);
            }
            return refuse(ErrorKind::permission,
                          token.empty() ? "only requests with a token are answered (401)"
                                        : "a fresh token was refused (401)");
        case 403:
            return refuse(ErrorKind::permission, "turned off or forbidden (403)");
        default:
            return refuse(ErrorKind::unavailable, fmt::format("status {}", answer.status));
    }
}

Imds::Imds(ImdsOptions options) : impl_{std::make_unique<Impl>(std::move(options))} {}

Imds::~Imds() = default;

Result<std::optional<std::string>> Imds::get(std::string_view path) {
    const std::scoped_lock lock{impl_->mutex};
    ROTA_CHECK(impl_->know_url());
    return impl_->get(path, true);
}

}  // namespace rota::aws
