#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "rota/agent/weighing.h"
#include "rota/instance/load.h"

namespace rota::agent {

/// All of an instance's load sources. One thread at a time.
class LoadMeters {
public:
    explicit LoadMeters(std::span<const instance::LoadSource> sources);

    /// Looks at each once, one after the other; a command or a URL gets `timeout`.
    Measured operator()(std::chrono::milliseconds timeout);

private:
    std::vector<instance::LoadMeter> meters_;
};

}  // namespace rota::agent
