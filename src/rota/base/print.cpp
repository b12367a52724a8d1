#include "rota/base/print.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "rota/base/error.h"

namespace rota {
namespace {

std::atomic<int>& output_errno() noexcept {
    static std::atomic<int> number{0};
    return number;
}

void remember(int number) noexcept {
    int none = 0;
    output_errno().compare_exchange_strong(none, number);
}

}  // namespace

void put_text(std::FILE* stream, std::string_view text) noexcept {
    const bool is_written = std::fwrite(text.data(), 1, text.size(), stream) == text.size();
    if (!is_written && stream == stdout) {
        remember(errno);
    }
}

void flush(std::FILE* stream) noexcept {
    if (std::fflush(stream) != 0 && stream == stdout) {
        remember(errno);
    }
}

Status flush_output() {
    flush(stdout);
    if (std::ferror(stdout) != 0) {
        remember(EIO);  // written by somebody else
    }
    if (const int number = output_errno(); number != 0) {
        return fail_errno("cannot write to standard output", number);
    }
    return {};
}

void guard_standard_streams() noexcept {
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): cannot fail for SIGPIPE
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) {
            // Open for the other direction: using it still fails. The lowest free number is this.
            // It stays open until the end, as the standard streams do.
            ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

}  // namespace rota
