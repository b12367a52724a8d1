#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

// A group: the record sets of one name and type, whatever their policy.
namespace rota::route53 {

bool is_of(const RawRecordSet& raw, const dns::Name& name, dns::Type type);

/// Where one is in the listing of a group.
class GroupCursor {
public:
    GroupCursor(std::string_view zone_id, const dns::Name& name, dns::Type type);

    /// For the next page.
    [[nodiscard]] const ListRecordSetsRequest& request() const noexcept { return request_; }

    enum class Next : std::uint8_t { page, end };

    /// Goes on behind a page. @errors bad_input: the pages come to no end.
    CallResult<Next> pass(bool is_truncated, std::string_view next_name, std::string_view next_type,
                          std::string_view next_identifier);

private:
    std::string_view zone_id_;
    const dns::Name& name_;
    ListRecordSetsRequest request_;
    int pages_ = 0;
};

/// Fetches a group page by page, and takes each page in; it may hold more than the group.
/// @errors those of `fetch`; bad_input: the pages come to no end.
template <typename Fetch, typename Take>
CallResult<void> walk_group(std::string_view zone_id, const dns::Name& name, dns::Type type,
                            Fetch fetch, Take take) {
    GroupCursor cursor{zone_id, name, type};
    auto next = GroupCursor::Next::page;
    while (next == GroupCursor::Next::page) {
        auto page = fetch(cursor.request());
        if (!page) {
            return std::unexpected(std::move(page.error()));
        }
        take(*page);
        next = ROTA_TRY(cursor.pass(page->is_truncated, page->next_name, page->next_type,
                                    page->next_identifier));
    }
    return {};
}

/// Reads a group as the API gives it: what a DELETE must repeat. @errors as walk_group().
CallResult<std::vector<RawRecordSet>> read_raw_group(Client& client, std::string_view zone_id,
                                                     const dns::Name& name, dns::Type type);

}  // namespace rota::route53
