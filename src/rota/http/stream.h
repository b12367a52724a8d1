#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/resolve.h"

namespace rota::http {

/// The client's side of TLS: what is trusted. Made at the first https URL, because reading the
/// certificates costs more than a whole plain request.
class TlsContext {
public:
    /// @param ca_bundle  a PEM file; empty: SSL_CERT_FILE and SSL_CERT_DIR, Debian's and RHEL's
    /// paths, OpenSSL's own.
    /// @errors config: the file cannot be read.
    static Result<std::unique_ptr<TlsContext>> make(const std::string& ca_bundle);
    /// Takes any certificate, and the end of the connection for the end of the stream: for health
    /// checks, which ask whether somebody answers, not who.
    /// @param protocol  for ALPN, as "h2", which the server must then choose; empty: none is named.
    static Result<std::unique_ptr<TlsContext>> make_unverified(std::string protocol = {});
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    TlsContext(TlsContext&&) = delete;
    TlsContext& operator=(TlsContext&&) = delete;

    struct Impl;

    [[nodiscard]] Impl& impl() const noexcept { return *impl_; }

private:
    explicit TlsContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A connected TCP stream, with TLS once secure() succeeded. Each call has a deadline.
class Stream {
public:
    /// Tries the addresses in order; each gets its share of the time that is left.
    /// @param what  "host:port", for messages.
    static Result<std::unique_ptr<Stream>> connect(const std::string& what,
                                                   const std::vector<SocketAddress>& addresses,
                                                   const std::optional<std::string>& interface,
                                                   BootTime deadline);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    Stream(Stream&&) = delete;
    Stream& operator=(Stream&&) = delete;

    /// TLS 1.2 or later with the server that proves to be `host`, where the context wants proof.
    Status secure(const TlsContext& context, const std::string& host, BootTime deadline);

    /// @returns 0 at the end of the stream.
    Result<std::size_t> read(std::span<char> into, BootTime deadline);
    /// @returns how much was taken before the error, if there was one.
    Status write(std::string_view text, BootTime deadline, std::size_t& written);

    /// Still open, with nothing to read: fit for another request.
    [[nodiscard]] bool is_quiet() const noexcept;

private:
    struct Impl;
    explicit Stream(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::http
