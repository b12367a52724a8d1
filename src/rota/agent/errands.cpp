#include "rota/agent/errands.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/drain_commands.h"
#include "rota/agent/heartbeats.h"
#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stop_timeout.h"
#include "rota/agent/weighing.h"
#include "rota/agent/worker.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/health/command.h"
#include "rota/health/observation.h"
#include "rota/health/probe.h"
#include "rota/instance/address.h"
#include "rota/instance/connections.h"
#include "rota/instance/notices.h"
#include "rota/instance/spot_action.h"

namespace rota::agent {
namespace {

using std::chrono::milliseconds;

// Long enough for a slow TLS handshake far away, short enough for several tries before a deadline.
constexpr std::chrono::seconds kCallTimeout{10};
constexpr milliseconds kLeastCallTimeout{200};

// The end waits for the last command this long (lifecycle.cpp).
constexpr std::chrono::seconds kDrainCommandTimeout{10};

// The most for a command or a URL that tells the load.
constexpr std::chrono::seconds kLoadTimeout{5};

}  // namespace

Errands::Errands(const Config& config, const State& state,
                 const std::shared_ptr<const Surroundings>& surroundings, Inbox& inbox)
    : config_{config},
      state_{state},
      surroundings_{surroundings},
      inbox_{inbox},
      load_meters_{config.load_sources},
      load_worker_{inbox},
      hook_caller_{surroundings, config.auto_scaling_group},
      hook_worker_{inbox},
      stop_timeout_worker_{inbox},
      drain_command_worker_{inbox},
      readiness_worker_{inbox},
      notices_worker_{inbox} {
    for (const RotaConfig& rota : config.rotas) {
        rotas_.push_back(
            {.caller = std::make_unique<Caller>(rota, surroundings),
             .heartbeats = std::make_unique<Heartbeats>(rota, config.settings, surroundings),
             .calling = std::make_unique<Worker>(inbox),
             .beating = std::make_unique<Worker>(inbox)});
    }
    for (std::size_t i = 0; i < config.settings.checks.size(); ++i) {
        probers_.push_back(std::make_unique<Worker>(inbox));
    }
}

void Errands::run(Call call) {
    milliseconds timeout = kCallTimeout;
    if (state_.deadline) {
        const auto left = std::chrono::floor<milliseconds>(*state_.deadline - boot_now());
        timeout = std::clamp(left, kLeastCallTimeout, timeout);
    }
    RotaErrands& rota = rotas_[call.member];
    Caller* const caller = rota.caller.get();
    rota.calling->start([caller, timeout, call = std::move(call)]() -> Event {
        caller->set_timeout(timeout);
        Answered answered{.member = call.member, .call = call.id, .answer = Failure{}};
        try {
            answered.answer = (*caller)(call.request);
        } catch (const std::exception& error) {  // the thread's edge
            answered.answer = Failure{.kind = FailureKind::no_answer,
                                      .error = {ErrorKind::internal, error.what(), true}};
        }
        return answered;
    });
}

void Errands::run(const CheckReadiness& /*action*/) {
    ROTA_ASSERT(config_.readiness);
    readiness_worker_.start([check = *config_.readiness]() -> Event {
        health::Observation seen = health::probe(check, check.timeout);
        return ReadinessChecked{.passed = admits(seen), .detail = std::move(seen.detail)};
    });
}

void Errands::run(const Probe& action) {
    probers_[action.check]->start(
        [index = action.check, &check = config_.settings.checks[action.check]]() -> Event {
            return Probed{.check = index, .observation = health::probe(check, check.timeout)};
        });
}

void Errands::run(const AskNotices& /*action*/) {
    notices_worker_.start([imds = surroundings_->imds, before = state_.notices,
                           is_kind_known = state_.is_spot.has_value()]() -> Event {
        const instance::Metadata metadata = [&imds](std::string_view path) {
            return imds->get(path);
        };
        auto notices = instance::read_notices(metadata, before);
        if (!notices) {
            return Noticed{.notices = std::nullopt,
                           .problem = std::move(notices.error().message),
                           .now = wall_now()};
        }
        Noticed noticed{.notices = std::move(*notices), .problem = {}, .now = wall_now()};
        // Once, and not of a service that has just let one of the notices wait.
        if (!is_kind_known && noticed.notices->problems.empty()) {
            noticed.is_spot = instance::is_spot_instance(metadata);
        }
        return noticed;
    });
}

void Errands::run(const CountConnections& /*action*/) {
    // One netlink walk over the kernel's table: too short for a thread of its own.
    auto connections = connections_.count(state_.settings.ports);
    Counted counted;
    if (connections) {
        counted.connections = std::move(*connections);
    } else {
        counted.problem = std::move(connections.error().message);
    }
    inbox_.post(std::move(counted));
}

void Errands::run(const MeasureLoad& /*action*/) {
    const auto timeout =
        std::min(kLoadTimeout, state_.settings.load.value_or(LoadWeights{}).interval);
    load_worker_.start([this, timeout]() -> Event { return load_meters_(timeout); });
}

void Errands::run(const Beat& action) {
    RotaErrands& rota = rotas_[action.member];
    rota.beating->start([heartbeats = rota.heartbeats.get(), beat = action]() -> Event {
        return (*heartbeats)(beat);
    });
}

void Errands::run(const FindHooks& /*action*/) {
    hook_worker_.start([this]() -> Event { return hook_caller_.find(); });
}

void Errands::run(const CallHook& action) {
    hook_worker_.start([this, action]() -> Event { return hook_caller_.call(action); });
}

void Errands::run(const RunDrainCommand& action) {
    const std::string& command =
        action.moment == DrainMoment::begin ? config_.drain_begin : config_.drain_end;
    if (command.empty()) {
        inbox_.post(DrainCommandEnded{.moment = action.moment, .problem = {}});
        return;
    }
    drain_command_worker_.start([command, action]() -> Event {
        const auto end = health::run_command({"/bin/sh", "-c", command, "rota",
                                              std::string{to_string(action.moment)}, action.reason},
                                             kDrainCommandTimeout);
        DrainCommandEnded ended{.moment = action.moment, .problem = {}};
        if (!end) {
            ended.problem = end.error().message;
        } else if (end->is_late) {
            ended.problem = fmt::format("'{}' took longer than {} s and was killed", command,
                                        kDrainCommandTimeout.count());
        } else if (end->exit_status != 0) {
            ended.problem = fmt::format(
                "'{}' {} {}: {}", command,
                end->exit_status > 0 ? "ended with" : "was killed by signal",
                end->exit_status > 0 ? end->exit_status : end->signal, excerpt(end->output, 200));
        }
        return ended;
    });
}

void Errands::read_stop_timeout() {
    stop_timeout_worker_.start(
        []() -> Event { return StopTimeoutRead{.timeout = agent::read_stop_timeout()}; });
}

bool Errands::are_out() const {
    const auto is_busy = [](const std::unique_ptr<Worker>& worker) { return worker->is_busy(); };
    return std::ranges::any_of(rotas_, is_busy, &RotaErrands::calling) ||
           std::ranges::any_of(rotas_, is_busy, &RotaErrands::beating) ||
           std::ranges::any_of(probers_, is_busy) || readiness_worker_.is_busy() ||
           notices_worker_.is_busy() || load_worker_.is_busy() || hook_worker_.is_busy() ||
           stop_timeout_worker_.is_busy() || drain_command_worker_.is_busy();
}

}  // namespace rota::agent
