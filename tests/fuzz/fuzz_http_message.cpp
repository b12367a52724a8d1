#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/http/parser.h"

namespace {

using rota::http::Progress;

/// Feeds the text in pieces of one size; the outcome must not depend on the size.
template <typename Parser>
Progress feed(Parser& parser, std::string_view text, std::size_t piece) {
    std::string input;
    Progress progress = Progress::need_more;
    while (progress == Progress::need_more || progress == Progress::header_done) {
        if (progress == Progress::need_more) {
            if (text.empty()) {
                break;
            }
            input += text.substr(0, piece);
            text.remove_prefix(std::min(piece, text.size()));
        }
        progress = parser.feed(input);
    }
    return progress;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    constexpr std::size_t kHeader = 4096;
    constexpr std::size_t kBody = 4096;
    rota::http::RequestParser whole{kHeader, kBody};
    rota::http::RequestParser pieces{kHeader, kBody};
    const Progress at_once = feed(whole, text, text.size());
    const Progress by_piece = feed(pieces, text, 1);
    if (at_once == Progress::done) {
        ROTA_ASSERT(by_piece == Progress::done);
        const auto request = whole.take();
        ROTA_ASSERT(request.body.size() <= kBody);
        ROTA_ASSERT(request.target.starts_with('/'));
        const auto same = pieces.take();
        ROTA_ASSERT(request.method == same.method && request.target == same.target &&
                    request.headers == same.headers && request.body == same.body);
    }
    rota::http::ResponseParser response{kHeader, kBody, true};
    if (feed(response, text, text.size()) == Progress::need_more &&
        response.end() != Progress::done) {
        return 0;
    }
    ROTA_ASSERT(response.take().body.size() <= kBody);
    return 0;
}
