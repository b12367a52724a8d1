#pragma once

#include <chrono>
#include <initializer_list>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota {

/// A signal to end that comes this soon after the first is the first again: timeout(1), a shell's
/// kill of a job and some init systems signal the process and its group. A later one is meant, by
/// somebody who will not wait.
inline constexpr std::chrono::milliseconds kSameEndSignal{500};

/// From here on the signals are read from the descriptor alone, which does not block. To be called
/// before the first thread is made, so that every thread inherits it. @errors io.
Result<Fd> receive_signals(std::initializer_list<int> numbers);

}  // namespace rota
