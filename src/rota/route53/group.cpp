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

CallResult<std::vector<RawRecordSet>> read_raw_group(Client& client, std::string_view zone_id,
                                                     const dns::Name& name, dns::Type type) {
    constexpr std::uint32_t kPageSize = 300;  // the most that the API gives
    // A group is small (100 weighted members); an API may still give few record sets a page.
    constexpr int kMostPages = 1000;
    const std::string type_text{dns::to_string(type)};
    std::vector<RawRecordSet> group;
    ListRecordSetsRequest request{
        .name = name.to_text(), .type = type_text, .identifier = {}, .max_items = kPageSize};
    for (int page = 0; page < kMostPages; ++page) {
        auto answer = client.list_raw_record_sets(zone_id, request);
        if (!answer) {
            return std::unexpected(std::move(answer.error()));
        }
        for (RawRecordSet& record_set : answer->record_sets) {
            const auto listed = dns::Name::parse(record_set.name);
            if (listed && *listed == name && record_set.type == type_text) {
                group.push_back(std::move(record_set));
            }
        }
        const auto next_name = dns::Name::parse(answer->next_name);
        if (!answer->is_truncated || !next_name || *next_name != name ||
            answer->next_type != type_text) {
            return group;
        }
        if (answer->next_identifier.empty() || answer->next_identifier == request.identifier) {
            break;
        }
        request.identifier = answer->next_identifier;
    }
    // A part of the group is worse than none: who decides by it miscounts the members.
    return std::unexpected(
        CallError{.error = {.kind = ErrorKind::bad_input,
                            .message = fmt::format(
                                "ListResourceRecordSets does not come to the end of {} {} in zone "
                                "{}: its last page points to '{}' again",
                                name.to_text(), type_text, zone_id, request.identifier)},
                  .api = {}});
}

}  // namespace rota::route53
