#include "rota/http/parser.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/optional/optional.hpp>

#include "rota/http/message.h"

namespace rota::http {
namespace {

namespace bb = boost::beast;
namespace bh = boost::beast::http;

std::string_view text(bb::string_view view) noexcept {
    return {view.data(), view.size()};
}

/// Gathers what the parser finds in plain strings.
template <bool is_request>
class Sink final : public bh::basic_parser<is_request> {
public:
    Sink(std::size_t max_header, std::size_t max_body) {
        this->header_limit(static_cast<std::uint32_t>(
            std::min<std::size_t>(max_header, std::numeric_limits<std::uint32_t>::max())));
        this->body_limit(max_body);
    }

    std::string method;
    std::string target;
    int status = 0;
    int version = 0;
    Headers headers;
    std::string body;

private:
    void on_request_impl(bh::verb /*verb*/, bb::string_view name, bb::string_view where, int number,
                         bb::error_code& /*ec*/) override {
        method = text(name);
        target = text(where);
        version = number;
    }

    void on_response_impl(int code, bb::string_view /*reason*/, int number,
                          bb::error_code& /*ec*/) override {
        status = code;
        version = number;
    }

    void on_field_impl(bh::field /*field*/, bb::string_view name, bb::string_view value,
                       bb::error_code& /*ec*/) override {
        if (!this->is_header_done()) {
            headers.emplace_back(text(name), text(value));
        }
    }

    void on_header_impl(bb::error_code& /*ec*/) override {}

    void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                           bb::error_code& /*ec*/) override {
        // No more than a stranger has to send anyway before the next check of the clock.
        constexpr std::uint64_t kMost = std::uint64_t{64} * 1024;
        body.reserve(static_cast<std::size_t>(std::min(length.value_or(0), kMost)));
    }

    std::size_t on_body_impl(bb::string_view piece, bb::error_code& /*ec*/) override {
        body.append(piece.data(), piece.size());
        return piece.size();
    }

    void on_chunk_header_impl(std::uint64_t /*size*/, bb::string_view /*extensions*/,
                              bb::error_code& /*ec*/) override {}

    std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, bb::string_view piece,
                                   bb::error_code& /*ec*/) override {
        body.append(piece.data(), piece.size());
        return piece.size();
    }

    void on_finish_impl(bb::error_code& /*ec*/) override {}
};

template <bool is_request>
Progress advance(Sink<is_request>& sink, std::string& input, bb::error_code& error) {
    std::size_t used = 0;
    Progress progress = Progress::done;
    while (!sink.is_done()) {
        const bool had_header = sink.is_header_done();
        const std::size_t taken =
            sink.put(boost::asio::buffer(input.data() + used, input.size() - used), error);
        used += taken;
        if (error && error != bh::error::need_more) {
            progress = Progress::failed;
            break;
        }
        if (!had_header && sink.is_header_done()) {
            progress = Progress::header_done;
            break;
        }
        if (error == bh::error::need_more || taken == 0) {
            progress = Progress::need_more;
            break;
        }
    }
    input.erase(0, used);
    return progress;
}

}  // namespace

struct RequestParser::Impl {
    Sink<true> sink;
    int failure = 400;
    bool begun = false;

    Impl(std::size_t max_header, std::size_t max_body) : sink{max_header, max_body} {}

    [[nodiscard]] bool accept_header();
};

/// RFC 9112 sections 3.2 and 6.1; makes the absolute form of the target a path.
bool RequestParser::Impl::accept_header() {
    const auto hosts = std::ranges::count_if(
        sink.headers, [](const auto& field) { return same_name(field.first, "host"); });
    if (hosts > 1 || (hosts == 0 && sink.version >= 11)) {
        return false;
    }
    if (find(sink.headers, "transfer-encoding") != nullptr &&
        (!sink.chunked() || sink.version < 11)) {
        return false;
    }
    constexpr std::string_view kScheme = "http://";
    if (sink.target.starts_with(kScheme)) {
        const auto path = sink.target.find_first_of("/?", kScheme.size());
        sink.target = path == std::string::npos ? "/" : sink.target.substr(path);
        if (sink.target.starts_with('?')) {
            sink.target.insert(0, "/");
        }
    }
    return sink.target.starts_with('/');
}

RequestParser::RequestParser(std::size_t max_header, std::size_t max_body)
    : impl_{std::make_unique<Impl>(max_header, max_body)} {}

RequestParser::~RequestParser() = default;

Progress RequestParser::feed(std::string& input) {
    if (!impl_->begun) {
        // RFC 9112 section 2.2: empty lines before a request are ignored.
        input.erase(0, std::min(input.find_first_not_of("\r\n"), input.size()));
        impl_->begun = !input.empty();
    }
    bb::error_code error;
    const Progress progress = advance(impl_->sink, input, error);
    if (progress == Progress::failed) {
        if (error == bh::error::header_limit) {
            impl_->failure = 431;
        } else if (error == bh::error::body_limit) {
            impl_->failure = 413;
        }
    }
    if (progress == Progress::header_done && !impl_->accept_header()) {
        return Progress::failed;
    }
    return progress;
}

Request RequestParser::take() {
    Sink<true>& sink = impl_->sink;
    return {.method = std::move(sink.method),
            .target = std::move(sink.target),
            .headers = std::move(sink.headers),
            .body = std::move(sink.body)};
}

bool RequestParser::keep_alive() const {
    return impl_->sink.keep_alive();
}

bool RequestParser::expects_continue() const {
    const std::string* expect = find(impl_->sink.headers, "expect");
    return impl_->sink.version >= 11 && expect != nullptr && same_name(*expect, "100-continue");
}

int RequestParser::failure_status() const {
    return impl_->failure;
}

struct ResponseParser::Impl {
    Sink<false> sink;
    bb::error_code error;

    Impl(std::size_t max_header, std::size_t max_body) : sink{max_header, max_body} {}
};

ResponseParser::ResponseParser(std::size_t max_header, std::size_t max_body, bool body_follows)
    : impl_{std::make_unique<Impl>(max_header, max_body)} {
    impl_->sink.skip(!body_follows);
}

ResponseParser::~ResponseParser() = default;

Progress ResponseParser::feed(std::string& input) {
    return advance(impl_->sink, input, impl_->error);
}

Progress ResponseParser::end() {
    if (!impl_->sink.got_some()) {
        impl_->error = bh::error::end_of_stream;
        return Progress::failed;
    }
    if (!impl_->sink.is_done()) {
        impl_->sink.put_eof(impl_->error);
    }
    return impl_->error ? Progress::failed : Progress::done;
}

Response ResponseParser::take() {
    Sink<false>& sink = impl_->sink;
    return {
        .status = sink.status, .headers = std::move(sink.headers), .body = std::move(sink.body)};
}

bool ResponseParser::has_begun() const {
    return impl_->sink.got_some();
}

std::size_t ResponseParser::body_size() const {
    return impl_->sink.body.size();
}

bool ResponseParser::keep_alive() const {
    return impl_->sink.keep_alive();
}

std::string ResponseParser::problem() const {
    return impl_->error.message();
}

}  // namespace rota::http
