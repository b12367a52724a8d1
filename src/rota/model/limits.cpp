#include "rota/model/limits.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"

namespace rota::model {

namespace {

/// @source API Reference, ResourceRecordSet: "You can't create … NS, SOA" and DS sets with a
/// policy.
bool is_simple_only(dns::Type type) {
    return type == dns::Type::ns || type == dns::Type::soa || type == dns::Type::ds;
}

std::size_t max_values(dns::Type type) {
    return type == dns::Type::cname || type == dns::Type::soa ? 1 : kMaxValuesPerRecordSet;
}

void check_policy(const RecordSet& record_set, std::vector<std::string>& messages) {
    const bool is_simple = std::holds_alternative<SimpleRouting>(record_set.routing);
    if (is_simple != record_set.set_identifier.empty()) {
        messages.push_back(fmt::format(
            "RRSet with DNS name {}, type {}, SetIdentifier {} must have a set identifier and a "
            "routing policy, or neither.",
            record_set.name.to_text(), to_string(record_set.type), record_set.set_identifier));
    } else if (record_set.set_identifier.size() > kMaxSetIdentifier) {
        messages.push_back(
            fmt::format("SetIdentifier of RRSet with DNS name {}, type {} is longer "
                        "than {} characters.",
                        record_set.name.to_text(), to_string(record_set.type), kMaxSetIdentifier));
    } else if (!is_simple && is_simple_only(record_set.type)) {
        messages.push_back(fmt::format(
            "RRSet with DNS name {}, type {}, SetIdentifier {} is not permitted as sets of this "
            "type are never weighted.",
            record_set.name.to_text(), to_string(record_set.type), record_set.set_identifier));
    }
}

void check_values(const RecordSet& record_set, std::vector<std::string>& messages) {
    std::set<std::vector<std::uint8_t>> seen;
    for (const auto& value : record_set.values) {
        auto rdata = dns::rdata_from_text(record_set.type, value);
        if (!rdata) {
            messages.push_back(fmt::format("Invalid Resource Record: '{}'", rdata.error().message));
        } else if (!seen.insert(*std::move(rdata)).second) {
            messages.push_back(fmt::format("Duplicate Resource Record: '{}'", value));
        }
    }
}

}  // namespace

std::vector<std::string> check_size(const ChangeBatch& batch) {
    std::size_t records = 0;
    std::size_t characters = 0;
    for (const auto& change : batch.changes) {
        const std::size_t times = change.action == Action::upsert ? 2 : 1;
        records += times * change.record_set.values.size();
        for (const auto& value : change.record_set.values) {
            characters += times * value.size();
        }
    }
    std::vector<std::string> messages;
    if (records > kMaxResourceRecordsPerBatch) {
        messages.push_back(
            fmt::format("Number of records limit of {} exceeded.", kMaxResourceRecordsPerBatch));
    }
    if (characters > kMaxValueCharactersPerBatch) {
        messages.push_back(
            fmt::format("RDATA character limit of {} exceeded.", kMaxValueCharactersPerBatch));
    }
    return messages;
}

std::vector<std::string> check_record_set(const RecordSet& record_set) {
    if (to_string(record_set.type).empty()) {
        return {fmt::format("RRSet with DNS name {} is of type {}, which is not supported.",
                            record_set.name.to_text(), std::to_underlying(record_set.type))};
    }
    std::vector<std::string> messages;
    if (record_set.ttl > kMaxTtl) {
        messages.push_back(fmt::format("TTL {} of RRSet with DNS name {}, type {} exceeds {}.",
                                       record_set.ttl, record_set.name.to_text(),
                                       to_string(record_set.type), kMaxTtl));
    }
    check_policy(record_set, messages);
    if (record_set.values.empty()) {
        messages.push_back(fmt::format("RRSet with DNS name {}, type {} must have a value.",
                                       record_set.name.to_text(), to_string(record_set.type)));
    }
    // Before the values are looked at, so that a flood of them costs nothing.
    if (const std::size_t most = max_values(record_set.type); record_set.values.size() > most) {
        messages.push_back(fmt::format("Cannot have more than {} {} in a RRSet.", most,
                                       most == 1 ? "record" : "records"));
        return messages;
    }
    check_values(record_set, messages);
    return messages;
}

}  // namespace rota::model
