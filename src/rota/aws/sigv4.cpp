#include "rota/aws/sigv4.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/canonical.h"
#include "rota/aws/digest.h"
#include "rota/base/clock.h"
#include "rota/base/encoding.h"
#include "rota/base/time_format.h"
#include "rota/http/message.h"

namespace rota::aws {
namespace {

void replace_header(http::Headers& headers, std::string_view name, std::string_view value) {
    std::erase_if(headers, [&](const auto& field) { return http::same_name(field.first, name); });
    if (!value.empty()) {
        headers.emplace_back(name, value);
    }
}

std::vector<std::string> names_to_sign(const http::Headers& headers) {
    std::vector<std::string> names;
    for (const auto& [name, value] : headers) {
        std::string lower = to_lower(name);
        if (lower == "host" || lower == "content-type" || must_be_signed(lower)) {
            names.push_back(std::move(lower));
        }
    }
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    return names;
}

}  // namespace

void sign(http::Request& request, std::string_view host, const Credentials& credentials,
          std::string_view region, std::string_view service, WallTime now) {
    const std::string date_time = format_basic(now);
    const std::string day = date_time.substr(0, 8);
    if (http::find(request.headers, "host") == nullptr) {
        request.headers.emplace_back("Host", host);
    }
    replace_header(request.headers, "Authorization", "");
    replace_header(request.headers, "X-Amz-Date", date_time);
    replace_header(request.headers, "X-Amz-Security-Token", credentials.session_token);
    const std::vector<std::string> names = names_to_sign(request.headers);
    const std::string canonical = canonical_request(request, names, sha256_hex(request.body));
    request.headers.emplace_back(
        "Authorization",
        fmt::format(
            "{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
            credentials.access_key_id, scope_text(day, region, service), join_names(names),
            signature(credentials.secret_access_key, date_time, day, region, service, canonical)));
}

}  // namespace rota::aws
