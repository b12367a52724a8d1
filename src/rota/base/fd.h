#pragma once

#include <utility>

namespace rota {

/// Owns a file descriptor and closes it.
class Fd {
public:
    Fd() noexcept = default;

    explicit Fd(int number) noexcept : number_{number} {}

    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;

    Fd(Fd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}

    Fd& operator=(Fd&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }

    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return number_; }

    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

    /// Gives the descriptor away; the caller closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

    void reset() noexcept;

private:
    int number_ = -1;
};

}  // namespace rota
