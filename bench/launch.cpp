// bench_launch COMMAND [ARGUMENT…]: runs a command and prints what it cost as one JSON object on
// descriptor 3 (or standard error): wall, user and system time in ms, peak memory in KiB. A small
// process of its own, because a child's peak memory begins with that of the process it was forked
// from.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

double milliseconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: bench_launch COMMAND [ARGUMENT...]\n", stderr);
        return 64;
    }
    const auto start = std::chrono::steady_clock::now();
    const pid_t child = ::vfork();
    if (child == 0) {
        ::execvp(argv[1], argv + 1);
        ::_exit(127);
    }
    int status = 0;
    rusage used{};
    if (child < 0 || ::wait4(child, &status, 0, &used) != child) {
        std::perror("bench_launch");
        return 71;
    }
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    std::FILE* out = ::fdopen(3, "w");
    std::fprintf(
        out != nullptr ? out : stderr,
        "{\"wall_ms\":%.3f,\"user_ms\":%.3f,\"sys_ms\":%.3f,\"peak_kib\":%ld,\"status\":%d}\n",
        wall.count(), milliseconds(used.ru_utime), milliseconds(used.ru_stime), used.ru_maxrss,
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (out != nullptr) {
        std::fclose(out);
    }
    return 0;
}
