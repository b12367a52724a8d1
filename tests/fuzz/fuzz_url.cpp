#include <cstdint>
#include <string_view>

#include "rota/base/error.h"
#include "rota/http/proxy.h"
#include "rota/http/url.h"

// What is read can be written and read again; encoding and decoding are inverses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    if (const auto url = rota::http::parse_url(text)) {
        const auto again =
            rota::http::parse_url(url->scheme + "://" + url->authority() + url->path +
                                  (url->query.empty() ? "" : "?" + url->query));
        ROTA_ASSERT(again && again->host == url->host && again->port == url->port &&
                    again->path == url->path && again->query == url->query);
    }
    ROTA_ASSERT(rota::http::percent_decode(rota::http::percent_encode(text)).value() == text);
    if (const auto query = rota::http::parse_query(text)) {
        ROTA_ASSERT(query->size() <= size);
    }
    static_cast<void>(rota::http::is_exempt(text, "www.example.com", 80));
    static_cast<void>(rota::http::is_exempt(text, "192.0.2.1", 80));
    static_cast<void>(rota::http::is_exempt(text, "2001:db8::1", 80));
    return 0;
}
