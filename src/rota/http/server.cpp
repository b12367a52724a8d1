#include "rota/http/server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/http/message.h"
#include "rota/http/parser.h"

namespace rota::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<tcp, Strand>;
using Acceptor = asio::basic_socket_acceptor<tcp, Strand>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Strand>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Whom the limit per address counts: an IPv4 address, or an IPv6 /64.
std::string source_of(const asio::ip::address& address) {
    if (!address.is_v6()) {
        return address.to_string();
    }
    auto octets = address.to_v6().to_bytes();
    std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
    return asio::ip::address_v6{octets}.to_string();
}

bool may_have_body(int status) noexcept {
    return status >= 200 && status != 204 && status != 304;
}

std::string serialize(const Response& response, bool keep_alive, bool with_body) {
    std::string out =
        fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
    append_field(out, "Date", format_http_date(wall_now()));
    for (const auto& [name, value] : response.headers) {
        if (!same_name(name, "content-length") && !same_name(name, "connection")) {
            append_field(out, name, value);
        }
    }
    if (may_have_body(response.status)) {
        append_field(out, "Content-Length", fmt::format("{}", response.body.size()));
    }
    append_field(out, "Connection", keep_alive ? "keep-alive" : "close");
    out += "\r\n";
    if (with_body && may_have_body(response.status)) {
        out += response.body;
    }
    return out;
}

/// What the connections share with the server that owns them.
struct Shared {
    ServerLimits limits;
    Handler handler;
    std::function<Response(int)> bad_request;
    std::mutex mutex;
    std::condition_variable all_gone;
    std::unordered_map<std::string, std::size_t> by_source;
    std::size_t connections = 0;

    bool admit(const std::string& source) {
        const std::scoped_lock lock{mutex};
        if (connections >= limits.max_connections) {
            return false;
        }
        std::size_t& here = by_source[source];
        if (here >= limits.max_connections_per_address) {
            return false;
        }
        ++here;
        ++connections;
        return true;
    }

    void dismiss(const std::string& source) {
        const std::scoped_lock lock{mutex};
        --connections;
        if (--by_source[source] == 0) {
            by_source.erase(source);
        }
        if (connections == 0) {
            all_gone.notify_all();
        }
    }

    Response refuse(int status) const {
        try {
            return bad_request(status);
        } catch (const std::exception& error) {
            log::error("error page failed", {{"status", status}, {"what", error.what()}});
            return {.status = status, .headers = {}, .body = {}};
        }
    }

    Response answer(const Request& request, const Peer& peer) const {
        try {
            return handler(request, peer);
        } catch (const std::exception& error) {
            log::error(
                "request handler threw",
                {{"method", request.method}, {"target", request.target}, {"what", error.what()}});
        } catch (...) {
            log::error("request handler threw",
                       {{"method", request.method}, {"target", request.target}});
        }
        return refuse(500);
    }
};

/// One client. Everything runs on its strand; it lives as long as an operation on it is pending.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Shared& shared, Socket socket, std::string source)
        : shared_{shared},
          socket_{std::move(socket)},
          timer_{socket_.get_executor()},
          source_{std::move(source)} {}

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    Connection(Connection&&) = delete;
    Connection& operator=(Connection&&) = delete;

    ~Connection() { shared_.dismiss(source_); }

    void begin() {
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->greet(); });
    }

    /// Closes at once when no request is in work, else after its answer.
    void stop() {
        stopping_ = true;
        asio::post(socket_.get_executor(), [self = shared_from_this()] {
            if (self->phase_ == Phase::idle) {
                self->close();
            }
        });
    }

private:
    enum class Phase : std::uint8_t { idle, header, body, writing, lingering, closed };

    void greet() {
        error_code ignored;
        const auto remote = socket_.remote_endpoint(ignored);
        peer_ = {remote.address().to_string(), remote.port()};
        socket_.set_option(tcp::no_delay{true}, ignored);
        next_request(shared_.limits.header_timeout);
    }

    void next_request(std::chrono::milliseconds patience) {
        parser_ =
            std::make_unique<RequestParser>(shared_.limits.max_header, shared_.limits.max_body);
        phase_ = Phase::idle;
        arm(patience);
        if (stopping_) {
            close();
        } else if (input_.empty()) {
            read();
        } else {
            first_octets();
            parse();
        }
    }

    void first_octets() {
        phase_ = Phase::header;
        if (answered_any_) {
            arm(shared_.limits.header_timeout);
        }
    }

    void read() {
        if (std::exchange(reading_, true)) {
            return;  // a read that a late request left behind does as well
        }
        socket_.async_read_some(asio::buffer(chunk_),
                                [self = shared_from_this()](error_code error, std::size_t size) {
                                    self->have_read(error, size);
                                });
    }

    void have_read(error_code error, std::size_t size) {
        reading_ = false;
        if (phase_ == Phase::closed || phase_ == Phase::writing) {
            return;  // the clock was faster
        }
        if (error) {
            close();
            return;
        }
        if (phase_ == Phase::lingering) {
            linger(size);
            return;
        }
        if (phase_ == Phase::idle) {
            first_octets();
        }
        input_.append(chunk_.data(), size);
        parse();
    }

    void parse() {
        switch (parser_->feed(input_)) {
            case Progress::need_more:
                // A header, a chunk's header and a trailer are the only things kept unparsed.
                if (input_.size() > shared_.limits.max_header) {
                    refuse(phase_ == Phase::header ? 431 : 400);
                } else {
                    read();
                }
                return;
            case Progress::header_done:
                phase_ = Phase::body;
                arm(shared_.limits.body_timeout);
                if (parser_->expects_continue() && input_.empty()) {
                    invite_body();
                } else {
                    parse();
                }
                return;
            case Progress::done:
                serve();
                return;
            case Progress::failed:
                refuse(parser_->failure_status());
                return;
        }
    }

    void invite_body() {
        inviting_ = true;
        output_ = "HTTP/1.1 100 Continue\r\n\r\n";
        asio::async_write(socket_, asio::buffer(output_),
                          [self = shared_from_this()](error_code error, std::size_t /*size*/) {
                              self->inviting_ = false;
                              if (error || self->phase_ != Phase::body) {
                                  self->close();
                              } else {
                                  self->parse();
                              }
                          });
    }

    void serve() {
        const bool client_keeps = parser_->keep_alive();
        const Request request = parser_->take();
        timer_.cancel();
        phase_ = Phase::writing;
        const Response response = shared_.answer(request, peer_);
        const std::string* connection = find(response.headers, "connection");
        const bool keep = client_keeps && !stopping_ &&
                          (connection == nullptr || !same_name(*connection, "close"));
        output_ = serialize(response, keep, request.method != "HEAD");
        write(keep);
    }

    /// Answers without having read the whole request; the rest of it is thrown away for a while, so
    /// that a reset does not take the answer with it.
    void refuse(int status) {
        phase_ = Phase::writing;
        output_ = serialize(shared_.refuse(status), false, true);
        write(false);
    }

    void write(bool keep) {
        arm(shared_.limits.write_timeout);
        asio::async_write(
            socket_, asio::buffer(output_),
            [self = shared_from_this(), keep](error_code error, std::size_t /*size*/) {
                self->have_written(error, keep);
            });
    }

    void have_written(error_code error, bool keep) {
        if (error || phase_ == Phase::closed) {
            close();
            return;
        }
        answered_any_ = true;
        output_.clear();
        if (keep) {
            next_request(shared_.limits.idle_timeout);
            return;
        }
        error_code ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
        phase_ = Phase::lingering;
        arm(kLinger);
        linger(0);
    }

    void linger(std::size_t more) {
        lingered_ += more;
        if (lingered_ > kMostLingered) {
            close();
        } else {
            read();
        }
    }

    void arm(std::chrono::milliseconds patience) {
        deadline_ = std::chrono::steady_clock::now() + patience;
        timer_.expires_at(deadline_);
        timer_.async_wait([self = shared_from_this()](error_code error) {
            // A timer that was set anew after its handler was queued is not late.
            if (!error && std::chrono::steady_clock::now() >= self->deadline_) {
                self->late();
            }
        });
    }

    void late() {
        switch (phase_) {
            case Phase::header:
            case Phase::body:
                if (inviting_) {
                    close();
                } else {
                    refuse(408);
                }
                return;
            case Phase::idle:
            case Phase::writing:
            case Phase::lingering:
                close();
                return;
            case Phase::closed:
                return;
        }
    }

    void close() {
        phase_ = Phase::closed;
        timer_.cancel();
        error_code ignored;
        socket_.close(ignored);
    }

    static constexpr std::chrono::milliseconds kLinger{1000};
    static constexpr std::size_t kMostLingered = std::size_t{1} << 20U;
    static constexpr std::size_t kChunk = std::size_t{8} * 1024;

    Shared& shared_;
    Socket socket_;
    Timer timer_;
    SteadyTime deadline_;
    std::string source_;
    Peer peer_;
    std::array<char, kChunk> chunk_{};
    std::string input_;
    std::string output_;
    std::unique_ptr<RequestParser> parser_;
    std::size_t lingered_ = 0;
    Phase phase_ = Phase::idle;
    bool answered_any_ = false;
    bool reading_ = false;
    bool inviting_ = false;
    std::atomic<bool> stopping_{
        false};  // set from outside the strand, where a handler may be at work
};

}  // namespace

struct Server::Impl {
    // Before the context: connections that die with it still count themselves out.
    Shared shared;
    std::vector<std::weak_ptr<Connection>> alive;  // on the control strand
    bool stopped = false;

    unsigned thread_count;
    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};

    struct Door {
        Acceptor acceptor;
        Timer pause;
    };

    Strand control{asio::make_strand(context)};
    std::vector<std::unique_ptr<Door>> doors;
    std::vector<std::jthread> threads;

    Impl(std::vector<Fd> listeners, ServerLimits limits, Handler handler,
         std::function<Response(int)> bad_request, unsigned count)
        : shared{.limits = limits,
                 .handler = std::move(handler),
                 .bad_request = std::move(bad_request),
                 .mutex = {},
                 .all_gone = {},
                 .by_source = {},
                 .connections = 0},
          thread_count{std::max(1U, count)},
          context{static_cast<int>(thread_count)} {
        for (Fd& listener : listeners) {
            sockaddr_storage address{};
            socklen_t size = sizeof address;
            ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
            const auto protocol = address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
            doors.push_back(std::make_unique<Door>(Acceptor{control, protocol, listener.release()},
                                                   Timer{control}));
        }
    }

    void accept(Door& door) {
        door.acceptor.async_accept(asio::make_strand(context),
                                   [this, &door](error_code error, Socket socket) {
                                       if (!door.acceptor.is_open()) {
                                           return;
                                       }
                                       if (error) {
                                           pause(door, error);
                                           return;
                                       }
                                       welcome(std::move(socket));
                                       accept(door);
                                   });
    }

    /// Out of descriptors or memory: the queue waits, and so do we.
    void pause(Door& door, error_code error) {
        log::warning("cannot accept connections", {{"error", error.message()}});
        door.pause.expires_after(std::chrono::milliseconds{100});
        door.pause.async_wait([this, &door](error_code cancelled) {
            if (!cancelled && door.acceptor.is_open()) {
                accept(door);
            }
        });
    }

    void close_doors() {
        error_code ignored;
        for (const auto& door : doors) {
            door->acceptor.close(ignored);
            door->pause.cancel();
        }
        for (const auto& connection : alive) {
            if (const auto strong = connection.lock()) {
                strong->stop();
            }
        }
    }

    void welcome(Socket socket) {
        error_code error;
        const auto remote = socket.remote_endpoint(error);
        if (error) {
            return;
        }
        std::string source = source_of(remote.address());
        if (!shared.admit(source)) {
            const std::string text = serialize(shared.refuse(503), false, true);
            socket.non_blocking(true, error);
            socket.send(asio::buffer(text), 0, error);
            return;
        }
        const auto connection =
            std::make_shared<Connection>(shared, std::move(socket), std::move(source));
        if (alive.size() == alive.capacity()) {
            std::erase_if(alive, [](const auto& other) { return other.expired(); });
        }
        alive.push_back(connection);
        connection->begin();
    }

    void run() {
        while (true) {
            try {
                context.run();
                return;
            } catch (const std::exception& error) {
                log::error("HTTP server thread", {{"what", error.what()}});
            }
        }
    }
};

Server::Server(std::vector<Fd> listeners, ServerLimits limits, Handler handler,
               std::function<Response(int)> bad_request, unsigned threads)
    : impl_{std::make_unique<Impl>(std::move(listeners), limits, std::move(handler),
                                   std::move(bad_request), threads)} {}

Server::~Server() {
    try {
        stop();
    } catch (...) {
        std::fputs("rota: the HTTP server could not stop in good order\n", stderr);
    }
}

void Server::start() {
    for (const auto& door : impl_->doors) {
        asio::post(impl_->control, [impl = impl_.get(), at = door.get()] { impl->accept(*at); });
    }
    for (unsigned i = 0; i < impl_->thread_count; ++i) {
        impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
    }
}

void Server::stop() {
    if (std::exchange(impl_->stopped, true)) {
        return;
    }
    Impl& impl = *impl_;
    asio::post(impl.control, [&impl] { impl.close_doors(); });
    if (!impl.threads.empty()) {
        std::unique_lock lock{impl.shared.mutex};
        impl.shared.all_gone.wait_for(lock, impl.shared.limits.stop_timeout,
                                      [&impl] { return impl.shared.connections == 0; });
    }
    impl.context.stop();
    impl.threads.clear();
}

}  // namespace rota::http
