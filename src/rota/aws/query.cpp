#include "rota/aws/query.h"

#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/credentials.h"
#include "rota/aws/error_codes.h"
#include "rota/aws/imds.h"
#include "rota/aws/signing_clock.h"
#include "rota/aws/xml.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded; charset=utf-8";
constexpr std::size_t kMaxErrorBody = std::size_t{256} << 10U;
/// EC2 adds an encoded authorization failure message of a kilobyte.
constexpr std::size_t kLongestMessage = 500;

struct ErrorText {
    std::string code;
    std::string message;
};

/// On one line, without the full stop, not longer than a log can bear.
std::string in_a_sentence(std::string text) {
    const bool is_long = text.size() > kLongestMessage;
    if (is_long) {
        std::size_t end = kLongestMessage;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
            --end;
        }
        text.resize(end);
    }
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            c = ' ';
        }
    }
    if (is_long) {
        return text + "…";
    }
    while (text.ends_with('.')) {
        text.pop_back();
    }
    return text;
}

/// The first Error element: Auto Scaling has it right below the root, EC2 in Errors.
ErrorText read_error(std::string_view body) {
    pugi::xml_document document;
    if (!xml::load(document, body, kMaxErrorBody)) {
        return {};
    }
    const pugi::xml_node root = document.document_element();
    const pugi::xml_node list = xml::child(root, "Errors");
    const pugi::xml_node error = xml::child(list ? list : root, "Error");
    return {.code = in_a_sentence(xml::text_of(xml::child(error, "Code"))),
            .message = in_a_sentence(xml::text_of(xml::child(error, "Message")))};
}

/// Auto Scaling's words for a lifecycle action that is over or never began.
bool says_no_action(const ErrorText& text) {
    return text.code == "ValidationError" &&
           text.message.starts_with("No active Lifecycle Action found");
}

ErrorKind kind_of(const ErrorText& text, int status) {
    if (asks_for_later_try(text.code) || status >= 500 || status == 429) {
        return ErrorKind::unavailable;
    }
    if (says_denied(text.code) || says_expired(text.code) || says_unauthenticated(text.code) ||
        status == 401 || status == 403) {
        return ErrorKind::permission;
    }
    if (text.code.ends_with(".NotFound") || (text.code.empty() && status == 404)) {
        return ErrorKind::not_found;
    }
    return says_no_action(text) ? ErrorKind::conflict : ErrorKind::bad_input;
}

std::string advice(const QueryService& service, const QueryOperation& operation,
                   const ErrorText& text) {
    if (says_denied(text.code)) {
        return fmt::format("; the credentials need the IAM action {}:{} on {}", service.name,
                           operation.action, operation.resource.empty() ? "*" : operation.resource);
    }
    return std::string{advice_on_keys(text.code, text.message)};
}

bool blames_clock(const http::Response& response) {
    const ErrorText text = read_error(response.body);
    return may_mean_wrong_clock(text.code, text.message);
}

QueryError from_error(Error error, bool outcome_unknown = false) {
    QueryError query_error;
    query_error.error = std::move(error);
    query_error.outcome_unknown = outcome_unknown;
    return query_error;
}

}  // namespace

QueryEndpoint choose_query_endpoint(const QueryService& service, std::string_view region,
                                    std::string_view endpoint_url) {
    if (!endpoint_url.empty()) {
        return {.url = std::string{endpoint_url}, .region = std::string{region}};
    }
    const std::string_view suffix = partition_of(region) == "aws-cn" ? ".cn" : "";
    return {.url = fmt::format("https://{}.{}.amazonaws.com{}", service.name, region, suffix),
            .region = std::string{region}};
}

Result<std::string> find_region(const Environment& environment, Imds* imds) {
    std::string region = environment.region;
    if (region.empty() && imds != nullptr) {
        region = ROTA_TRY(imds->get("meta-data/placement/region")).value_or("");
    }
    if (region.empty()) {
        return fail(ErrorKind::config,
                    "no AWS region is known: set --region, AWS_REGION or the profile's, or allow "
                    "the metadata service");
    }
    // Each API has an address of its own, but where one is set by hand all are as a rule.
    ROTA_CHECK(check_region(region, environment.auto_scaling_endpoint_url));
    return region;
}

std::string encode_form(std::string_view action, const QueryService& service,
                        const http::QueryParameters& parameters) {
    std::string form = fmt::format("Action={}&Version={}", action, service.version);
    for (const auto& [name, value] : parameters) {
        if (!value.empty()) {
            form += fmt::format("&{}={}", http::percent_encode(name), http::percent_encode(value));
        }
    }
    return form;
}

QueryError explain(const QueryService& service, const QueryOperation& operation,
                   std::string_view url, int status, std::string_view body) {
    const ErrorText text = read_error(body);
    QueryError error;
    error.code = text.code;
    error.status = status;
    error.outcome_unknown = status >= 500;
    error.error.kind = kind_of(text, status);
    error.error.retryable = error.error.kind == ErrorKind::unavailable || says_expired(text.code);
    error.error.message = fmt::format(
        "{} at {}: {}{}{}{}", operation.action, url,
        text.code.empty() ? fmt::format("status {}", status) : text.code,
        text.message.empty() ? "" : ": ", text.message, advice(service, operation, text));
    return error;
}

struct QueryClient::Impl {
    Impl(QueryService what, QueryEndpoint where, std::shared_ptr<CredentialProvider> who,
         http::ClientOptions options)
        : service{what},
          endpoint{std::move(where)},
          url{http::parse_url(endpoint.url)},
          credentials{std::move(who)},
          http{std::move(options)} {}

    QueryError refused(const QueryOperation& operation, const http::Response& response) {
        QueryError error =
            explain(service, operation, endpoint.url, response.status, response.body);
        // Fresh credentials are tried once: what they do not cure stays broken.
        const bool is_expired = says_expired(error.code);
        if (is_expired) {
            credentials->forget();
            error.error.retryable = !was_expired;
        }
        was_expired = is_expired;
        return error;
    }

    QueryService service;
    QueryEndpoint endpoint;
    Result<http::Url> url;
    std::shared_ptr<CredentialProvider> credentials;
    http::Client http;
    std::optional<std::chrono::milliseconds> timeout;
    bool was_expired = false;
};

QueryClient::QueryClient(QueryService service, QueryEndpoint endpoint,
                         std::shared_ptr<CredentialProvider> credentials,
                         http::ClientOptions options)
    : impl_{std::make_unique<Impl>(service, std::move(endpoint), std::move(credentials),
                                   std::move(options))} {}

QueryClient::~QueryClient() = default;

QueryResult<std::string> QueryClient::call(const QueryOperation& operation,
                                           const http::QueryParameters& parameters) {
    if (!impl_->url) {
        return std::unexpected(from_error(impl_->url.error()));
    }
    SigningClock& clock = *impl_->endpoint.clock;
    auto keys = impl_->credentials->get(clock.now(wall_now()));
    if (!keys) {
        return std::unexpected(from_error(std::move(keys).error()));
    }
    http::Request request;
    request.method = "POST";
    request.target = impl_->url->path;
    request.body = encode_form(operation.action, impl_->service, parameters);
    request.headers.emplace_back("Content-Type", kFormType);
    const Signer signer{
        .keys = *keys, .region = impl_->endpoint.region, .service = impl_->service.name};
    auto response =
        send_signed(impl_->http, *impl_->url, request, signer, clock, blames_clock, impl_->timeout);
    if (!response) {
        Error error = std::move(response).error();
        error.message =
            fmt::format("{} at {}: {}", operation.action, impl_->endpoint.url, error.message);
        return std::unexpected(from_error(std::move(error), true));
    }
    if (response->status < 200 || response->status > 299) {
        return std::unexpected(impl_->refused(operation, *response));
    }
    impl_->was_expired = false;
    return std::move(response->body);
}

void QueryClient::set_call_timeout(std::chrono::milliseconds timeout) {
    impl_->timeout = timeout;
}

const QueryEndpoint& QueryClient::endpoint() const noexcept {
    return impl_->endpoint;
}

QueryError QueryClient::unreadable(const QueryOperation& operation, Error error) const {
    error.message =
        fmt::format("{} at {}: {}", operation.action, impl_->endpoint.url, error.message);
    return from_error(std::move(error), true);
}

}  // namespace rota::aws
