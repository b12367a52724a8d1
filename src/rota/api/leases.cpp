#include "rota/api/leases.h"

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"

namespace rota::api {

bool Leases::renew(const Key& key, Heartbeat heartbeat, BootTime now, std::size_t most,
                   const std::function<bool(const Key&)>& is_member) {
    const std::scoped_lock lock{mutex_};
    auto at = entries_.find(key);
    if (at == entries_.end()) {
        if (entries_.size() >= most) {
            std::erase_if(entries_, [&](const auto& entry) { return !is_member(entry.first); });
        }
        if (entries_.size() >= most) {
            return false;
        }
        at = entries_.try_emplace(key).first;
    } else {
        count_if_run_out(at->second, now);
    }
    at->second = {.lease = {.renewed = now,
                            .expires = now + heartbeat.lease,
                            .probe = std::move(heartbeat.probe),
                            .load = heartbeat.load},
                  .is_counted = false};
    return true;
}

void Leases::forget(std::string_view zone_id, const model::ZoneDelta& delta, BootTime now) {
    const std::scoped_lock lock{mutex_};
    for (const auto& [key, record_set] : delta) {
        if (record_set) {
            continue;
        }
        if (const auto found = entries_.find({std::string{zone_id}, key});
            found != entries_.end()) {
            count_if_run_out(found->second, now);
            entries_.erase(found);
        }
    }
}

std::optional<Lease> Leases::find(const Key& key) const {
    const std::scoped_lock lock{mutex_};
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::nullopt : std::optional{found->second.lease};
}

std::vector<std::pair<model::RecordKey, Lease>> Leases::of_zone(std::string_view zone_id) const {
    const std::scoped_lock lock{mutex_};
    std::vector<std::pair<model::RecordKey, Lease>> leases;
    for (auto at = entries_.lower_bound({std::string{zone_id}, model::RecordKey{}});
         at != entries_.end() && at->first.first == zone_id; ++at) {
        leases.emplace_back(at->first.second, at->second.lease);
    }
    return leases;
}

LeaseTotals Leases::totals(BootTime now) {
    const std::scoped_lock lock{mutex_};
    LeaseTotals totals;
    for (auto& [key, entry] : entries_) {
        count_if_run_out(entry, now);
        totals.held += entry.is_counted ? 0U : 1U;
    }
    totals.expired = expired_;
    return totals;
}

void Leases::count_if_run_out(Entry& entry, BootTime now) {
    if (!entry.is_counted && entry.lease.expires <= now) {
        entry.is_counted = true;
        ++expired_;
    }
}

RotaLoad rota_load(const Leases& leases, std::string_view zone_id, const dns::Name& name,
                   dns::Type type, const std::vector<std::string>& members, BootTime now) {
    RotaLoad rota;
    rota.members = members.size();
    double sum = 0;
    std::size_t count = 0;
    for (const std::string& member : members) {
        const auto lease = leases.find({std::string{zone_id}, {name, type, member}});
        if (!lease || !lease->load || lease->expires <= now) {
            continue;
        }
        ++rota.reporting;
        if (lease->load->utilisation && !lease->load->draining) {
            sum += *lease->load->utilisation;
            ++count;
        }
        if (rota.reports.size() < kMostReports) {
            rota.reports.push_back({member, now - lease->renewed, *lease->load});
        }
    }
    if (count != 0) {
        rota.mean_utilisation = sum / static_cast<double>(count);
    }
    return rota;
}

}  // namespace rota::api
