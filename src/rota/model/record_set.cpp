#include "rota/model/record_set.h"

#include <compare>

#include "rota/dns/types.h"

namespace rota::model {

std::strong_ordering operator<=>(const RecordKey& a, const RecordKey& b) noexcept {
    if (const auto order = a.name <=> b.name; order != 0) {
        return order;
    }
    if (const auto order = dns::to_string(a.type) <=> dns::to_string(b.type); order != 0) {
        return order;
    }
    return a.set_identifier <=> b.set_identifier;
}

RecordKey key_of(const RecordSet& record_set) {
    return {record_set.name, record_set.type, record_set.set_identifier};
}

}  // namespace rota::model
