#include "rota/agent/show.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/agent/metrics.h"
#include "rota/agent/published.h"
#include "rota/agent/standing.h"
#include "rota/agent/status.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/base/metrics.h"
#include "rota/http/message.h"
#include "rota/http/server.h"

namespace rota::agent {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kJson = "application/json";

http::Response page(int status, std::string_view type, std::string body) {
    return {.status = status,
            .headers = {{"Content-Type", std::string{type}}, {"Cache-Control", "no-store"}},
            .body = std::move(body)};
}

/// For a few probes and scrapers, who send no bodies.
http::ServerLimits limits() {
    http::ServerLimits limits;
    limits.max_header = std::size_t{8} * 1024;
    limits.max_body = 1024;
    limits.header_timeout = std::chrono::seconds{5};
    limits.body_timeout = std::chrono::seconds{5};
    limits.write_timeout = std::chrono::seconds{10};
    limits.max_connections = 64;
    limits.max_connections_per_address = 64;
    limits.stop_timeout = std::chrono::milliseconds{500};
    return limits;
}

}  // namespace

http::Response show(const http::Request& request, const Snapshot& snapshot) {
    const std::string_view path =
        std::string_view{request.target}.substr(0, request.target.find('?'));
    const bool is_known = path == "/healthz" || path == "/metrics" || path == "/status";
    if (!is_known) {
        return page(404, kPlain, "here are /healthz, /metrics and /status\n");
    }
    if (request.method != "GET" && request.method != "HEAD") {
        http::Response refusal = page(405, kPlain, "only GET and HEAD\n");
        refusal.headers.emplace_back("Allow", "GET, HEAD");
        return refusal;
    }
    const BootTime now = boot_now();
    if (path == "/healthz") {
        const Standing standing = standing_of(snapshot.state, now);
        return page(standing.is_in ? 200 : 503, kPlain, standing.text + "\n");
    }
    if (path == "/status") {
        return page(200, kJson, status_json(snapshot.state, now) + "\n");
    }
    return page(200, kMetrics, metrics_text(snapshot, now));
}

Result<std::unique_ptr<http::Server>> show_over_http(const std::string& address,
                                                     const Published& published) {
    std::vector<Fd> listeners;
    listeners.push_back(ROTA_TRY(http::listen_tcp(on_loopback(address))));
    const std::uint16_t port = http::local_port(listeners.front());
    auto server = std::make_unique<http::Server>(
        std::move(listeners), limits(),
        [&published, began = wall_now()](const http::Request& request, const http::Peer&) {
            http::Response response = show(request, *published.latest());
            if (response.status == 200 && request.target.starts_with("/metrics")) {
                MetricsText process;
                write_process_metrics(process, began);
                response.body += process.text();
            }
            return response;
        },
        [](int status) { return page(status, kPlain, ""); }, 1);
    server->start();
    log::info("shows metrics", {{"address", on_loopback(address)}, {"port", port}});
    return server;
}

std::string on_loopback(const std::string& address) {
    const bool is_port = !address.empty() &&
                         std::ranges::all_of(address, [](char c) { return c >= '0' && c <= '9'; });
    return is_port ? "127.0.0.1:" + address : address;
}

}  // namespace rota::agent
