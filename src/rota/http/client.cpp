#include "rota/http/client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/message.h"
#include "rota/http/parser.h"
#include "rota/http/proxy.h"
#include "rota/http/resolve.h"
#include "rota/http/stream.h"
#include "rota/http/url.h"

namespace rota::http {
namespace {

constexpr std::size_t kMaxHeader = std::size_t{64} * 1024;
constexpr std::size_t kChunk = std::size_t{16} * 1024;

std::string host_and_port(std::string_view host, std::uint16_t port) {
    return fmt::format(fmt::runtime(host.contains(':') ? "[{}]:{}" : "{}:{}"), host, port);
}

std::string serialize(const Request& request, const Url& origin, const Proxy* proxy) {
    std::string out = request.method;
    out += ' ';
    if (proxy != nullptr) {
        out += fmt::format("{}://{}", origin.scheme, origin.authority());
    }
    out += request.target;
    out += " HTTP/1.1\r\n";
    if (find(request.headers, "host") == nullptr) {
        append_field(out, "Host", origin.authority());
    }
    for (const auto& [name, value] : request.headers) {
        append_field(out, name, value);
    }
    if (find(request.headers, "user-agent") == nullptr) {
        append_field(out, "User-Agent", "rota/" ROTA_VERSION);
    }
    const bool expects_body = request.method != "GET" && request.method != "HEAD" &&
                              request.method != "DELETE" && request.method != "OPTIONS";
    if ((expects_body || !request.body.empty()) &&
        find(request.headers, "content-length") == nullptr) {
        append_field(out, "Content-Length", fmt::format("{}", request.body.size()));
    }
    if (proxy != nullptr && !proxy->authorization.empty()) {
        append_field(out, "Proxy-Authorization", proxy->authorization);
    }
    out += "\r\n";
    out += request.body;
    return out;
}

/// Why there is no answer, and how far the request got.
struct Failure {
    Error error;
    std::size_t written = 0;
    bool answer_begun = false;
};

/// What a request needs on its way, besides the stream.
struct Errand {
    std::string what;  ///< "GET http://host/path", for messages
    std::string text;  ///< as sent
    bool body_follows = true;
    bool safe_to_repeat = false;
};

Error unusable(const Errand& errand, std::string_view problem) {
    return {.kind = ErrorKind::bad_input,
            .message = fmt::format("{}: the answer is not usable: {}", errand.what, problem),
            .retryable = false};
}

/// Appends what comes next to `input`; done when the connection's end completes the answer, or
/// when so much of its body is there that nobody wants more.
Result<Progress> read_more(Stream& stream, ResponseParser& parser, std::string& input,
                           BootTime deadline, std::size_t enough) {
    if (parser.body_size() > 0 && parser.body_size() >= enough) {
        return Progress::done;
    }
    if (input.size() > kMaxHeader) {
        return fail(ErrorKind::bad_input, "the answer is not usable: a line without end");
    }
    std::array<char, kChunk> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
    const std::size_t got = ROTA_TRY(stream.read(chunk, deadline));
    if (got > 0) {
        input.append(chunk.data(), got);
        return Progress::need_more;
    }
    const bool begun = parser.has_begun() || !input.empty();
    if (parser.end() == Progress::done) {
        return Progress::done;
    }
    return fail(ErrorKind::unavailable,
                fmt::format("the server closed the connection {}",
                            begun ? "in the middle of its answer" : "without an answer"),
                true);
}

}  // namespace

struct Client::Impl {
    ClientOptions options;
    std::unique_ptr<TlsContext> tls;
    std::unique_ptr<Stream> kept;
    std::string kept_for;  ///< scheme, host, port and proxy of `kept`

    Result<std::unique_ptr<Stream>> open(const Url& origin, const Proxy* proxy, BootTime deadline);
    Status open_tunnel(Stream& stream, const Url& origin, const Proxy& proxy, BootTime deadline);
    std::expected<Response, Failure> exchange(Stream& stream, const Errand& errand,
                                              BootTime deadline, bool& keep) const;
    std::expected<Response, Failure> exchange_and_keep(std::unique_ptr<Stream> stream,
                                                       const Errand& errand, BootTime deadline,
                                                       std::string key);
    Result<Response> send(const Url& origin, const Proxy* proxy, const Errand& errand,
                          BootTime deadline);
};

Result<std::unique_ptr<Stream>> Client::Impl::open(const Url& origin, const Proxy* proxy,
                                                   BootTime deadline) {
    deadline = std::min(deadline, boot_now() + options.connect_timeout);
    const std::string& host = proxy != nullptr ? proxy->host : origin.host;
    const std::uint16_t port = proxy != nullptr ? proxy->port : origin.port;
    const auto addresses = ROTA_TRY(resolve(host, port, deadline));
    const std::string what =
        fmt::format("{}{}", proxy != nullptr ? "proxy " : "", host_and_port(host, port));
    auto stream = ROTA_TRY(Stream::connect(what, addresses, options.bind_interface, deadline));
    if (origin.scheme == "https") {
        if (!tls) {
            tls = ROTA_TRY(options.verify_server ? TlsContext::make(options.ca_bundle)
                                                 : TlsContext::make_unverified());
        }
        if (proxy != nullptr) {
            ROTA_CHECK(open_tunnel(*stream, origin, *proxy, deadline));
        }
        ROTA_CHECK(stream->secure(*tls, origin.host, deadline));
    }
    return stream;
}

Status Client::Impl::open_tunnel(Stream& stream, const Url& origin, const Proxy& proxy,
                                 BootTime deadline) {
    const std::string target = host_and_port(origin.host, origin.port);
    Errand errand{
        .what = fmt::format("proxy {}: CONNECT {}", host_and_port(proxy.host, proxy.port), target),
        .text = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target),
        .body_follows = false};
    if (!proxy.authorization.empty()) {
        append_field(errand.text, "Proxy-Authorization", proxy.authorization);
    }
    errand.text += "\r\n";
    bool keep = false;
    const auto answer = exchange(stream, errand, deadline, keep);
    if (!answer) {
        return std::unexpected(answer.error().error);
    }
    if (answer->status / 100 != 2) {
        const bool refused = answer->status == 407 || answer->status == 403;
        return fail(
            refused ? ErrorKind::permission : ErrorKind::unavailable,
            fmt::format("{}: {} {}", errand.what, answer->status, reason_phrase(answer->status)),
            answer->status >= 500);
    }
    return {};
}

std::expected<Response, Failure> Client::Impl::exchange(Stream& stream, const Errand& errand,
                                                        BootTime deadline, bool& keep) const {
    Failure failure;
    // A server may refuse early and close: its answer counts more than our failure to write.
    const Status sent = stream.write(errand.text, deadline, failure.written);
    if (!sent && sent.error().kind == ErrorKind::timeout) {
        failure.error = sent.error();
        failure.error.message = fmt::format("{}: {}", errand.what, failure.error.message);
        return std::unexpected(std::move(failure));
    }
    constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
    const std::size_t body_limit = options.cut_body ? kNoLimit : options.max_body;
    const std::size_t enough = options.cut_body ? options.max_body : kNoLimit;
    std::optional<ResponseParser> parser;
    parser.emplace(kMaxHeader, body_limit, errand.body_follows);
    std::string input;
    while (true) {
        switch (parser->feed(input)) {
            case Progress::header_done:
                break;
            case Progress::done: {
                keep = parser->keep_alive() && sent && input.empty();
                Response response = parser->take();
                if (response.status / 100 != 1 || response.status == 101) {
                    return response;
                }
                parser.emplace(kMaxHeader, body_limit, errand.body_follows);
                break;
            }
            case Progress::failed:
                failure.error = unusable(errand, parser->problem());
                return std::unexpected(std::move(failure));
            case Progress::need_more: {
                const auto more = read_more(stream, *parser, input, deadline, enough);
                if (more && *more == Progress::done) {
                    keep = false;
                    return parser->take();
                }
                failure.answer_begun = failure.answer_begun || more;
                if (!more) {
                    failure.error = sent ? more.error() : sent.error();
                    failure.error.message =
                        fmt::format("{}: {}", errand.what, failure.error.message);
                    return std::unexpected(std::move(failure));
                }
                break;
            }
        }
    }
}

std::expected<Response, Failure> Client::Impl::exchange_and_keep(std::unique_ptr<Stream> stream,
                                                                 const Errand& errand,
                                                                 BootTime deadline,
                                                                 std::string key) {
    bool keep = false;
    auto answer = exchange(*stream, errand, deadline, keep);
    if (answer && answer->body.size() > options.max_body) {  // only where it is to be cut
        answer->body.resize(options.max_body);
    }
    if (keep) {
        kept = std::move(stream);
        kept_for = std::move(key);
    }
    return answer;
}

Result<Response> Client::Impl::send(const Url& origin, const Proxy* proxy, const Errand& errand,
                                    BootTime deadline) {
    const std::string key =
        fmt::format("{}://{} {}", origin.scheme, origin.authority(),
                    proxy != nullptr ? host_and_port(proxy->host, proxy->port) : "");
    auto stream = std::exchange(kept, nullptr);
    if (stream && kept_for == key && stream->is_quiet()) {
        auto answer = exchange_and_keep(std::move(stream), errand, deadline, key);
        if (answer) {
            return *std::move(answer);
        }
        const Failure& failure = answer.error();
        const bool closed_under_us =
            failure.error.kind == ErrorKind::unavailable && !failure.answer_begun;
        const bool unfinished = failure.written < errand.text.size();
        if (!closed_under_us || (!errand.safe_to_repeat && !unfinished)) {
            return std::unexpected(failure.error);
        }
    }
    stream = ROTA_TRY(open(origin, proxy, deadline));
    auto answer = exchange_and_keep(std::move(stream), errand, deadline, key);
    if (!answer) {
        return std::unexpected(std::move(answer).error().error);
    }
    return *std::move(answer);
}

Client::Client(ClientOptions options) : impl_{std::make_unique<Impl>()} {
    impl_->options = std::move(options);
}

Client::~Client() = default;

Result<Response> Client::send(const Url& origin, const Request& request,
                              std::optional<std::chrono::milliseconds> total_timeout) {
    const BootTime deadline = boot_now() + total_timeout.value_or(impl_->options.total_timeout);
    const auto proxy = ROTA_TRY(proxy_for(impl_->options, origin));
    const Proxy* const via = proxy ? &*proxy : nullptr;
    const bool in_clear_via_proxy = via != nullptr && origin.scheme == "http";
    const std::string path = request.target.substr(0, request.target.find('?'));
    return impl_->send(origin, via,
                       {.what = fmt::format("{} {}://{}{}", request.method, origin.scheme,
                                            origin.authority(), path),
                        .text = serialize(request, origin, in_clear_via_proxy ? via : nullptr),
                        .body_follows = request.method != "HEAD",
                        .safe_to_repeat = request.method == "GET" || request.method == "HEAD" ||
                                          request.method == "PUT"},
                       deadline);
}

}  // namespace rota::http
