#pragma once

#include <span>
#include <string>
#include <vector>

#include "rota/sweeper/watch.h"

namespace rota::sweeper {

/// One rota after a pass.
struct Swept {
    const Watch* watch = nullptr;
    std::vector<Sweeping> sweepings;
    std::string error;  ///< why it could not be looked at; empty when it was
};

/// The plan for people: a line a rota, a line a member with a witness against it.
std::string report_text(std::span<const Swept> swept, bool dry_run);

/// The same as one JSON object on one line.
std::string report_json(std::span<const Swept> swept, bool dry_run);

}  // namespace rota::sweeper
