#include "rota/sweeper/witnesses.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"

namespace rota::sweeper {
namespace {

// Removals older than any interval that can be set are of no interest.
constexpr std::chrono::hours kRemembered{24};

void see_instance(MemberMemory& member, std::optional<InstanceState> state, BootTime now) {
    if (state == InstanceState::running) {
        member.gone_polls = 0;
        member.terminated_polls = 0;
        return;
    }
    if (member.gone_polls == 0) {
        member.gone_since = now;
    }
    ++member.gone_polls;
    if (state == InstanceState::terminated) {
        ++member.terminated_polls;
    } else if (member.terminated_polls < 2) {
        // Two are enough for good: EC2 forgets a terminated instance within the hour.
        member.terminated_polls = 0;
    }
}

void see_lease(MemberMemory& member, const route53::MemberLease* lease, bool server_is_young,
               BootTime now) {
    member.held_lease = member.held_lease || lease != nullptr;
    const bool is_held = lease != nullptr && lease->is_held;
    if (!member.held_lease || is_held || server_is_young) {
        member.lease_over.reset();
        return;
    }
    if (!member.lease_over) {
        // The server does not list it when it ran out before a restart.
        member.lease_over = lease == nullptr ? now : now + lease->expires_in;
        member.lease_over_noticed = now;
    }
}

}  // namespace

void see_record_sets(RotaMemory& memory, std::vector<route53::RawRecordSet> record_sets,
                     BootTime now) {
    std::map<std::string, MemberMemory, std::less<>> members;
    for (const route53::RawRecordSet& record_set : record_sets) {
        if (!record_set.set_identifier) {
            continue;
        }
        const auto known = memory.members.find(*record_set.set_identifier);
        if (known != memory.members.end() && known->second.values == record_set.values) {
            members.insert(memory.members.extract(known));
            continue;
        }
        MemberMemory member;
        member.values = record_set.values;
        member.first_seen = now;
        members.insert_or_assign(*record_set.set_identifier, std::move(member));
    }
    memory.members = std::move(members);
    memory.record_sets = std::move(record_sets);
}

void see_probe(RotaMemory& memory, std::string_view set_identifier, bool passed,
               std::string_view detail, BootTime now) {
    const auto found = memory.members.find(set_identifier);
    if (found == memory.members.end()) {
        return;
    }
    MemberMemory& member = found->second;
    if (passed) {
        member.was_alive = true;
        member.failures = 0;
        return;
    }
    if (member.failures == 0) {
        member.failing_since = now;
    }
    ++member.failures;
    member.failure = detail;
}

void see_fleet(RotaMemory& memory, const Fleet& fleet, BootTime now) {
    const bool is_witness = std::ranges::any_of(
        fleet, [](const auto& one) { return one.second == InstanceState::running; });
    for (auto& [identifier, member] : memory.members) {
        const auto found = fleet.find(identifier);
        const auto state = found == fleet.end() ? std::nullopt : std::optional{found->second};
        if (is_witness || state == InstanceState::terminated) {
            see_instance(member, state, now);
        }
    }
}

void see_leases(RotaMemory& memory, const route53::LeaseList& list, BootTime now) {
    std::map<std::string_view, const route53::MemberLease*> by_identifier;
    for (const route53::MemberLease& lease : list.leases) {
        by_identifier.emplace(lease.set_identifier, &lease);
        memory.longest_lease = std::max(memory.longest_lease, lease.expires_in);
    }
    const bool is_young =
        list.server_uptime < kLeastServerUptime || list.server_uptime < 2 * memory.longest_lease;
    for (auto& [identifier, member] : memory.members) {
        const auto found = by_identifier.find(identifier);
        see_lease(member, found == by_identifier.end() ? nullptr : found->second, is_young, now);
    }
    memory.leases_seen = now;
}

void note_removals(RotaMemory& memory, unsigned count, BootTime now) {
    std::erase_if(memory.removals, [now](BootTime at) { return now - at > kRemembered; });
    memory.removals.insert(memory.removals.end(), count, now);
}

}  // namespace rota::sweeper
