#include "rota/base/sd_notify.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "rota/base/fd.h"

namespace rota::sd_notify {
namespace {

/// A status is one line: a newline would begin the next assignment.
std::string one_line(std::string_view text) {
    std::string line{text};
    std::ranges::replace(line, '\n', ' ');
    return line;
}

}  // namespace

void ready(std::string_view status_text) {
    send(fmt::format("READY=1\nSTATUS={}", one_line(status_text)));
}

void stopping(std::string_view status_text) {
    send(fmt::format("STOPPING=1\nSTATUS={}", one_line(status_text)));
}

void status(std::string_view text) {
    send(fmt::format("STATUS={}", one_line(text)));
}

void extend_timeout(std::chrono::microseconds more) {
    send(fmt::format("EXTEND_TIMEOUT_USEC={}", more.count()));
}

bool send(std::string_view state) {
    const char* const path = ::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): read only
    if (path == nullptr || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    const std::size_t length = std::strlen(path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (length >= sizeof address.sun_path) {
        return false;
    }
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';  // the abstract name space
    }
    const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) {
        return false;
    }
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    const ssize_t sent = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), size);
    return sent == static_cast<ssize_t>(state.size());
}

}  // namespace rota::sd_notify
