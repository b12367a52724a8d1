#include "rota/route53/group.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

constexpr std::uint32_t kPageSize = 300;  // the most that the API gives
// A group is small (100 weighted members); an API may still give few record sets a page.
constexpr int kMostPages = 1000;

}  // namespace

bool is_of(const RawRecordSet& raw, const dns::Name& name, dns::Type type) {
    const auto raw_name = dns::Name::parse(raw.name);
    return raw_name && *raw_name == name && raw.type == dns::to_string(type);
}

GroupCursor::GroupCursor(std::string_view zone_id, const dns::Name& name, dns::Type type)
    : zone_id_{zone_id},
      name_{name},
      request_{.name = name.to_text(),
               .type = std::string{dns::to_string(type)},
               .identifier = {},
               .max_items = kPageSize} {}

CallResult<GroupCursor::Next> GroupCursor::pass(bool is_truncated, std::string_view next_name,
                                                std::string_view next_type,
                                                std::string_view next_identifier) {
    const auto next = dns::Name::parse(next_name);
    if (!is_truncated || !next || *next != name_ || next_type != request_.type) {
        return Next::end;
    }
    ++pages_;
    if (next_identifier.empty() || next_identifier == request_.identifier || pages_ == kMostPages) {
        // A part of the group is worse than none: who decides by it miscounts the members.
        return std::unexpected(CallError{
            .error =
                {.kind = ErrorKind::bad_input,
                 .message = fmt::format(
                     "ListResourceRecordSets does not come to the end of {} {} in zone {}: its "
                     "last page points to '{}' again",
                     request_.name, request_.type, zone_id_, request_.identifier)},
            .api = {}});
    }
    request_.identifier = next_identifier;
    return Next::page;
}

CallResult<std::vector<RawRecordSet>> read_raw_group(Client& client, std::string_view zone_id,
                                                     const dns::Name& name, dns::Type type) {
    std::vector<RawRecordSet> group;
    ROTA_CHECK(walk_group(
        zone_id, name, type,
        [&](const ListRecordSetsRequest& request) {
            return client.list_raw_record_sets(zone_id, request);
        },
        [&](RawListRecordSetsResponse& page) {
            for (RawRecordSet& record_set : page.record_sets) {
                if (is_of(record_set, name, type)) {
                    group.push_back(std::move(record_set));
                }
            }
        }));
    return group;
}

}  // namespace rota::route53
