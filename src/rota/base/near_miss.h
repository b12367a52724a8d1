#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rota {

/// The word that someone who wrote `text` will have meant: the nearest one, at most two letters
/// added, dropped, changed or swapped away, one where the word is short; nothing when none is that
/// near.
std::optional<std::string> near_miss(std::string_view text, std::span<const std::string> words);

}  // namespace rota
