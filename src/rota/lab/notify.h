#pragma once

#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::lab {

/// What a process told its service manager. @source sd_notify(3).
struct Notification {
    bool is_ready = false;
    bool is_stopping = false;
    std::string status;  ///< empty: not said
};

Notification parse_notification(std::string_view text);

/// The lab stands in for systemd: a socket whose path a child gets as NOTIFY_SOCKET.
class NotifySocket {
public:
    /// @errors io; config when the path is longer than a socket's name may be.
    static Result<NotifySocket> create(std::string path);

    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Takes one waiting message; false when there is none.
    bool receive(Notification& notification) const;

private:
    Fd socket_;
    std::string path_;
};

}  // namespace rota::lab
