#include "rota/agent/published.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::agent {
namespace {

constexpr std::string_view kHeartbeat = "heartbeat";

// In the order of Request's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<Request>> kNames{
    "resolve", "read_group", "read_own", "upsert", "delete", "get_change", "ask_age"};

}  // namespace

Published::Published(const State& state) {
    for (const Member& member : state.members) {
        weights_.push_back(member.membership.weight);
    }
    publish(state);
}

void Published::count(const Call& call) {
    ++figures_.calls[std::string{kNames.at(call.request.index())}].made;
}

void Published::count(const State& state, const Event& event, BootTime now) {
    if (const auto* const answered = std::get_if<Answered>(&event)) {
        const auto* const failure = std::get_if<Failure>(&answered->answer);
        const Member& member = state.members[answered->member];
        if (failure != nullptr && member.call == answered->call) {
            ++figures_.calls[std::string{kNames.at(member.request.index())}]
                  .failed[std::string{to_string(failure->error.kind)}];
        }
    } else if (const auto* const beaten = std::get_if<Beaten>(&event)) {
        Figures::OfCall& of = figures_.calls[std::string{kHeartbeat}];
        ++of.made;
        figures_.leases_renewed.resize(state.members.size());
        if (beaten->problem.empty() && !beaten->is_unsupported) {
            figures_.leases_renewed[beaten->member] = now;
        } else {
            ++of.failed[beaten->is_unsupported ? "unsupported" : "other"];
        }
    }
}

void Published::publish(const State& state) {
    auto snapshot = std::make_shared<const Snapshot>(state, figures_, weights_);
    // The one before is destroyed outside of the lock.
    latest_.with([&snapshot](auto& latest) { std::swap(latest, snapshot); });
}

std::shared_ptr<const Snapshot> Published::latest() const {
    return latest_.with([](const auto& latest) { return latest; });
}

}  // namespace rota::agent
