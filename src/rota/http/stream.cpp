#include "rota/http/stream.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/tls1.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/http/resolve.h"

namespace rota::http {
namespace {

struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

struct FreeSsl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

struct FreeMethod {
    void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
};

Status timed_out(std::string_view what) {
    return fail(ErrorKind::timeout, fmt::format("{}: timed out", what), true);
}

/// Waits until the socket is ready for `events`; false when the deadline passes.
bool wait_ready(int socket, short events, BootTime deadline) {
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - boot_now()).count();
        pollfd entry{.fd = socket, .events = events, .revents = 0};
        const int ready = ::poll(&entry, 1, static_cast<int>(std::clamp<long>(left, 0, INT_MAX)));
        if (ready > 0) {
            return true;
        }
        if ((ready == 0 && left <= 0) || (ready < 0 && errno != EINTR)) {
            return false;
        }
    }
}

std::string reason(int number) {
    return std::generic_category().message(number);
}

Result<Fd> connect_one(const SocketAddress& address, const std::optional<std::string>& interface,
                       BootTime deadline) {
    Fd socket{::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) {
        return fail_errno("socket", errno);
    }
    const int on = 1;
    ::setsockopt(socket.get(), SOL_TCP, TCP_NODELAY, &on, sizeof on);
    if (interface && ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, interface->c_str(),
                                  static_cast<socklen_t>(interface->size() + 1)) != 0) {
        return fail_errno(fmt::format("bind to interface {}", *interface), errno);
    }
    if (::connect(socket.get(), address.generic(), address.size) == 0) {
        return socket;
    }
    if (errno != EINPROGRESS) {
        return fail(ErrorKind::unavailable, reason(errno), true);
    }
    if (!wait_ready(socket.get(), POLLOUT, deadline)) {
        return fail(ErrorKind::timeout, "timed out", true);
    }
    int problem = 0;
    socklen_t size = sizeof problem;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) {
        return fail(ErrorKind::unavailable, reason(problem), true);
    }
    return socket;
}

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE; this one does not.
int bio_write(BIO* bio, const char* text, std::size_t size, std::size_t* written) {
    const int socket = *static_cast<int*>(BIO_get_data(bio));
    const auto sent = ::send(socket, text, size, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            BIO_set_retry_write(bio);
        }
        return 0;
    }
    *written = static_cast<std::size_t>(sent);
    return 1;
}

int bio_read(BIO* bio, char* text, std::size_t size, std::size_t* taken) {
    const int socket = *static_cast<int*>(BIO_get_data(bio));
    const auto got = ::recv(socket, text, size, 0);
    BIO_clear_retry_flags(bio);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            BIO_set_retry_read(bio);
        } else if (got == 0) {
            BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
        }
        return 0;
    }
    *taken = static_cast<std::size_t>(got);
    return 1;
}

long bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
        default:
            return 0;
    }
}

std::string openssl_error() {
    const unsigned long code = ERR_peek_last_error();
    const char* text = ERR_reason_error_string(code);
    ERR_clear_error();
    return text != nullptr ? text : "unknown TLS error";
}

/// True for a directory with the links by hash that OpenSSL looks up; on Debian those cost a tenth
/// of reading the whole bundle.
bool is_hashed_directory(const char* path) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry{path, error}, end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.size() == 10 && name.ends_with(".0") &&
            name.find_first_not_of("0123456789abcdef") == 8) {
            return true;
        }
    }
    return false;
}

bool load_system_certificates(SSL_CTX* context) {
    const bool told = ::getenv("SSL_CERT_FILE") != nullptr ||  // NOLINT(concurrency-mt-unsafe)
                      ::getenv("SSL_CERT_DIR") != nullptr;     // NOLINT(concurrency-mt-unsafe)
    if (!told) {
        constexpr const char* kHashed = "/etc/ssl/certs";
        if (is_hashed_directory(kHashed) && SSL_CTX_load_verify_dir(context, kHashed) == 1) {
            return true;
        }
        for (const char* path :
             {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}) {
            if (::access(path, R_OK) == 0 && SSL_CTX_load_verify_file(context, path) == 1) {
                return true;
            }
        }
    }
    return SSL_CTX_set_default_verify_paths(context) == 1;
}

Error certificate_error(const std::string& host, long verdict) {
    std::string message = fmt::format("TLS with {}: the certificate is not trusted: {}", host,
                                      X509_verify_cert_error_string(verdict));
    switch (verdict) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            message += "; if its issuer is yours, name its PEM file in AWS_CA_BUNDLE";
            break;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
            message += "; check this machine's clock too";
            break;
        default:
            break;
    }
    return {.kind = ErrorKind::permission, .message = std::move(message), .retryable = false};
}

}  // namespace

struct TlsContext::Impl {
    std::unique_ptr<SSL_CTX, FreeContext> context;
    std::unique_ptr<BIO_METHOD, FreeMethod> method;
    bool verifies = true;
    std::string protocol;  ///< for ALPN

    static Result<std::unique_ptr<Impl>> make();
    Status confirm_protocol(SSL* ssl, const std::string& host) const;
};

Status TlsContext::Impl::confirm_protocol(SSL* ssl, const std::string& host) const {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    if (!protocol.empty() &&
        std::string_view{reinterpret_cast<const char*>(chosen), size} != protocol) {
        return fail(ErrorKind::bad_input,
                    fmt::format("TLS with {}: the server does not choose {}", host, protocol));
    }
    return {};
}

Result<std::unique_ptr<TlsContext::Impl>> TlsContext::Impl::make() {
    auto impl = std::make_unique<Impl>();
    impl->context.reset(SSL_CTX_new(TLS_client_method()));
    impl->method.reset(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rota"));
    if (!impl->context || !impl->method) {
        return fail(ErrorKind::internal, fmt::format("start TLS: {}", openssl_error()));
    }
    BIO_meth_set_write_ex(impl->method.get(), bio_write);
    BIO_meth_set_read_ex(impl->method.get(), bio_read);
    BIO_meth_set_ctrl(impl->method.get(), bio_control);
    SSL_CTX_set_min_proto_version(impl->context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(impl->context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return impl;
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::make(const std::string& ca_bundle) {
    auto impl = ROTA_TRY(Impl::make());
    SSL_CTX* context = impl->context.get();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (!ca_bundle.empty()) {
        if (SSL_CTX_load_verify_file(context, ca_bundle.c_str()) != 1) {
            return fail(ErrorKind::config,
                        fmt::format("CA bundle {}: {}", ca_bundle,
                                    ::access(ca_bundle.c_str(), R_OK) != 0 ? reason(errno)
                                                                           : openssl_error()));
        }
    } else if (!load_system_certificates(context)) {
        return fail(ErrorKind::config,
                    fmt::format("no CA certificates found ({}): install ca-certificates or set "
                                "AWS_CA_BUNDLE",
                                openssl_error()));
    }
    return std::unique_ptr<TlsContext>{new TlsContext{std::move(impl)}};
}

Result<std::unique_ptr<TlsContext>> TlsContext::make_unverified(std::string protocol) {
    auto impl = ROTA_TRY(Impl::make());
    impl->verifies = false;
    impl->protocol = std::move(protocol);
    SSL_CTX_set_verify(impl->context.get(), SSL_VERIFY_NONE, nullptr);
    // Simple servers close without a goodbye; without proof of who they are it would prove nothing.
    SSL_CTX_set_options(impl->context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!impl->protocol.empty()) {
        const std::string list = static_cast<char>(impl->protocol.size()) + impl->protocol;
        // 0 is its success, unlike its neighbours'.
        if (SSL_CTX_set_alpn_protos(impl->context.get(),
                                    reinterpret_cast<const unsigned char*>(list.data()),
                                    static_cast<unsigned>(list.size())) != 0) {
            return fail(ErrorKind::internal, fmt::format("start TLS: {}", openssl_error()));
        }
    }
    return std::unique_ptr<TlsContext>{new TlsContext{std::move(impl)}};
}

struct Stream::Impl {
    Fd socket;
    int number = -1;  ///< the socket's, where the BIO finds it
    std::string what;
    std::unique_ptr<SSL, FreeSsl> ssl;

    /// Waits for what OpenSSL wants; nothing when it may go on.
    std::optional<Error> wait_for_ssl(int result, const char* doing, BootTime deadline);
};

std::optional<Error> Stream::Impl::wait_for_ssl(int result, const char* doing, BootTime deadline) {
    const int wanted = SSL_get_error(ssl.get(), result);
    if (wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE) {
        ERR_clear_error();
        if (wait_ready(number, wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
            return std::nullopt;
        }
        return timed_out(fmt::format("{} {}", doing, what)).error();
    }
    std::string why = wanted == SSL_ERROR_SYSCALL && errno != 0 ? reason(errno) : openssl_error();
    return Error{.kind = ErrorKind::unavailable,
                 .message = fmt::format("{} {}: {}", doing, what, why),
                 .retryable = true};
}

Stream::Stream(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Stream::~Stream() = default;

Result<std::unique_ptr<Stream>> Stream::connect(const std::string& what,
                                                const std::vector<SocketAddress>& addresses,
                                                const std::optional<std::string>& interface,
                                                BootTime deadline) {
    Error last{.kind = ErrorKind::unavailable, .message = "no address", .retryable = true};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto left = deadline - boot_now();
        const auto share = left / static_cast<long>(addresses.size() - i);
        auto socket = connect_one(addresses[i], interface, boot_now() + share);
        if (socket) {
            auto impl = std::make_unique<Impl>();
            impl->socket = *std::move(socket);
            impl->number = impl->socket.get();
            impl->what = what;
            return std::unique_ptr<Stream>{new Stream{std::move(impl)}};
        }
        last = std::move(socket).error();
        last.message = fmt::format("{} ({})", last.message, addresses[i].text());
    }
    last.message = fmt::format("connect to {}: {}", what, last.message);
    return std::unexpected(std::move(last));
}

namespace {

/// Tells the server whom we mean, and OpenSSL whom we expect. @returns false: not a host name.
bool name_server(SSL* ssl, const TlsContext::Impl& context, const std::string& host) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address(host)) {
        return !context.verifies ||
               X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    }
    return (!context.verifies || SSL_set1_host(ssl, host.c_str()) == 1) &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(host.c_str())) == 1;
}

}  // namespace

Status Stream::secure(const TlsContext& context, const std::string& host, BootTime deadline) {
    impl_->ssl.reset(SSL_new(context.impl().context.get()));
    BIO* bio = BIO_new(context.impl().method.get());
    if (!impl_->ssl || bio == nullptr) {
        BIO_free(bio);
        return fail(ErrorKind::internal, fmt::format("start TLS: {}", openssl_error()));
    }
    SSL* ssl = impl_->ssl.get();
    BIO_set_data(bio, &impl_->number);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    if (!name_server(ssl, context.impl(), host)) {
        return fail(ErrorKind::bad_input, fmt::format("TLS with {}: not a host name", host));
    }
    while (true) {
        errno = 0;
        const int result = SSL_connect(ssl);
        if (result == 1) {
            return context.impl().confirm_protocol(ssl, host);
        }
        const long verdict = SSL_get_verify_result(ssl);
        if (context.impl().verifies && verdict != X509_V_OK) {
            ERR_clear_error();
            return std::unexpected(certificate_error(host, verdict));
        }
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER) {
            ERR_clear_error();
            return fail(ErrorKind::unavailable,
                        fmt::format("TLS with {}: what answers there speaks no TLS; if it is plain "
                                    "HTTP, write http:// in its URL",
                                    impl_->what));
        }
        if (auto error = impl_->wait_for_ssl(result, "TLS with", deadline)) {
            return std::unexpected(*std::move(error));
        }
    }
}

Result<std::size_t> Stream::read(std::span<char> into, BootTime deadline) {
    while (true) {
        errno = 0;
        if (impl_->ssl) {
            const int got = SSL_read(impl_->ssl.get(), into.data(), static_cast<int>(into.size()));
            if (got > 0) {
                return static_cast<std::size_t>(got);
            }
            if (SSL_get_error(impl_->ssl.get(), got) == SSL_ERROR_ZERO_RETURN) {
                return std::size_t{0};
            }
            if (auto error = impl_->wait_for_ssl(got, "read from", deadline)) {
                return std::unexpected(*std::move(error));
            }
            continue;
        }
        const auto got = ::recv(impl_->number, into.data(), into.size(), 0);
        if (got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail(ErrorKind::unavailable,
                        fmt::format("read from {}: {}", impl_->what, reason(errno)), true);
        }
        if (!wait_ready(impl_->number, POLLIN, deadline)) {
            return std::unexpected(timed_out(fmt::format("read from {}", impl_->what)).error());
        }
    }
}

Status Stream::write(std::string_view text, BootTime deadline, std::size_t& written) {
    written = 0;
    while (written < text.size()) {
        errno = 0;
        const std::string_view rest = text.substr(written);
        if (impl_->ssl) {
            std::size_t sent = 0;
            const int result = SSL_write_ex(impl_->ssl.get(), rest.data(), rest.size(), &sent);
            written += sent;
            if (result != 1) {
                if (auto error = impl_->wait_for_ssl(result, "write to", deadline)) {
                    return std::unexpected(*std::move(error));
                }
            }
            continue;
        }
        const auto sent = ::send(impl_->number, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            written += static_cast<std::size_t>(sent);
        } else if (errno != EAGAIN && errno != EINTR) {
            return fail(ErrorKind::unavailable,
                        fmt::format("write to {}: {}", impl_->what, reason(errno)), true);
        } else if (!wait_ready(impl_->number, POLLOUT, deadline)) {
            return timed_out(fmt::format("write to {}", impl_->what));
        }
    }
    return {};
}

bool Stream::is_quiet() const noexcept {
    char octet = 0;
    return ::recv(impl_->number, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace rota::http
