#pragma once

#include <expected>
#include <functional>
#include <string>

#include "rota/api/hosted_zones.h"
#include "rota/api/metrics.h"
#include "rota/api/rota_api.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/http/message.h"
#include "rota/http/server.h"

namespace rota::api {

/// Who sent a request, by its signature: an access key id.
using Authenticate =
    std::function<std::expected<std::string, aws::AuthError>(const http::Request&, WallTime now)>;

/// One entry for every HTTP request: /healthz and /metrics for anybody, the Route 53 API and our
/// own for those who can sign. Safe to call from any thread.
class Router {
public:
    /// @param write_metrics  adds what other parts of the server count.
    Router(HostedZones& zones, RotaApi& own, Authenticate authenticate,
           std::function<void(MetricsText&)> write_metrics);

    http::Response handle(const http::Request& request, const http::Peer& peer);

    /// The answer to what is no HTTP request, or is larger or slower than the limits allow.
    http::Response refuse_malformed(int status);

private:
    http::Response answer(const http::Request& request, const http::Peer& peer, WallTime now,
                          std::string& operation);
    http::Response metrics() const;

    HostedZones& zones_;
    RotaApi& own_;
    Authenticate authenticate_;
    std::function<void(MetricsText&)> write_metrics_;
    RequestCounters requests_;
    WallTime started_at_;
};

}  // namespace rota::api
