#include "rota/base/near_miss.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rota {
namespace {

constexpr std::size_t kShort = 6;  // of letters: two mistakes make any word of a shorter one
constexpr std::size_t kLongest =
    64;  // what comes from outside may be long, and the table is square

/// How many letters to add, drop, change or swap with the next to make one word of the other.
std::size_t distance(std::string_view one, std::string_view other) {
    std::vector<std::vector<std::size_t>> cost(one.size() + 1,
                                               std::vector<std::size_t>(other.size() + 1));
    for (std::size_t i = 0; i <= one.size(); ++i) {
        for (std::size_t j = 0; j <= other.size(); ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            const std::size_t change = one[i - 1] == other[j - 1] ? 0 : 1;
            cost[i][j] =
                std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1]) {
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[one.size()][other.size()];
}

}  // namespace

std::optional<std::string> near_miss(std::string_view text, std::span<const std::string> words) {
    if (text.size() > kLongest) {
        return std::nullopt;
    }
    std::optional<std::string> nearest;
    std::size_t least = 0;
    for (const std::string& word : words) {
        const std::size_t mistakes = distance(text, word);
        const std::size_t most = word.size() < kShort ? 1 : 2;
        if (mistakes <= most && mistakes < word.size() && (!nearest || mistakes < least)) {
            least = mistakes;
            nearest = word;
        }
    }
    return nearest;
}

}  // namespace rota
