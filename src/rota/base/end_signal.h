#pragma once

#include <chrono>

namespace rota {

/// A signal to end that comes this soon after the first is the first again: timeout(1), a shell's
/// kill of a job and some init systems signal the process and its group. A later one is meant, by
/// somebody who will not wait.
inline constexpr std::chrono::milliseconds kSameEndSignal{500};

}  // namespace rota
