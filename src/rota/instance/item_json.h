#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "rota/base/clock.h"
#include "rota/base/error.h"

// JSON of the metadata service: never more than kMaxItem octets, no exceptions.
namespace rota::instance {

inline constexpr std::size_t kMaxItem = std::size_t{64} << 10U;

/// @errors bad_input: names the item and shows what came instead.
Result<nlohmann::json> parse_item(std::string_view item, std::string_view text);

/// A string member in printable ASCII, 200 octets at most; nothing when it is missing or of another
/// type.
std::optional<std::string> word_of(const nlohmann::json& object, const char* name);

/// "meta-data/… is no …: TEXT", as an error.
std::unexpected<Error> not_understood(std::string_view item, std::string_view what,
                                      std::string_view text);

}  // namespace rota::instance
