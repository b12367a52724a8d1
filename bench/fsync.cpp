// bench_fsync FILE COUNT: what a durable write costs here at least: 4 KiB appended and fsync'ed,
// COUNT times. Prints JSON, µs.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: bench_fsync FILE COUNT\n", stderr);
        return 64;
    }
    const int fd = ::open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::array<char, 4096> block{};
    std::vector<double> took(std::clamp(std::strtoul(argv[2], nullptr, 10), 1UL, 100000UL));
    for (double& one : took) {
        const auto start = std::chrono::steady_clock::now();
        if (::write(fd, block.data(), block.size()) < 0 || ::fsync(fd) != 0) {
            std::perror("bench_fsync");
            return 74;
        }
        one = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
                  .count();
    }
    std::sort(took.begin(), took.end());
    std::printf("{\"fsync_p50_us\":%.0f,\"fsync_p99_us\":%.0f}\n", took[took.size() / 2],
                took[took.size() * 99 / 100]);
}
