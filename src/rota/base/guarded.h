#pragma once

#include <mutex>
#include <utility>

namespace rota {

/// A value and its lock as one type: the value is reachable only while the lock is held.
template <typename T>
class Guarded {
public:
    Guarded() = default;

    explicit Guarded(T value) : value_{std::move(value)} {}

    /// Calls `use(value)` under the lock and returns what it returns.
    template <typename F>
    decltype(auto) with(F&& use) {
        const std::scoped_lock lock{mutex_};
        return std::forward<F>(use)(value_);
    }

    template <typename F>
    decltype(auto) with(F&& use) const {
        const std::scoped_lock lock{mutex_};
        return std::forward<F>(use)(value_);
    }

private:
    mutable std::mutex mutex_;
    T value_{};
};

}  // namespace rota
