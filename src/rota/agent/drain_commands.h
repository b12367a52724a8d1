#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rota::agent {

enum class DrainMoment : std::uint8_t {
    begin,  ///< the first record set is being deleted: time to say "Connection: close"
    end,    ///< nobody drains any more: all are out, or in again
};

std::string_view to_string(DrainMoment moment) noexcept;

/// Run the operator's command of that moment; the answer is DrainCommandEnded.
struct RunDrainCommand {
    DrainMoment moment = DrainMoment::begin;
    std::string reason;  ///< why the instance leaves, one line
};

struct DrainCommandEnded {
    DrainMoment moment = DrainMoment::begin;
    std::string problem;  ///< empty: it ended with 0
};

/// What the commands have been told. They run one after the other; moments that pass while one
/// runs are left out in pairs.
struct DrainCommands {
    bool has_begun = false;
    bool is_out = false;  ///< a command runs
    std::optional<DrainMoment> due;
};

}  // namespace rota::agent
