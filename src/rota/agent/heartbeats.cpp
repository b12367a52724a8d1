#include "rota/agent/heartbeats.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/fleet.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/weighing.h"
#include "rota/health/check.h"
#include "rota/http/url.h"
#include "rota/route53/client.h"
#include "rota/route53/rota_client.h"

namespace rota::agent {

namespace {

std::optional<route53::ProbeTarget> probe_of(const health::Check& check) {
    using enum health::CheckKind;
    if (check.kind == tcp || check.kind == grpc) {
        return route53::ProbeTarget{.port = check.port, .path = {}};
    }
    if (check.kind == http) {
        const auto url = http::parse_url(check.target);
        if (!url) {
            return std::nullopt;
        }
        const bool is_plain = url->scheme == "http";
        return route53::ProbeTarget{.port = url->port,
                                    .path = !is_plain            ? std::string{}
                                            : url->query.empty() ? url->path
                                                                 : url->path + "?" + url->query};
    }
    return std::nullopt;
}

}  // namespace

std::optional<route53::ProbeTarget> probe_target(const Settings& settings) {
    for (const health::Check& check : settings.checks) {
        if (auto target = probe_of(check)) {
            return target;
        }
    }
    if (!settings.ports.empty()) {
        return route53::ProbeTarget{.port = settings.ports.front(), .path = {}};
    }
    return std::nullopt;
}

Heartbeats::Heartbeats(const RotaConfig& rota, const Settings& settings,
                       std::shared_ptr<const Surroundings> surroundings)
    : rota_{rota},
      slow_start_{settings.load.value_or(LoadWeights{}).law.slow_start},
      heartbeat_{.lease = settings.lease, .probe = probe_target(settings), .load = std::nullopt},
      surroundings_{std::move(surroundings)} {}

Beaten Heartbeats::operator()(const Beat& beat) {
    Beaten beaten{.member = beat.member};
    if (is_amazons(surroundings_->endpoint)) {
        beaten.is_unsupported = true;
        return beaten;
    }
    if (!client_) {
        constexpr std::chrono::seconds kTimeout{3};
        client_ = std::make_unique<route53::RotaClient>(
            surroundings_->endpoint, surroundings_->credentials, surroundings_->http);
        client_->set_call_timeout(kTimeout);
    }
    heartbeat_.load = beat.load;
    const auto report = client_->heartbeat({.zone_id = beat.target.zone_id,
                                            .name = rota_.name,
                                            .type = rota_.type,
                                            .set_identifier = beat.target.set_identifier},
                                           heartbeat_);
    if (!report) {
        beaten.is_unsupported = report.error().is_unsupported;
        beaten.problem = report.error().error.message;
    } else {
        beaten.fleet = fleet_report(*report, slow_start_);
    }
    return beaten;
}

}  // namespace rota::agent
