#include "rota/lab/notify.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::lab {

Notification parse_notification(std::string_view text) {
    Notification notification;
    constexpr std::string_view kStatus = "STATUS=";
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (line == "READY=1") {
            notification.is_ready = true;
        } else if (line == "STOPPING=1") {
            notification.is_stopping = true;
        } else if (line.starts_with(kStatus)) {
            notification.status = line.substr(kStatus.size());
        }
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    return notification;
}

Result<NotifySocket> NotifySocket::create(std::string path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path) {
        return fail(ErrorKind::config,
                    fmt::format("the path {} is too long for a socket: give --keep a shorter "
                                "directory",
                                path));
    }
    std::ranges::copy(path, std::begin(name.sun_path));
    NotifySocket result;
    result.socket_ = Fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!result.socket_ ||
        ::bind(result.socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        return fail_errno("cannot create the notification socket " + path, errno);
    }
    result.path_ = std::move(path);
    return result;
}

bool NotifySocket::receive(Notification& notification) const {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) {
        return false;
    }
    notification = parse_notification({buffer.data(), static_cast<std::size_t>(count)});
    return true;
}

}  // namespace rota::lab
