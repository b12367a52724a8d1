#include "rota/model/change_batch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "rota/dns/name.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/limits.h"
#include "rota/model/record_set.h"

namespace rota::model {

namespace {

bool is_weighted(const RecordSet& record_set) {
    return std::holds_alternative<WeightedRouting>(record_set.routing);
}

/// The smallest key that a record set of the name can have: no mnemonic sorts before "A".
RecordKey first_key_of(const dns::Name& name) {
    return {name, dns::Type::a, {}};
}

const RecordSet* pointer_to(const std::optional<RecordSet>& record_set) {
    return record_set ? &*record_set : nullptr;
}

/// The zone's record sets with the changes so far laid over them; nothing else is copied.
class EvolvingZone {
public:
    explicit EvolvingZone(const RecordSets& current) : current_{current} {}

    [[nodiscard]] const RecordSet* find(const RecordKey& key) const {
        if (const auto changed = delta_.find(key); changed != delta_.end()) {
            return pointer_to(changed->second);
        }
        const auto stored = current_.find(key);
        return stored == current_.end() ? nullptr : &stored->second;
    }

    /// The record sets of one name, in no particular order. They stay valid until the next change.
    [[nodiscard]] std::vector<const RecordSet*> at(const dns::Name& name) const {
        std::vector<const RecordSet*> found;
        for (auto i = current_.lower_bound(first_key_of(name));
             i != current_.end() && i->first.name == name; ++i) {
            if (!delta_.contains(i->first)) {
                found.push_back(&i->second);
            }
        }
        for (auto i = delta_.lower_bound(first_key_of(name));
             i != delta_.end() && i->first.name == name; ++i) {
            if (const RecordSet* const record_set = pointer_to(i->second)) {
                found.push_back(record_set);
            }
        }
        return found;
    }

    void put(RecordSet record_set) {
        auto key = key_of(record_set);
        delta_.insert_or_assign(std::move(key), std::move(record_set));
    }

    void remove(const RecordKey& key) { delta_.insert_or_assign(key, std::nullopt); }

    [[nodiscard]] bool is_removed(const RecordKey& key) const {
        const auto changed = delta_.find(key);
        return changed != delta_.end() && !changed->second;
    }

    [[nodiscard]] std::size_t size() const {
        std::size_t size = current_.size();
        for (const auto& [key, record_set] : delta_) {
            const bool was_there = current_.contains(key);
            size += record_set && !was_there ? 1U : 0U;
            size -= !record_set && was_there ? 1U : 0U;
        }
        return size;
    }

    /// The changes without those that come out as it was before.
    ZoneDelta take_delta() {
        std::erase_if(delta_, [&](const auto& entry) {
            const auto stored = current_.find(entry.first);
            return entry.second ? stored != current_.end() && stored->second == *entry.second
                                : stored == current_.end();
        });
        return std::move(delta_);
    }

private:
    const RecordSets& current_;
    ZoneDelta delta_;
};

/// "[name='x.example.com.', type='A', set-identifier='i']", without the last for simple record
/// sets.
std::string describe(const RecordSet& record_set) {
    const std::string identifier =
        record_set.set_identifier.empty()
            ? std::string{}
            : fmt::format(", set-identifier='{}'", record_set.set_identifier);
    return fmt::format("[name='{}', type='{}'{}]", record_set.name.to_text(),
                       to_string(record_set.type), identifier);
}

/// The values as sorted RDATA: equal exactly when two record sets answer the same.
std::vector<std::vector<std::uint8_t>> canonical_values(const RecordSet& record_set) {
    std::vector<std::vector<std::uint8_t>> all;
    for (const auto& value : record_set.values) {
        if (auto rdata = dns::rdata_from_text(record_set.type, value)) {
            all.push_back(*std::move(rdata));
        }
    }
    std::ranges::sort(all);
    return all;
}

bool has_same_contents(const RecordSet& a, const RecordSet& b) {
    return a.ttl == b.ttl && a.routing == b.routing && a.values.size() == b.values.size() &&
           canonical_values(a) == canonical_values(b);
}

class Planner {
public:
    Planner(const HostedZone& zone, const RecordSets& current, std::size_t max_record_sets)
        : zone_{zone},
          zone_text_{zone.name.to_text()},
          max_record_sets_{max_record_sets},
          evolving_{current} {}

    void take(const Change& change) {
        if (!is_permitted_here(change.record_set)) {
            return;
        }
        if (auto problems = check_record_set(change.record_set); !problems.empty()) {
            messages_.insert(messages_.end(), problems.begin(), problems.end());
            return;
        }
        if (change.action == Action::del) {
            remove(change.record_set);
        } else {
            put(change.record_set, change.action);
        }
    }

    std::expected<ZoneDelta, std::vector<std::string>> finish() {
        require_at_apex(dns::Type::ns,
                        "A HostedZone must contain at least one NS record for the zone itself.");
        require_at_apex(dns::Type::soa, "A HostedZone must contain exactly one SOA record.");
        if (messages_.empty() && evolving_.size() > max_record_sets_) {
            messages_.push_back(
                fmt::format("Exceeded limit MAX_RRSETS_BY_ZONE for zone: {}", zone_.id));
        }
        if (!messages_.empty()) {
            return std::unexpected(std::move(messages_));
        }
        return evolving_.take_delta();
    }

private:
    template <typename... Args>
    void refuse(fmt::format_string<Args...> text, Args&&... args) {
        messages_.push_back(fmt::format(text, std::forward<Args>(args)...));
    }

    /// Whether a record set of the name and type can be in the zone at all.
    bool is_permitted_here(const RecordSet& record_set) {
        using enum dns::Type;
        const bool is_apex = record_set.name == zone_.name;
        const auto type = record_set.type;
        if (!record_set.name.is_at_or_below(zone_.name)) {
            refuse("RRSet with DNS name {} is not permitted in zone {}", record_set.name.to_text(),
                   zone_text_);
            return false;
        }
        if (is_apex && (type == cname || type == ds)) {
            refuse("RRSet of type {} with DNS name {} is not permitted at apex in zone {}",
                   to_string(type), record_set.name.to_text(), zone_text_);
            return false;
        }
        if ((!is_apex && type == soa) || (type == ns && record_set.name.is_wildcard())) {
            refuse("RRSet of type {} with DNS name {} is not permitted in zone {}", to_string(type),
                   record_set.name.to_text(), zone_text_);
            return false;
        }
        return true;
    }

    void remove(const RecordSet& wanted) {
        const RecordSet* const stored = evolving_.find(key_of(wanted));
        if (stored == nullptr) {
            refuse("Tried to delete resource record set {} but it was not found", describe(wanted));
        } else if (!has_same_contents(*stored, wanted)) {
            refuse(
                "Tried to delete resource record set {} but the values provided do not match the "
                "current values",
                describe(wanted));
        } else {
            evolving_.remove(key_of(wanted));
        }
    }

    void put(const RecordSet& wanted, Action action) {
        if (action == Action::create && evolving_.find(key_of(wanted)) != nullptr) {
            refuse("Tried to create resource record set {} but it already exists",
                   describe(wanted));
            return;
        }
        const auto neighbours = evolving_.at(wanted.name);
        if (conflicts(wanted, neighbours)) {
            return;
        }
        if (is_weighted(wanted)) {
            impose_ttl(wanted, neighbours);
        }
        evolving_.put(wanted);
    }

    bool conflicts(const RecordSet& wanted, const std::vector<const RecordSet*>& neighbours) {
        const auto key = key_of(wanted);
        std::size_t weighted = 0;
        for (const RecordSet* const other : neighbours) {
            if (other->type != wanted.type) {
                if (refuse_beside_cname(wanted, *other)) {
                    return true;
                }
            } else if (is_weighted(*other) != is_weighted(wanted)) {
                refuse_mixed_policies(wanted);
                return true;
            } else if (other->set_identifier != key.set_identifier) {
                ++weighted;
            }
        }
        if (weighted >= kMaxWeightedPerName) {
            refuse("Exceeded limit on number of weighted RRSets for {}, type {} in this zone.",
                   wanted.name.to_text(), to_string(wanted.type));
            return true;
        }
        return false;
    }

    bool refuse_beside_cname(const RecordSet& wanted, const RecordSet& other) {
        if (wanted.type == dns::Type::cname) {
            refuse(
                "RRSet of type CNAME with DNS name {} is not permitted as it conflicts with other "
                "records with the same DNS name in zone {}",
                wanted.name.to_text(), zone_text_);
            return true;
        }
        if (other.type == dns::Type::cname) {
            // The two spaces are Route 53's.
            refuse(
                "RRSet of type {} with DNS name {} is not permitted because a conflicting RRSet of "
                "type  CNAME with the same DNS name already exists in zone {}",
                to_string(wanted.type), wanted.name.to_text(), zone_text_);
            return true;
        }
        return false;
    }

    void refuse_mixed_policies(const RecordSet& wanted) {
        if (is_weighted(wanted)) {
            refuse(
                "RRSet with DNS name {}, type {}, SetIdentifier {} cannot be created as a "
                "non-weighted set exists with the same name and type.",
                wanted.name.to_text(), to_string(wanted.type), wanted.set_identifier);
        } else {
            refuse(
                "RRSet with DNS name {}, type {} cannot be created as other RRSets exist with the "
                "same name and type.",
                wanted.name.to_text(), to_string(wanted.type));
        }
    }

    /// One TTL for a weighted group: the last one written.
    void impose_ttl(const RecordSet& wanted, const std::vector<const RecordSet*>& neighbours) {
        std::vector<RecordSet> changed;
        for (const RecordSet* const other : neighbours) {
            if (other->type == wanted.type && other->ttl != wanted.ttl) {
                changed.push_back(*other);
            }
        }
        for (auto& sibling : changed) {
            sibling.ttl = wanted.ttl;
            evolving_.put(std::move(sibling));
        }
    }

    /// Judged on the outcome, so that a DELETE and a CREATE in one batch can replace the set.
    void require_at_apex(dns::Type type, std::string_view message) {
        if (evolving_.is_removed({zone_.name, type, {}})) {
            messages_.emplace_back(message);
        }
    }

    const HostedZone& zone_;
    std::string zone_text_;
    std::size_t max_record_sets_;
    EvolvingZone evolving_;
    std::vector<std::string> messages_;
};

}  // namespace

std::string_view to_string(Action action) noexcept {
    switch (action) {
        case Action::create:
            return "CREATE";
        case Action::del:
            return "DELETE";
        case Action::upsert:
            return "UPSERT";
    }
    return "";
}

std::expected<ZoneDelta, std::vector<std::string>> plan_changes(const HostedZone& zone,
                                                                const RecordSets& current,
                                                                const ChangeBatch& batch,
                                                                std::size_t max_record_sets) {
    if (auto messages = check_size(batch); !messages.empty()) {
        return std::unexpected(std::move(messages));
    }
    Planner planner{zone, current, max_record_sets};
    for (const auto& change : batch.changes) {
        planner.take(change);
    }
    return planner.finish();
}

void apply(RecordSets& record_sets, const ZoneDelta& delta) {
    for (const auto& [key, record_set] : delta) {
        if (record_set) {
            record_sets.insert_or_assign(key, *record_set);
        } else {
            record_sets.erase(key);
        }
    }
}

}  // namespace rota::model
