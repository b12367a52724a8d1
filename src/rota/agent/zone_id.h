#pragma once

#include <optional>
#include <string_view>

namespace rota::agent {

/// The hosted zone's id in "Z123", "hostedzone/Z123" or "/hostedzone/Z123"; nothing in what is a
/// zone's name.
std::optional<std::string_view> zone_id_in(std::string_view id_or_name) noexcept;

}  // namespace rota::agent
