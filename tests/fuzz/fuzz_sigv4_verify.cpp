#include <cstdint>
#include <string>
#include <string_view>

#include "rota/aws/sigv4.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/http/parser.h"

namespace {

constexpr std::string_view kId = "AKIDEXAMPLE";
constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::optional<std::string> secret_of(std::string_view id) {
    return id == kId ? std::optional<std::string>{kSecret} : std::nullopt;
}

rota::http::Request parse(std::string_view text) {
    rota::http::RequestParser parser{64 * 1024, 64 * 1024};
    std::string input{text};
    while (true) {
        switch (parser.feed(input)) {
            case rota::http::Progress::header_done:
                break;
            case rota::http::Progress::done:
                return parser.take();
            case rota::http::Progress::need_more:
            case rota::http::Progress::failed:
                return {};
        }
    }
}

}  // namespace

// A stranger's request never crashes the check and is never taken for authentic; the same request
// signed with the key is, whatever is in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    static const rota::WallTime now = *rota::parse_basic("20261122T164000Z");
    rota::http::Request request = parse({reinterpret_cast<const char*>(octets), size});
    const rota::aws::VerifyOptions options{.service = "route53", .allow_aws3 = true};
    const auto verdict = rota::aws::verify(request, secret_of, now, options);
    ROTA_ASSERT(!verdict || *verdict == kId);
    ROTA_ASSERT(verdict || verdict.error().status == 400 || verdict.error().status == 403);
    std::erase_if(request.headers, [](const auto& field) {
        return rota::http::same_name(field.first, "x-amz-content-sha256");
    });
    rota::aws::sign(request, "localhost",
                    {.access_key_id = std::string{kId}, .secret_access_key = std::string{kSecret}},
                    "us-east-1", "route53", now);
    ROTA_ASSERT(rota::aws::verify(request, secret_of, now, options));
    request.body += '!';
    ROTA_ASSERT(!rota::aws::verify(request, secret_of, now, options));
    return 0;
}
