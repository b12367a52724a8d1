#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "rota/base/error.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::http {

/// How a client reaches servers; frozen at start.
struct ClientOptions {
    std::chrono::milliseconds connect_timeout{5000};  ///< name look-up, TCP and TLS together
    std::chrono::milliseconds total_timeout{
        30000};                                    ///< from the call to the last octet of the body
    std::size_t max_body = std::size_t{8} << 20U;  ///< octets; a larger answer is an error
    bool cut_body = false;      ///< a larger answer is none, but ends at max_body
    bool verify_server = true;  ///< false: any certificate will do, as for a health check
    std::string
        ca_bundle;  ///< PEM file; empty: AWS_CA_BUNDLE's caller found none, system paths are tried
    std::string https_proxy;                    ///< "http://host:port" (CONNECT) or empty
    std::string no_proxy;                       ///< NO_PROXY's list
    std::string http_proxy;                     ///< for http:// targets
    std::optional<std::string> bind_interface;  ///< SO_BINDTODEVICE, rarely
};

/// HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE (and their lower-case forms) over the defaults.
/// HTTP_PROXY is honoured in lower case only, as curl does.
ClientOptions client_options_from_environment();

/// A blocking HTTP/1.1 client with TLS (verified: chain, host name; TLS 1.2 or later), connection
/// reuse for the same origin, and a deadline over everything. One thread at a time.
class Client {
public:
    explicit Client(ClientOptions options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    Client(Client&&) = delete;
    Client& operator=(Client&&) = delete;

    /// Sends one request and reads the whole answer. Adds Host (unless given), Content-Length and
    /// User-Agent. Any status is a success here. A kept connection that the server closed is
    /// retried once on a new one when no octet of an answer had arrived and the request is safe to
    /// repeat (GET, HEAD, PUT) or could not be written.
    /// @errors timeout (retryable), unavailable (retryable: refused, reset, no such host),
    /// bad_input (not HTTP, too large),
    ///         permission (certificate not trusted; says which check failed).
    Result<Response> send(const Url& origin, const Request& request,
                          std::optional<std::chrono::milliseconds> total_timeout = std::nullopt);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::http
