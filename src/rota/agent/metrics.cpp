#include "rota/agent/metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/published.h"
#include "rota/base/clock.h"
#include "rota/base/metrics.h"
#include "rota/dns/types.h"
#include "rota/health/judge.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

using Type = MetricsText::Type;

constexpr std::array kReasons{Reason::unhealthy, Reason::application, Reason::maintenance,
                              Reason::standby, Reason::ending};

std::uint64_t one_if(bool is) noexcept {
    return is ? 1 : 0;
}

double seconds(BootTime::duration duration) noexcept {
    return std::chrono::duration<double>{duration}.count();
}

void write_members(MetricsText& out, const State& state, BootTime now) {
    // A family of the rotas for which `figure` writes a sample.
    const auto each = [&](std::string_view name, std::string_view help, auto sample) {
        out.family(name, Type::gauge, help);
        for (const Member& member : state.members) {
            sample(member, member.membership.name.to_text(),
                   dns::to_string(member.membership.type));
        }
    };
    each("rota_agent_in_service", "Whether the instance is in the rota.",
         [&](const Member& member, std::string_view name, std::string_view type) {
             out.sample({{"name", name}, {"type", type}},
                        one_if(member.phase == Phase::in_service));
         });
    each("rota_agent_phase", "Always 1; the label says where the membership stands.",
         [&](const Member& member, std::string_view name, std::string_view type) {
             out.sample({{"name", name}, {"type", type}, {"phase", to_string(member.phase)}},
                        std::uint64_t{1});
         });
    each("rota_agent_weight", "The weight of the record set.",
         [&](const Member& member, std::string_view name, std::string_view type) {
             const auto* const weighted =
                 member.stored ? std::get_if<model::WeightedRouting>(&member.stored->routing)
                               : nullptr;
             if (weighted != nullptr) {
                 out.sample({{"name", name}, {"type", type}}, std::uint64_t{weighted->weight});
             }
         });
    each("rota_agent_ttl_seconds", "The TTL of the record set.",
         [&](const Member& member, std::string_view name, std::string_view type) {
             if (member.stored) {
                 out.sample({{"name", name}, {"type", type}}, std::uint64_t{member.stored->ttl});
             }
         });
    each("rota_agent_drain_seconds_left", "Until no cache can hold the address, while draining.",
         [&](const Member& member, std::string_view name, std::string_view type) {
             if (member.floor) {
                 out.sample({{"name", name}, {"type", type}},
                            std::max(0.0, seconds(*member.floor - now)));
             }
         });
    each("rota_agent_failures", "Failures in a row of the present call.",
         [&](const Member& member, std::string_view name, std::string_view type) {
             out.sample({{"name", name}, {"type", type}}, std::uint64_t{member.failures});
         });
}

void write_instance(MetricsText& out, const State& state) {
    out.gauge("rota_agent_leaving", "Whether the agent leaves for good.", one_if(state.is_leaving));
    out.family("rota_agent_absent", Type::gauge, "Reasons for the instance to be out for a while.");
    for (const Reason reason : kReasons) {
        out.sample({{"reason", to_string(reason)}},
                   one_if(std::ranges::any_of(state.absences, [reason](const Absence& absence) {
                       return absence.reason == reason;
                   })));
    }
    out.gauge("rota_agent_healthy", "Whether every check passes.",
              one_if(health_of(state) == health::Verdict::healthy));
    out.family("rota_agent_check_healthy", Type::gauge, "Whether a check passes.");
    for (std::size_t i = 0; i < state.examinations.size(); ++i) {
        out.sample({{"check", state.settings.checks[i].text}},
                   one_if(state.examinations[i].judge.verdict == health::Verdict::healthy));
    }
    if (const auto utilisation = state.load.last.load.utilisation) {
        out.family("rota_agent_utilisation_ratio", Type::gauge,
                   "The load that moves the weights: 1 is all that the instance can carry.");
        out.sample({}, *utilisation);
    }
    if (state.clients.before) {
        out.gauge("rota_agent_connections", "Clients that are still connected, while going out.",
                  std::uint64_t{state.clients.last.total});
    }
}

void write_figures(MetricsText& out, const Snapshot& snapshot, BootTime now) {
    const Figures& figures = snapshot.figures;
    out.family("rota_agent_lease_age_seconds", Type::gauge,
               "Since the lease at rota serve was last renewed.");
    for (std::size_t i = 0; i < figures.leases_renewed.size(); ++i) {
        if (const auto renewed = figures.leases_renewed[i]) {
            const Membership& membership = snapshot.state.members[i].membership;
            out.sample(
                {{"name", membership.name.to_text()}, {"type", dns::to_string(membership.type)}},
                std::max(0.0, seconds(now - *renewed)));
        }
    }
    out.family("rota_agent_calls_total", Type::counter, "Calls of the API, by what was asked for.");
    for (const auto& [name, of] : figures.calls) {
        out.sample({{"call", name}}, of.made);
    }
    out.family("rota_agent_call_failures_total", Type::counter,
               "Calls that failed, by the kind of error.");
    for (const auto& [name, of] : figures.calls) {
        for (const auto& [kind, count] : of.failed) {
            out.sample({{"call", name}, {"kind", kind}}, count);
        }
    }
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot, BootTime now) {
    MetricsText out;
    out.family("rota_build_info", Type::gauge, "Always 1; the labels say what runs.");
    out.sample({{"version", ROTA_VERSION}}, std::uint64_t{1});
    write_members(out, snapshot.state, now);
    write_instance(out, snapshot.state);
    write_figures(out, snapshot, now);
    return out.text();
}

}  // namespace rota::agent
