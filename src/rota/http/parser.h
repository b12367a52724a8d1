#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "rota/http/message.h"

// HTTP/1.1 messages from octets, without sockets: Boost.Beast's parser behind two small classes.
namespace rota::http {

enum class Progress : std::uint8_t {
    need_more,
    header_done,  ///< reported once; the body, even an empty one, is still to come
    done,
    failed,
};

/// One request. Refused besides what is not HTTP: HTTP/1.1 without exactly one Host, a
/// Transfer-Encoding that does not end in chunked, a target that is neither a path nor an http URL.
class RequestParser {
public:
    RequestParser(std::size_t max_header, std::size_t max_body);
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;
    RequestParser(RequestParser&&) = delete;
    RequestParser& operator=(RequestParser&&) = delete;

    /// Takes what belongs to this request from the front of `input` and leaves the rest.
    Progress feed(std::string& input);
    /// The request, after done. Fields in a trailer are dropped: they came after the signature was
    /// read.
    Request take();

    // After header_done:
    [[nodiscard]] bool keep_alive() const;
    [[nodiscard]] bool expects_continue() const;  ///< HTTP/1.1 with Expect: 100-continue
    /// After failed: 400, 413 or 431.
    [[nodiscard]] int failure_status() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// One response, interim ones (1xx) included.
class ResponseParser {
public:
    /// @param body_follows  false for the answer to HEAD and to CONNECT.
    ResponseParser(std::size_t max_header, std::size_t max_body, bool body_follows);
    ~ResponseParser();
    ResponseParser(const ResponseParser&) = delete;
    ResponseParser& operator=(const ResponseParser&) = delete;
    ResponseParser(ResponseParser&&) = delete;
    ResponseParser& operator=(ResponseParser&&) = delete;

    Progress feed(std::string& input);
    /// The connection's end: done for a body that ends there, failed for one cut short.
    Progress end();
    Response take();

    [[nodiscard]] bool has_begun() const;
    [[nodiscard]] std::size_t body_size() const;  ///< octets of the body so far
    [[nodiscard]] bool keep_alive() const;
    /// After failed: what is wrong, in a few words.
    [[nodiscard]] std::string problem() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::http
