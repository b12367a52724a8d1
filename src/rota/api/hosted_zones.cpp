#include "rota/api/hosted_zones.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/api/identifiers.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/precondition.h"
#include "rota/model/record_set.h"
#include "rota/route53/messages.h"
#include "rota/store/store.h"

namespace rota::api {
namespace {

std::unexpected<route53::ApiError> refuse(int status, std::string code, std::string message) {
    return std::unexpected(route53::ApiError{status, std::move(code), std::move(message), {}, {}});
}

std::unexpected<route53::ApiError> no_such_zone(std::string_view id) {
    return refuse(404, "NoSuchHostedZone", fmt::format("No hosted zone found with ID: {}", id));
}

std::unexpected<route53::ApiError> not_stored(const Error& error) {
    log::error("change not stored", {{"error", error.message}});
    return refuse(503, "ServiceUnavailable",
                  "The change could not be written to the disk and was not made; the server's log "
                  "says why.");
}

constexpr std::uint32_t kSoaTtl = 900;
constexpr std::uint32_t kNsTtl = 172'800;

/// The two record sets that every zone is born with, Route 53's figures.
/// @source Route 53 Developer Guide, "SOA and NS records that Amazon Route 53 creates for a public
/// hosted zone".
model::RecordSets first_record_sets(const model::HostedZone& zone) {
    model::RecordSet soa;
    soa.name = zone.name;
    soa.type = dns::Type::soa;
    soa.ttl = kSoaTtl;
    soa.values.push_back(fmt::format("{} hostmaster.{} 1 7200 900 1209600 86400",
                                     zone.name_servers.front().to_text(), zone.name.to_text()));
    model::RecordSet ns;
    ns.name = zone.name;
    ns.type = dns::Type::ns;
    ns.ttl = kNsTtl;
    for (const dns::Name& server : zone.name_servers) {
        ns.values.push_back(server.to_text());
    }
    model::RecordSets sets;
    sets.emplace(model::key_of(soa), std::move(soa));
    sets.emplace(model::key_of(ns), std::move(ns));
    return sets;
}

/// True when nothing but the apex's SOA and NS is left.
bool is_empty(const model::HostedZone& zone, const model::RecordSets& sets) {
    return std::ranges::all_of(sets, [&](const auto& entry) {
        const model::RecordKey& key = entry.first;
        return key.name == zone.name && (key.type == dns::Type::soa || key.type == dns::Type::ns);
    });
}

model::ChangeInfo new_change(std::string comment, WallTime now) {
    return {new_id('C'), model::ChangeStatus::pending, now, std::move(comment)};
}

}  // namespace

HostedZones::HostedZones(store::Store& store, std::vector<store::StoredZone> loaded,
                         Publication publication, std::vector<dns::Name> name_servers,
                         std::size_t max_record_sets)
    : store_{store},
      publication_{std::move(publication)},
      name_servers_{std::move(name_servers)},
      max_record_sets_{max_record_sets} {
    for (store::StoredZone& stored : loaded) {
        by_name_.emplace(stored.zone.name, stored.zone.id);
        caller_references_.insert(stored.zone.caller_reference);
        std::string id = stored.zone.id;
        zones_.emplace(std::move(id), Zone{std::move(stored.zone), std::move(stored.record_sets)});
    }
}

void HostedZones::acknowledge(std::uint64_t generation) noexcept {
    std::uint64_t known = acknowledged_.load();
    while (known < generation && !acknowledged_.compare_exchange_weak(known, generation)) {
    }
}

HostedZones::Zone* HostedZones::find(std::string_view id) {
    const auto found = zones_.find(id);
    return found == zones_.end() ? nullptr : &found->second;
}

const HostedZones::Zone* HostedZones::find(std::string_view id) const {
    const auto found = zones_.find(id);
    return found == zones_.end() ? nullptr : &found->second;
}

void HostedZones::remember(const model::ChangeInfo& info, std::uint64_t generation) {
    ++changes_;
    recent_.with([&](auto& recent) {
        std::erase_if(recent, [this](const auto& entry) {
            return entry.second.generation <= acknowledged_.load();
        });
        recent.emplace(info.id, RecentChange{info, generation});
    });
}

Answer<dns::Name> HostedZones::check_new(const route53::CreateHostedZoneRequest& request) const {
    if (request.has_vpc || request.private_zone) {
        return refuse(400, "InvalidInput",
                      "Private hosted zones are not supported by rota serve: it has no VPCs. "
                      "Leave out VPC and PrivateZone, and let the network decide who may ask.");
    }
    if (!request.delegation_set_id.empty()) {
        return refuse(400, "NoSuchDelegationSet",
                      fmt::format("No delegation set found with ID: {}; rota serve has no reusable "
                                  "delegation sets, its name servers come from --ns",
                                  request.delegation_set_id));
    }
    auto name = dns::Name::parse(request.name);
    if (!name || name->is_root()) {
        return refuse(
            400, "InvalidDomainName",
            fmt::format("The domain name '{}' is not valid: {}", request.name,
                        name ? "the root cannot be a hosted zone" : name.error().message));
    }
    if (caller_references_.contains(request.caller_reference)) {
        return refuse(409, "HostedZoneAlreadyExists",
                      "A hosted zone has already been created with the specified caller "
                      "reference.");
    }
    const auto same = by_name_.lower_bound({*name, {}});
    if (same != by_name_.end() && same->first == *name) {
        return refuse(400, "ConflictingDomainExists",
                      fmt::format("The hosted zone {} has the name {} already, and hosted zones of "
                                  "the same name cannot share name servers",
                                  same->second, name->to_text()));
    }
    return std::move(*name);
}

Answer<AcceptedChange> HostedZones::create(const route53::CreateHostedZoneRequest& request,
                                           WallTime now) {
    const std::scoped_lock changing{changing_};
    AcceptedChange accepted;
    accepted.zone.name = ROTA_TRY(check_new(request));
    accepted.zone.id = new_id('Z');
    accepted.zone.caller_reference = request.caller_reference;
    accepted.zone.comment = request.comment;
    accepted.zone.name_servers = name_servers_;
    accepted.info = new_change({}, now);
    model::RecordSets sets = first_record_sets(accepted.zone);
    if (const auto stored = store_.create_zone(accepted.zone, sets, accepted.info); !stored) {
        return not_stored(stored.error());
    }
    const Zone* zone = nullptr;
    {
        const std::unique_lock reading{reading_};
        by_name_.emplace(accepted.zone.name, accepted.zone.id);
        caller_references_.insert(accepted.zone.caller_reference);
        zone =
            &zones_.emplace(accepted.zone.id, Zone{accepted.zone, std::move(sets)}).first->second;
    }
    remember(accepted.info, publication_.add(zone->zone, zone->record_sets));
    return accepted;
}

Answer<AcceptedChange> HostedZones::remove(std::string_view id, WallTime now) {
    const std::scoped_lock changing{changing_};
    const Zone* const zone = find(id);
    if (zone == nullptr) {
        return no_such_zone(id);
    }
    if (!is_empty(zone->zone, zone->record_sets)) {
        return refuse(400, "HostedZoneNotEmpty",
                      "The specified hosted zone contains non-required resource record sets  and "
                      "so cannot be deleted.");
    }
    AcceptedChange accepted{new_change({}, now), zone->zone};
    if (const auto stored = store_.delete_zone(id, accepted.info); !stored) {
        return not_stored(stored.error());
    }
    {
        const std::unique_lock reading{reading_};
        by_name_.erase({accepted.zone.name, accepted.zone.id});
        caller_references_.erase(accepted.zone.caller_reference);
        zones_.erase(accepted.zone.id);
    }
    remember(accepted.info, publication_.remove(accepted.zone));
    return accepted;
}

Answer<AcceptedChange> HostedZones::change(std::string_view id, const model::ChangeBatch& batch,
                                           std::optional<std::uint32_t> keep_members,
                                           WallTime now) {
    const std::scoped_lock changing{changing_};
    Zone* const zone = find(id);
    if (zone == nullptr) {
        return no_such_zone(id);
    }
    const auto delta = model::plan_changes(zone->zone, zone->record_sets, batch, max_record_sets_);
    if (!delta) {
        return std::unexpected(route53::ApiError{400, "InvalidChangeBatch", {}, delta.error(), {}});
    }
    if (keep_members) {
        if (auto missing = model::members_missing(zone->record_sets, *delta, *keep_members)) {
            return refuse(400, "PreconditionFailed", std::move(*missing));
        }
    }
    AcceptedChange accepted{new_change(batch.comment, now), zone->zone};
    if (const auto stored = store_.change_record_sets(id, *delta, accepted.info); !stored) {
        return not_stored(stored.error());
    }
    {
        const std::unique_lock reading{reading_};
        model::apply(zone->record_sets, *delta);
    }
    remember(accepted.info, publication_.change(zone->zone, zone->record_sets, *delta));
    return accepted;
}

Answer<route53::HostedZoneView> HostedZones::get(std::string_view id) const {
    const std::shared_lock reading{reading_};
    const Zone* const zone = find(id);
    if (zone == nullptr) {
        return no_such_zone(id);
    }
    return route53::HostedZoneView{zone->zone, zone->record_sets.size()};
}

route53::ListHostedZonesResponse HostedZones::list(const ListHostedZonesRequest& request) const {
    const std::shared_lock reading{reading_};
    route53::ListHostedZonesResponse response;
    response.marker = request.marker;
    response.max_items = static_cast<std::uint32_t>(request.max_items);
    for (auto at = zones_.lower_bound(request.marker); at != zones_.end(); ++at) {
        const Zone& zone = at->second;
        if (request.private_only && !zone.zone.private_zone) {
            continue;
        }
        if (response.zones.size() == request.max_items) {
            response.is_truncated = true;
            response.next_marker = at->first;
            break;
        }
        response.zones.push_back({zone.zone, zone.record_sets.size()});
    }
    return response;
}

Answer<route53::ListHostedZonesByNameResponse> HostedZones::list_by_name(
    const ListHostedZonesByNameRequest& request) const {
    if (request.dns_name.empty() && !request.hosted_zone_id.empty()) {
        return refuse(400, "InvalidInput", "hostedzoneid needs dnsname: give both, or neither.");
    }
    const auto start = dns::Name::parse(request.dns_name.empty() ? "." : request.dns_name);
    if (!start) {
        return refuse(400, "InvalidDomainName",
                      fmt::format("The domain name '{}' is not valid: {}", request.dns_name,
                                  start.error().message));
    }
    const std::shared_lock reading{reading_};
    route53::ListHostedZonesByNameResponse response;
    response.dns_name = request.dns_name;
    response.hosted_zone_id = request.hosted_zone_id;
    response.max_items = static_cast<std::uint32_t>(request.max_items);
    auto at = request.dns_name.empty() ? by_name_.begin()
                                       : by_name_.lower_bound({*start, request.hosted_zone_id});
    for (; at != by_name_.end(); ++at) {
        if (response.zones.size() == request.max_items) {
            response.is_truncated = true;
            response.next_dns_name = at->first.to_text();
            response.next_hosted_zone_id = at->second;
            break;
        }
        const Zone& zone = *find(at->second);
        response.zones.push_back({zone.zone, zone.record_sets.size()});
    }
    return response;
}

namespace {

/// Where a listing begins. A type needs a name and an identifier a type, as at Route 53.
Answer<std::optional<model::RecordKey>> first_key(const route53::ListRecordSetsRequest& request) {
    if (request.name.empty() && request.type.empty() && request.identifier.empty()) {
        return std::nullopt;
    }
    if (request.name.empty()) {
        return refuse(400, "InvalidInput",
                      fmt::format("The request has {} without name: give name as well.",
                                  request.type.empty() ? "identifier" : "type"));
    }
    if (request.type.empty() && !request.identifier.empty()) {
        return refuse(400, "InvalidInput",
                      "The request has identifier without type: give type as well.");
    }
    auto name = dns::Name::parse(request.name);
    if (!name) {
        return refuse(400, "InvalidInput",
                      fmt::format("The name '{}' is not a domain name: {}", request.name,
                                  name.error().message));
    }
    model::RecordKey key{std::move(*name), dns::Type::a, request.identifier};  // A sorts first
    if (!request.type.empty()) {
        const auto type = dns::type_from_string(request.type);
        if (!type) {
            return refuse(400, "InvalidInput",
                          fmt::format("1 validation error detected: Value '{}' at 'type' failed to "
                                      "satisfy constraint: Member must satisfy enum value set: "
                                      "[SOA, A, TXT, NS, CNAME, MX, NAPTR, PTR, SRV, SPF, AAAA, "
                                      "CAA, DS, TLSA, SSHFP, SVCB, HTTPS]",
                                      request.type));
        }
        key.type = *type;
    }
    return key;
}

}  // namespace

Answer<route53::ListRecordSetsResponse> HostedZones::list_record_sets(
    std::string_view id, const route53::ListRecordSetsRequest& request) const {
    const auto start = ROTA_TRY(first_key(request));
    const std::shared_lock reading{reading_};
    const Zone* const zone = find(id);
    if (zone == nullptr) {
        return no_such_zone(id);
    }
    route53::ListRecordSetsResponse response;
    response.max_items = request.max_items;
    const model::RecordSets& sets = zone->record_sets;
    for (auto at = start ? sets.lower_bound(*start) : sets.begin(); at != sets.end(); ++at) {
        if (response.record_sets.size() == request.max_items) {
            response.is_truncated = true;
            response.next_name = at->first.name.to_text();
            response.next_type = dns::to_string(at->first.type);
            response.next_identifier = at->first.set_identifier;
            break;
        }
        response.record_sets.push_back(at->second);
    }
    return response;
}

Answer<std::vector<std::string>> HostedZones::members(std::string_view id, const dns::Name& name,
                                                      dns::Type type) const {
    const std::shared_lock reading{reading_};
    const Zone* const zone = find(id);
    if (zone == nullptr) {
        return no_such_zone(id);
    }
    std::vector<std::string> members;
    for (auto at = zone->record_sets.lower_bound({name, type, {}});
         at != zone->record_sets.end() && at->first.name == name && at->first.type == type; ++at) {
        if (!at->first.set_identifier.empty()) {
            members.push_back(at->first.set_identifier);
        }
    }
    return members;
}

Answer<model::ChangeInfo> HostedZones::find_change(std::string_view id) const {
    const auto recent = recent_.with([&](const auto& changes) -> std::optional<model::ChangeInfo> {
        const auto found = changes.find(id);
        if (found == changes.end()) {
            return std::nullopt;
        }
        model::ChangeInfo info = found->second.info;
        info.status = found->second.generation <= acknowledged_.load()
                          ? model::ChangeStatus::insync
                          : model::ChangeStatus::pending;
        return info;
    });
    if (recent) {
        return *recent;
    }
    auto stored = store_.find_change(id);
    if (!stored) {
        log::error("change not read", {{"change", id}, {"error", stored.error().message}});
        return refuse(503, "ServiceUnavailable", "The store of changes could not be read.");
    }
    std::optional<model::ChangeInfo>& change = *stored;
    if (!change) {
        return refuse(404, "NoSuchChange", fmt::format("Could not find resource with ID: {}", id));
    }
    return *std::move(change);
}

ZoneTotals HostedZones::totals() const {
    ZoneTotals totals;
    {
        const std::shared_lock reading{reading_};
        totals.zones = zones_.size();
        for (const auto& [id, zone] : zones_) {
            totals.record_sets += zone.record_sets.size();
        }
    }
    totals.pending_changes = recent_.with([this](const auto& recent) {
        return static_cast<std::size_t>(std::ranges::count_if(recent, [this](const auto& entry) {
            return entry.second.generation > acknowledged_.load();
        }));
    });
    totals.changes = changes_.load();
    return totals;
}

}  // namespace rota::api
