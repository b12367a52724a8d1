#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// What comes out of the metadata service, before it is trusted.
namespace rota::instance {

/// Without white space at both ends.
std::string_view trimmed(std::string_view text);

/// What came instead of what was expected, in printable ASCII, short enough for a message.
std::string excerpt(std::string_view text, std::size_t longest = 40);

}  // namespace rota::instance
