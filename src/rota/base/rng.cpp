#include "rota/base/rng.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/random.h>
#include <sys/types.h>

#include "rota/base/error.h"

namespace rota {

Rng::Rng(std::uint64_t seed) noexcept {
    for (std::uint64_t& word : state_) {  // splitmix64, as the authors of xoshiro advise
        seed += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        word = z ^ (z >> 31U);
    }
}

Rng Rng::from_entropy() noexcept {
    std::uint64_t seed = 0;
    ROTA_ASSERT(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
    return Rng{seed};
}

double Rng::exponential(double mean) noexcept {
    return -mean * std::log1p(-unit());
}

void fill_random(std::span<std::uint8_t> octets) {
    std::size_t done = 0;
    while (done < octets.size()) {
        const ssize_t got = ::getrandom(octets.data() + done, octets.size() - done, 0);
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
}

}  // namespace rota
