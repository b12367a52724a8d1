#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/log.h"
#include "rota/instance/connections.h"

namespace rota::agent {
namespace {

constexpr std::chrono::seconds kCountInterval{1};

// Where the kernel does not tell what moves, so many of those that were connected may be left: who
// has not gone for a TTL does not look up the name, and will not go.
constexpr std::size_t kFewPercent = 1;

}  // namespace

std::string describe(const instance::Connections& connections) {
    constexpr std::size_t kNamed = 5;
    std::string text;
    const std::size_t named = std::min(kNamed, connections.peers.size());
    for (std::size_t i = 0; i < named; ++i) {
        text += fmt::format("{}{} from {}", text.empty() ? "" : ", ", connections.peers[i].count,
                            connections.peers[i].address);
    }
    if (connections.distinct_peers > named) {
        text += fmt::format(" and more from {} others", connections.distinct_peers - named);
    }
    return text;
}

void Stepper::count_where_due() {
    Clients& clients = state_.clients;
    if (state_.settings.goal == Goal::join || state_.settings.ports.empty()) {
        return;
    }
    if (std::ranges::none_of(state_.members, is_going_out)) {
        const bool is_out = clients.is_out;
        clients = {};
        clients.is_out = is_out;
        return;
    }
    const bool is_due = !clients.wake || *clients.wake <= now_;
    if (!clients.is_out && !clients.is_uncountable && is_due) {
        clients.is_out = true;
        clients.wake.reset();
        actions_.emplace_back(CountConnections{});
    }
}

void Stepper::on(const Counted& event) {
    Clients& clients = state_.clients;
    if (!clients.is_out) {
        return;
    }
    clients.is_out = false;
    clients.wake = now_ + kCountInterval;
    if (!event.connections) {
        clients.is_uncountable = true;
        clients.wake.reset();
        actions_.emplace_back(
            Say{.level = log::Level::warning,
                .member = std::nullopt,
                .text = "the drain does not wait for connections, they cannot be counted: " +
                        event.problem});
    } else {
        clients.last = *event.connections;
        if (!clients.before) {
            clients.before = clients.last.total;
        }
        const bool are_few = clients.last.total * 100 < *clients.before * kFewPercent;
        if (!are_few) {
            clients.few_since.reset();
        } else if (!clients.few_since) {
            clients.few_since = now_;
        }
        clients.is_traffic_known = clients.last.moved.has_value();
        clients.traffic.add(clients.last.moved.value_or(0), now_, traffic_window());
    }
    for (Member& member : state_.members) {
        if (member.phase == Phase::emptying) {
            look_at_clients(member);
        }
    }
}

void Stepper::empty(Member& member) {
    if (state_.settings.ports.empty()) {
        go_out(member, "left, drained", "drained: no cache holds the address any more");
        return;
    }
    member.phase = Phase::emptying;
    // Where nobody waits for the end, this is how long clients are waited for.
    member.wake = now_ + state_.settings.deadline;
    member.floor.reset();
    look_at_clients(member);
}

std::chrono::nanoseconds Stepper::traffic_window() const {
    std::chrono::nanoseconds longest = kCountInterval;
    for (const Member& member : state_.members) {
        longest = std::max<std::chrono::nanoseconds>(longest, member.ttls.largest(now_) / 4);
    }
    return longest;
}

void Stepper::look_at_clients(Member& member) {
    const Clients& clients = state_.clients;
    const instance::Connections& open = clients.last;
    const std::optional<BootTime> idle_since =
        clients.is_traffic_known ? clients.traffic.quiet_since() : clients.few_since;
    const bool are_idle = idle_since && now_ - *idle_since >= member.ttls.largest(now_);
    const bool are_waited_for = member.wake && now_ < *member.wake;
    if (clients.is_uncountable) {
        go_out(member, "left, drained", "drained: no cache holds the address any more");
    } else if (clients.before && open.total == 0) {
        go_out(member, "left, drained",
               "drained: no cache holds the address any more, and no client is connected");
    } else if (are_idle || !are_waited_for) {
        const std::string_view quiet =
            are_idle && clients.is_traffic_known ? ", quiet for a TTL" : "";
        const std::string text =
            fmt::format("drained, but {} of {} connections are still open{}: {}", open.total,
                        std::max(open.total, clients.before.value_or(0)), quiet, describe(open));
        go_out(member, text, text);
    }
}

}  // namespace rota::agent
