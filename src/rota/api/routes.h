#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rota::api {

/// What the server can do; every other operation of the API is `unsupported`, and has its name.
enum class Operation : std::uint8_t {
    unsupported,
    create_hosted_zone,
    get_hosted_zone,
    list_hosted_zones,
    list_hosted_zones_by_name,
    get_hosted_zone_count,
    delete_hosted_zone,
    change_record_sets,
    list_record_sets,
    get_change,
};

struct Match {
    Operation operation = Operation::unsupported;
    std::string_view name;               ///< the API's: "ChangeResourceRecordSets"
    std::vector<std::string> variables;  ///< the path's, decoded
};

/// Finds the operation of a request; slashes at the end do not matter.
/// @param path  percent-encoded, without the query.
/// @returns nothing when no operation of 2013-04-01 has this method and path.
std::optional<Match> match(std::string_view method, std::string_view path);

}  // namespace rota::api
