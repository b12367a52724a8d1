#pragma once

#include <memory>
#include <vector>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/heartbeats.h"
#include "rota/agent/hook_calls.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/measuring.h"
#include "rota/agent/weighing.h"
#include "rota/agent/worker.h"
#include "rota/instance/connections.h"

namespace rota::agent {

/// Carries out what agent::step asks the world, in threads where it may block; what comes of it is
/// an event in the inbox.
class Errands {
public:
    /// All but the surroundings outlive it.
    Errands(const Config& config, const State& state,
            const std::shared_ptr<const Surroundings>& surroundings, Inbox& inbox);

    void run(Call call);
    void run(const CheckReadiness& action);
    void run(const Probe& action);
    void run(const AskNotices& action);
    void run(const CountConnections& action);
    void run(const MeasureLoad& action);
    void run(const Beat& action);
    void run(const FindHooks& action);
    void run(const CallHook& action);
    void run(const RunDrainCommand& action);
    /// What the service manager gives a stop, once at the start.
    void read_stop_timeout();

    /// True while a thread is at work, which may block for seconds.
    [[nodiscard]] bool are_out() const;

private:
    struct RotaErrands {
        std::unique_ptr<Caller> caller;  // the workers use them: they come after
        std::unique_ptr<Heartbeats> heartbeats;
        std::unique_ptr<Worker> calling;
        std::unique_ptr<Worker> beating;
    };

    const Config& config_;
    const State& state_;
    std::shared_ptr<const Surroundings> surroundings_;
    Inbox& inbox_;
    std::vector<RotaErrands> rotas_;
    std::vector<std::unique_ptr<Worker>> probers_;  ///< one a check
    instance::ConnectionWatch connections_;
    LoadMeters load_meters_;  // the worker uses them: it comes after
    Worker load_worker_;
    HookCaller hook_caller_;
    Worker hook_worker_;  // uses the caller: it comes after
    Worker stop_timeout_worker_;
    Worker drain_command_worker_;
    Worker readiness_worker_;
    Worker notices_worker_;
};

}  // namespace rota::agent
