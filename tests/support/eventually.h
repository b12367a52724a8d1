#pragma once

#include <chrono>
#include <thread>

namespace rota::test {

/// Waits for a condition, looking again each millisecond. @returns false when the time is up.
template <typename Condition>
bool eventually(const Condition& condition,
                std::chrono::milliseconds patience = std::chrono::seconds{5}) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

}  // namespace rota::test
