#include "rota/health/agent_check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "rota/base/text.h"

namespace rota::health {
namespace {

constexpr std::uint32_t kLargestWeight = 256;
constexpr std::uint32_t kLargestPercentage = 100 * kLargestWeight;
constexpr std::size_t kLongestReason = 200;
constexpr std::size_t kLongestUnknown = 40;

constexpr std::array<std::pair<std::string_view, AgentHealth>, 4> kHealths{{
    {"up", AgentHealth::up},
    {"down", AgentHealth::down},
    {"stopped", AgentHealth::stopped},
    {"fail", AgentHealth::fail},
}};

constexpr std::array<std::pair<std::string_view, AgentMode>, 3> kModes{{
    {"ready", AgentMode::ready},
    {"drain", AgentMode::drain},
    {"maint", AgentMode::maint},
}};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Printable ASCII of at most `most` octets; other octets become '?'.
std::string printable(std::string_view text, std::size_t most) {
    std::string out{text.substr(0, most)};
    std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

template <typename Table>
auto look_up(const Table& table, std::string_view word)
    -> std::optional<typename Table::value_type::second_type> {
    const auto* const found = std::ranges::find(table, word, &Table::value_type::first);
    return found == table.end() ? std::nullopt : std::optional{found->second};
}

template <typename Table, typename Value>
std::string_view word_for(const Table& table, Value value) {
    const auto* const found = std::ranges::find(table, value, &Table::value_type::second);
    return found == table.end() ? "unknown" : found->first;
}

/// A number without a sign; one too large for 32 bits is as large as can be.
std::optional<std::uint32_t> parse_count(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    std::uint32_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    return result.ec == std::errc::result_out_of_range ? UINT32_MAX : number;
}

std::optional<AgentWeight> parse_weight(std::string_view word) {
    constexpr std::string_view kPrefix = "weight:";
    const bool is_prefixed = word.starts_with(kPrefix);
    if (is_prefixed) {
        word.remove_prefix(kPrefix.size());
    }
    const bool is_percent = word.ends_with('%');
    if (is_percent) {
        word.remove_suffix(1);
    }
    const auto number = parse_count(word);
    if (!number || (!is_percent && (!is_prefixed || *number > kLargestWeight))) {
        return std::nullopt;
    }
    return AgentWeight{.value = is_percent ? std::min(*number, kLargestPercentage) : *number,
                       .is_percent = is_percent};
}

bool is_connection_limit(std::string_view word) {
    constexpr std::string_view kPrefix = "maxconn:";
    return word.starts_with(kPrefix) && parse_count(word.substr(kPrefix.size()));
}

void read_word(std::string_view text, AgentCheckReport& report) {
    std::string word{text};
    std::ranges::transform(word, word.begin(), lower);
    if (const auto health = look_up(kHealths, std::string_view{word})) {
        report.health = health;
    } else if (const auto mode = look_up(kModes, std::string_view{word})) {
        report.mode = mode;
    } else if (const auto weight = parse_weight(word)) {
        report.weight = weight;
    } else if (!is_connection_limit(word) && report.unknown.empty()) {
        report.unknown = printable(text, kLongestUnknown);
    }
}

/// A reason as it is kept and written: cut, printable, without space around it.
std::string tidy_reason(std::string_view text) {
    return printable(trimmed(trimmed(text).substr(0, kLongestReason)), kLongestReason);
}

}  // namespace

std::string_view to_string(AgentHealth health) noexcept {
    return word_for(kHealths, health);
}

std::string_view to_string(AgentMode mode) noexcept {
    return word_for(kModes, mode);
}

AgentCheckReport parse_agent_check(std::string_view text) {
    AgentCheckReport report;
    text = text.substr(0, text.find_first_of("\r\n"));
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(" \t,"), text.size()));
        if (text.empty()) {
            return report;
        }
        if (text.starts_with('#')) {
            report.reason = tidy_reason(text.substr(1));
            return report;
        }
        const std::string_view word = text.substr(0, text.find_first_of(" \t,"));
        read_word(word, report);
        text.remove_prefix(word.size());
    }
}

std::string format_agent_check(const AgentCheckReport& report) {
    std::string out;
    const auto add = [&out](std::string_view word) {
        out += out.empty() ? "" : " ";
        out += word;
    };
    if (report.mode) {
        add(to_string(*report.mode));
    }
    if (report.weight) {
        add(fmt::format(fmt::runtime(report.weight->is_percent ? "{}%" : "weight:{}"),
                        report.weight->value));
    }
    if (report.health) {
        add(to_string(*report.health));
    }
    if (const std::string reason = tidy_reason(report.reason); !reason.empty()) {
        add("#");
        out += reason;
    }
    out += '\n';
    return out;
}

AgentCheckState after(AgentCheckState state, const AgentCheckReport& report) {
    state.mode = report.mode.value_or(state.mode);
    state.weight = report.weight ? report.weight : state.weight;
    return state;
}

}  // namespace rota::health
