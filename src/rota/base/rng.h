#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace rota {

/// xoshiro256++ (Blackman and Vigna, public domain), with distributions of our own: the standard
/// library's differ between implementations, and a seed must replay everywhere. Not for secrets.
class Rng {
public:
    explicit Rng(std::uint64_t seed) noexcept;

    /// Seeded from the kernel.
    static Rng from_entropy() noexcept;

    std::uint64_t next() noexcept {
        const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t t = state_[1] << 17U;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    /// Uniform in [0, bound), bound > 0, by multiply-shift; the bias stays below bound / 2^32.
    std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
    }

    /// Uniform in [0, 1).
    double unit() noexcept { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

    /// Exponential with the given mean.
    double exponential(double mean) noexcept;

private:
    static constexpr std::uint64_t rotate(std::uint64_t x, unsigned by) noexcept {
        return (x << by) | (x >> (64U - by));
    }

    std::array<std::uint64_t, 4> state_{};
};

/// From the kernel, fit for secrets.
void fill_random(std::span<std::uint8_t> octets);

}  // namespace rota
