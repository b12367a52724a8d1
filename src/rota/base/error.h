#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

// Expected failures are values: Result<T> on the control plane, std::expected<T, small enum> on the
// query path. Exceptions do not cross a module's boundary; libraries that throw are caught at their
// edge.
namespace rota {

enum class ErrorKind : std::uint8_t {
    usage,        ///< the command line is wrong
    bad_input,    ///< a file, packet, request or response cannot be understood
    config,       ///< a setting is missing, unknown or out of range
    not_found,    ///< the named thing does not exist
    conflict,     ///< the thing is not in the state that the request needs
    permission,   ///< credentials are missing, wrong or not allowed to do this
    unavailable,  ///< a service cannot be reached or refuses to work now
    timeout,      ///< a deadline passed
    io,           ///< the operating system failed us
    internal,     ///< a bug
};

/// The kind's name as used in logs and JSON, for example "bad_input".
std::string_view to_string(ErrorKind kind) noexcept;

struct Error {
    ErrorKind kind = ErrorKind::internal;
    /// Names the thing, the place and the way out; one line, no trailing full stop, no secrets.
    std::string message;
    /// True when the same request may succeed later without anybody changing anything.
    bool retryable = false;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, bool retryable = false) {
    return std::unexpected(Error{kind, std::move(message), retryable});
}

/// The error of a failed system call: `what` plus strerror(number); `retryable` for EAGAIN, EINTR
/// and the like.
std::unexpected<Error> fail_errno(std::string_view what, int number);

/// The exit status of sysexits.h that tells a shell script what went wrong (usage 64, data 65,
/// unavailable 69, …, 75 try again).
int exit_status(const Error& error) noexcept;

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace rota

/// Checks an invariant in every build; a broken one is a bug and ends the process.
#define ROTA_ASSERT(expression)          \
    ((expression) ? static_cast<void>(0) \
                  : ::rota::assertion_failed(#expression, __FILE__, __LINE__))

/// Evaluates to the value of a std::expected, or returns its error from the enclosing function.
#define ROTA_TRY(expression)                                            \
    __extension__({                                                     \
        auto rota_try_result = (expression);                            \
        if (!rota_try_result) {                                         \
            return std::unexpected(std::move(rota_try_result).error()); \
        }                                                               \
        std::move(rota_try_result).value();                             \
    })

/// As ROTA_TRY for a std::expected<void, E>.
#define ROTA_CHECK(expression)                                            \
    do {                                                                  \
        if (auto rota_check_result = (expression); !rota_check_result) {  \
            return std::unexpected(std::move(rota_check_result).error()); \
        }                                                                 \
    } while (false)
