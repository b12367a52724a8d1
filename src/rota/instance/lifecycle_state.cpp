#include "rota/instance/lifecycle_state.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/text.h"

namespace rota::instance {
namespace {

constexpr std::array<std::pair<std::string_view, TargetState>, 8> kStates{
    {{"InService", TargetState::in_service},
     {"Terminated", TargetState::terminated},
     {"Detached", TargetState::detached},
     {"Standby", TargetState::standby},
     {"Warmed:Hibernated", TargetState::warmed_hibernated},
     {"Warmed:Running", TargetState::warmed_running},
     {"Warmed:Stopped", TargetState::warmed_stopped},
     {"Warmed:Terminated", TargetState::warmed_terminated}}};

constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '-' || c == '_';
}

}  // namespace

Result<LifecycleState> parse_lifecycle_state(std::string_view text) {
    constexpr std::size_t kLongest = 64;
    const std::string_view word = trimmed(text);
    if (word.empty() || word.size() > kLongest || !std::ranges::all_of(word, is_letter)) {
        return fail(
            ErrorKind::bad_input,
            fmt::format("the metadata service answered '{}' for {}, which is no lifecycle state",
                        excerpt(word), kLifecycleStatePath));
    }
    for (const auto& [name, state] : kStates) {
        if (name == word) {
            return LifecycleState{.state = state, .word = std::string{word}};
        }
    }
    return LifecycleState{.state = TargetState::unknown, .word = std::string{word}};
}

Wish wish_of(TargetState state) noexcept {
    switch (state) {
        case TargetState::in_service:
            return Wish::join;
        case TargetState::terminated:
        case TargetState::detached:
        case TargetState::standby:
            return Wish::leave;
        case TargetState::warmed_hibernated:
        case TargetState::warmed_running:
        case TargetState::warmed_stopped:
        case TargetState::warmed_terminated:
            return Wish::stay_out;
        case TargetState::unknown:
            break;
    }
    return Wish::none;
}

}  // namespace rota::instance
