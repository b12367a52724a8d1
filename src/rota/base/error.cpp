#include "rota/base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <sysexits.h>

namespace rota {

std::string_view to_string(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::usage:
            return "usage";
        case ErrorKind::bad_input:
            return "bad_input";
        case ErrorKind::config:
            return "config";
        case ErrorKind::not_found:
            return "not_found";
        case ErrorKind::conflict:
            return "conflict";
        case ErrorKind::permission:
            return "permission";
        case ErrorKind::unavailable:
            return "unavailable";
        case ErrorKind::timeout:
            return "timeout";
        case ErrorKind::io:
            return "io";
        case ErrorKind::internal:
            return "internal";
    }
    return "internal";
}

std::unexpected<Error> fail_errno(std::string_view what, int number) {
    const bool permission = number == EACCES || number == EPERM;
    const bool retryable = number == EAGAIN || number == EINTR || number == ENOBUFS ||
                           number == ENOMEM || number == EMFILE || number == ENFILE;
    return fail(permission ? ErrorKind::permission : ErrorKind::io,
                fmt::format("{}: {}", what, std::generic_category().message(number)), retryable);
}

int exit_status(const Error& error) noexcept {
    switch (error.kind) {
        case ErrorKind::usage:
            return EX_USAGE;
        case ErrorKind::bad_input:
            return EX_DATAERR;
        case ErrorKind::config:
            return EX_CONFIG;
        case ErrorKind::not_found:
            return EX_NOINPUT;
        case ErrorKind::conflict:
            return EX_CANTCREAT;
        case ErrorKind::permission:
            return EX_NOPERM;
        case ErrorKind::unavailable:
            return EX_UNAVAILABLE;
        case ErrorKind::timeout:
            return EX_TEMPFAIL;
        case ErrorKind::io:
            return EX_IOERR;
        case ErrorKind::internal:
            return EX_SOFTWARE;
    }
    return EX_SOFTWARE;
}

void assertion_failed(const char* expression, const char* file, int line) noexcept {
    std::fputs(file, stderr);
    std::fprintf(stderr, ":%d: broken invariant: %s\n", line, expression);  // NOLINT: last words
    std::abort();
}

}  // namespace rota
