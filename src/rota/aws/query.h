#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rota/aws/credentials.h"
#include "rota/aws/signing_clock.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/url.h"

// The query protocol that Auto Scaling and EC2 speak: a form in a signed POST, an answer in XML.
// @source Amazon EC2 Auto Scaling API Reference 2011-01-01 and Amazon EC2 API Reference 2016-11-15,
// "Making API requests".
namespace rota::aws {

class Imds;

/// One of AWS's APIs that speak the query protocol.
struct QueryService {
    std::string_view name;     ///< in signatures, IAM actions and host names: "autoscaling"
    std::string_view version;  ///< "2011-01-01"
};

inline constexpr QueryService kAutoScaling{.name = "autoscaling", .version = "2011-01-01"};
inline constexpr QueryService kEc2{.name = "ec2", .version = "2016-11-15"};

/// Where an API is and how requests to it are signed.
struct QueryEndpoint {
    std::string url;
    std::string region;
    /// The time there; copies share what was learned.
    std::shared_ptr<SigningClock> clock = std::make_shared<SigningClock>();
};

/// "https://autoscaling.eu-central-1.amazonaws.com" and so on by the region's partition, unless
/// `endpoint_url` is set.
QueryEndpoint choose_query_endpoint(const QueryService& service, std::string_view region,
                                    std::string_view endpoint_url);

/// The region of the environment or the profile, else the one that the instance is in.
/// @param imds  nullptr: there is none to ask.
/// @errors config: nothing names one, or it is none; and the metadata service's own.
Result<std::string> find_region(const Environment& environment, Imds* imds);

/// One call's failure. `error.retryable` covers throttling, 5xx, timeouts and lost connections;
/// permission errors name the IAM action and the resource.
struct QueryError {
    Error error;
    std::string code;  ///< the API's; empty when it did not answer
    int status = 0;    ///< of HTTP; 0 when it did not answer
    /// True when the request may have been carried out all the same.
    bool outcome_unknown = false;
};

template <typename T>
using QueryResult = std::expected<T, QueryError>;

/// What permission errors name.
struct QueryOperation {
    std::string_view action;  ///< "CompleteLifecycleAction"
    std::string resource;     ///< the ARN that a policy needs; empty for "*"
};

/// "Action=…&Version=…&Name=Value…", strictly encoded, in the order given; empty values left out.
std::string encode_form(std::string_view action, const QueryService& service,
                        const http::QueryParameters& parameters);

/// Reads an error answer in either API's form (ErrorResponse/Error, Response/Errors/Error), or
/// makes the best of one that is none.
QueryError explain(const QueryService& service, const QueryOperation& operation,
                   std::string_view url, int status, std::string_view body);

/// One request, one answer: no retries here. One thread at a time.
class QueryClient {
public:
    QueryClient(QueryService service, QueryEndpoint endpoint,
                std::shared_ptr<CredentialProvider> credentials, http::ClientOptions options);
    ~QueryClient();
    QueryClient(const QueryClient&) = delete;
    QueryClient& operator=(const QueryClient&) = delete;
    QueryClient(QueryClient&&) = delete;
    QueryClient& operator=(QueryClient&&) = delete;

    /// The answer's body, XML as yet unread.
    QueryResult<std::string> call(const QueryOperation& operation,
                                  const http::QueryParameters& parameters);

    /// The same, read by `decode`.
    template <typename T>
    QueryResult<T> call(const QueryOperation& operation, const http::QueryParameters& parameters,
                        Result<T> (*decode)(std::string_view)) {
        auto body = call(operation, parameters);
        if (!body) {
            return std::unexpected(std::move(body).error());
        }
        auto value = decode(*body);
        if (!value) {
            return std::unexpected(unreadable(operation, std::move(value).error()));
        }
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            return *std::move(value);
        }
    }

    /// Limits the next calls: each ends by then at the latest.
    void set_call_timeout(std::chrono::milliseconds timeout);

    [[nodiscard]] const QueryEndpoint& endpoint() const noexcept;

private:
    [[nodiscard]] QueryError unreadable(const QueryOperation& operation, Error error) const;

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A part of a long list.
template <typename T>
struct Page {
    std::vector<T> items;
    std::string next_token;  ///< asks for the next part; empty at the end
};

/// The most pages that all_pages asks for: 100,000 groups or 1,000,000 instances.
inline constexpr int kMostPages = 1000;

/// Asks for one page after the other and gives all items; ends early on a failure.
/// @param fetch  gives the page of a token, the first for an empty one; may wait before it asks.
template <typename T, typename Fetch>
QueryResult<std::vector<T>> all_pages(Fetch&& fetch) {
    std::vector<T> items;
    std::string token;
    for (int pages = 0; pages < kMostPages; ++pages) {
        QueryResult<Page<T>> page = fetch(std::string_view{token});
        if (!page) {
            return std::unexpected(std::move(page).error());
        }
        for (T& item : page->items) {
            items.push_back(std::move(item));
        }
        if (page->next_token.empty()) {
            return items;
        }
        if (page->next_token == token) {
            break;
        }
        token = std::move(page->next_token);
    }
    QueryError error;
    error.error = {ErrorKind::bad_input, "the list does not end: the same page comes again", false};
    return std::unexpected(std::move(error));
}

}  // namespace rota::aws
