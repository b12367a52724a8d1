#include "rota/agent/readiness.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::agent {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kExec = "exec:";

int milliseconds_until(BootTime deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - boot_now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

std::string errno_text(int number) {
    return std::generic_category().message(number);
}

ReadinessChecked check_http(const std::string& text, milliseconds timeout) {
    const auto url = http::parse_url(text);
    if (!url) {
        return {.passed = false, .detail = url.error().message};
    }
    http::ClientOptions options;  // no proxy: the application is on this machine
    options.total_timeout = timeout;
    http::Client client{options};
    http::Request request;
    request.target = url->path + (url->query.empty() ? "" : "?" + url->query);
    const auto response = client.send(*url, request);
    if (!response) {
        return {.passed = false, .detail = response.error().message};
    }
    constexpr int kFirstGood = 200;
    constexpr int kFirstBad = 400;
    return {.passed = response->status >= kFirstGood && response->status < kFirstBad,
            .detail = fmt::format("{} answers {}", text, response->status)};
}

/// "host:port" or "[::1]:port" as getaddrinfo wants it; the port was checked by parse_readiness.
std::pair<std::string, std::string> split_host(std::string_view text) {
    const auto colon = text.rfind(':');
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    return {std::string{host}, std::string{text.substr(colon + 1)}};
}

/// 0, or the errno of the failure.
int connect_by(const addrinfo& address, BootTime deadline) {
    const Fd socket{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) {
        return errno;
    }
    if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    pollfd waiting{.fd = socket.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&waiting, 1, milliseconds_until(deadline)) != 1) {
        return ETIMEDOUT;
    }
    int result = 0;
    socklen_t size = sizeof result;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &result, &size) != 0) {
        return errno;
    }
    return result;
}

ReadinessChecked check_tcp(const std::string& text, milliseconds timeout) {
    const auto [host, port] = split_host(text);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int status = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); status != 0) {
        return {.passed = false, .detail = fmt::format("{}: {}", text, ::gai_strerror(status))};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
    const BootTime deadline = boot_now() + timeout;
    int result = 0;
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
        result = connect_by(*address, deadline);
        if (result == 0) {
            return {.passed = true, .detail = text + " accepts connections"};
        }
    }
    return {.passed = false, .detail = fmt::format("{}: {}", text, errno_text(result))};
}

/// Starts a shell in a process group of its own, with no signals blocked. @returns 0 or an errno.
// NOLINTNEXTLINE(misc-include-cleaner): pid_t is <spawn.h>'s; <time.h> came first
int start_shell(const std::string& command, pid_t& child) {
    posix_spawnattr_t attributes{};
    posix_spawn_file_actions_t files{};
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&files);
    sigset_t none{};
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = command;
    std::array<char*, 4> arguments{shell.data(), option.data(), text.data(), nullptr};
    const int result =
        ::posix_spawn(&child, "/bin/sh", &files, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    return result;
}

ReadinessChecked check_exec(const std::string& command, milliseconds timeout) {
    pid_t child = -1;
    if (const int result = start_shell(command, child); result != 0) {
        return {.passed = false, .detail = "cannot start /bin/sh: " + errno_text(result)};
    }
    const Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0U))};
    pollfd waiting{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    const bool is_late = pidfd && ::poll(&waiting, 1, static_cast<int>(timeout.count())) == 0;
    if (is_late) {
        ::kill(-child, SIGKILL);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (is_late) {
        return {.passed = false,
                .detail = fmt::format("'{}' took longer than {} ms", command, timeout.count())};
    }
    if (WIFEXITED(status)) {
        return {.passed = WEXITSTATUS(status) == 0,
                .detail = fmt::format("'{}' ended with {}", command, WEXITSTATUS(status))};
    }
    return {.passed = false,
            .detail = fmt::format("'{}' was killed by signal {}", command, WTERMSIG(status))};
}

}  // namespace

Result<ReadinessConfig> parse_readiness(std::string_view text) {
    using Kind = ReadinessConfig::Kind;
    if (text.starts_with("http://") || text.starts_with("https://")) {
        ROTA_TRY(http::parse_url(text));
        return ReadinessConfig{.kind = Kind::http, .text = std::string{text}};
    }
    if (text.starts_with(kTcp)) {
        const std::string_view target = text.substr(kTcp.size());
        const auto colon = target.rfind(':');
        const bool has_port =
            colon != std::string_view::npos && colon > 0 && colon + 1 < target.size() &&
            target.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
        if (has_port) {
            return ReadinessConfig{.kind = Kind::tcp, .text = std::string{target}};
        }
    }
    if (text.starts_with(kExec) && text.size() > kExec.size()) {
        return ReadinessConfig{.kind = Kind::exec, .text = std::string{text.substr(kExec.size())}};
    }
    return fail(ErrorKind::config,
                fmt::format("readiness check '{}' is none of http://…, https://…, tcp://HOST:PORT, "
                            "exec:COMMAND",
                            text));
}

ReadinessChecked check_readiness(const ReadinessConfig& config, milliseconds timeout) {
    switch (config.kind) {
        case ReadinessConfig::Kind::http:
            return check_http(config.text, timeout);
        case ReadinessConfig::Kind::tcp:
            return check_tcp(config.text, timeout);
        case ReadinessConfig::Kind::exec:
            return check_exec(config.text, timeout);
        case ReadinessConfig::Kind::none:
            break;
    }
    return {.passed = true, .detail = "no check is configured"};
}

}  // namespace rota::agent
