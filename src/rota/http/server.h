#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/http/message.h"

namespace rota::http {

/// What a handler knows about a request besides its text.
struct Peer {
    std::string address;  ///< "127.0.0.1", "::1"; no port
    std::uint16_t port = 0;
};

/// Limits on strangers; every one is enforced by closing or by a 4xx, never by growing.
struct ServerLimits {
    std::size_t max_header = std::size_t{16} * 1024;  ///< octets; 431
    std::size_t max_body = std::size_t{4} << 20U;     ///< octets; 413, without reading them
    /// From accept, or from the first octet of a later request, to its complete header; 408.
    std::chrono::milliseconds header_timeout{10000};
    std::chrono::milliseconds body_timeout{30000};   ///< 408
    std::chrono::milliseconds write_timeout{30000};  ///< for one whole answer
    std::chrono::milliseconds idle_timeout{60000};   ///< keep-alive between requests
    std::size_t max_connections = 1024;              ///< 503 for one more
    /// 503 for one more; an IPv6 address counts as its /64, which is one customer's.
    std::size_t max_connections_per_address = 256;
    std::chrono::milliseconds stop_timeout{5000};  ///< for the requests in work when stopping
};

using Handler = std::function<Response(const Request&, const Peer&)>;

/// An HTTP/1.1 server with a few threads: reading and writing are asynchronous, so that a slow
/// client holds no thread; handlers run on the same threads and may block for short work (an
/// fsync).
class Server {
public:
    /// @param listeners  bound, listening sockets; the server takes them over.
    /// @param bad_request  the response to a request that is not HTTP or breaks a limit; gets the
    /// status (400, 408, 413, 431; 500 when the handler threw, 503 for one connection too many).
    Server(std::vector<Fd> listeners, ServerLimits limits, Handler handler,
           std::function<Response(int)> bad_request, unsigned threads);
    /// Stops, waits for running handlers.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    Server(Server&&) = delete;
    Server& operator=(Server&&) = delete;

    /// Opens the doors: nothing is accepted before.
    void start();
    /// Accepts nothing more, finishes the requests in work (bounded), then returns.
    void stop();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Binds and listens on "ADDRESS:PORT" ("[::1]:8053"); port 0 takes a free one. SO_REUSEADDR,
/// CLOEXEC, non-blocking, IPV6_V6ONLY.
/// @errors config/permission/io: names the address and port and says who holds it or what right is
/// missing.
Result<Fd> listen_tcp(const std::string& address_and_port);

/// The port that a bound socket got.
std::uint16_t local_port(const Fd& socket);

}  // namespace rota::http
