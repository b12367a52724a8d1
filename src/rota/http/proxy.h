#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/http/url.h"

namespace rota::http {

struct Proxy {
    std::string host;
    std::uint16_t port = 0;
    std::string authorization;  ///< "Basic …" for Proxy-Authorization, or empty
};

/// Whether NO_PROXY keeps this host away from a proxy: "*", names (with all below them, a leading
/// dot or not), addresses, CIDR blocks; each may have ":port".
bool is_exempt(std::string_view no_proxy, std::string_view host, std::uint16_t port);

/// The proxy for an origin; nothing for a direct connection.
/// @errors config: the proxy's URL is wrong; it is not repeated, as it may hold a password.
Result<std::optional<Proxy>> proxy_for(const ClientOptions& options, const Url& origin);

}  // namespace rota::http
