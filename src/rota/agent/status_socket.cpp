#include "rota/agent/status_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota::agent {
namespace {

constexpr std::size_t kLongestRequest = 4096;
constexpr std::size_t kMostConnections = 32;
constexpr int kBacklog = 16;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return fail(ErrorKind::config,
                    fmt::format("socket path '{}' is empty or longer than {} characters", path,
                                sizeof address.sun_path - 1));
    }
    std::memcpy(&address.sun_path[0], path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<Fd> connect_to(const std::string& path) {
    const sockaddr_un address = ROTA_TRY(address_of(path));
    Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket) {
        return fail_errno("socket", errno);
    }
    if (::connect(socket.get(), generic(address), sizeof address) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) {
            return fail(ErrorKind::not_found, fmt::format("no agent answers at {}", path));
        }
        return fail_errno(path, errno);
    }
    return socket;
}

bool send_all(int socket, std::string_view text, int flags) {
    while (!text.empty()) {
        const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL | flags);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<StatusSocket>> StatusSocket::open(const std::string& path, Respond respond) {
    const sockaddr_un address = ROTA_TRY(address_of(path));
    if (connect_to(path)) {
        return fail(ErrorKind::conflict,
                    fmt::format("another agent answers at {}: stop it, or give this one a --socket "
                                "of its own",
                                path));
    }
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), ignored);
    ::unlink(path.c_str());
    Fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!listener) {
        return fail_errno("socket", errno);
    }
    const mode_t before = ::umask(0177);  // no moment at which others could connect
    const int bound = ::bind(listener.get(), generic(address), sizeof address);
    const int number = errno;
    ::umask(before);
    if (bound != 0) {
        return fail_errno(path, number);
    }
    if (::listen(listener.get(), kBacklog) != 0) {
        return fail_errno(path, errno);
    }
    return std::unique_ptr<StatusSocket>{
        new StatusSocket{path, std::move(listener), std::move(respond)}};
}

StatusSocket::StatusSocket(std::string path, Fd listener, Respond respond)
    : path_{std::move(path)}, listener_{std::move(listener)}, respond_{std::move(respond)} {}

StatusSocket::~StatusSocket() {
    ::unlink(path_.c_str());
}

void StatusSocket::add_to(std::vector<pollfd>& watched) const {
    watched.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
    for (const Connection& connection : connections_) {
        watched.push_back({.fd = connection.socket.get(), .events = POLLIN, .revents = 0});
    }
}

void StatusSocket::serve(const std::vector<pollfd>& watched) {
    const auto is_ready = [&watched](int descriptor) {
        return std::ranges::any_of(watched, [descriptor](const pollfd& entry) {
            return entry.fd == descriptor && entry.revents != 0;
        });
    };
    std::erase_if(connections_, [this, &is_ready](Connection& connection) {
        return is_ready(connection.socket.get()) && !read_from(connection);
    });
    if (is_ready(listener_.get())) {
        accept_all();
    }
}

void StatusSocket::broadcast(const std::string& line) {
    for (const Connection& connection : connections_) {
        send_all(connection.socket.get(), line + "\n", MSG_DONTWAIT);
    }
}

void StatusSocket::accept_all() {
    while (true) {
        Fd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!socket) {
            return;
        }
        ucred peer{};
        socklen_t size = sizeof peer;
        const bool is_known =
            ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
        if (is_known && connections_.size() < kMostConnections) {
            connections_.push_back({.socket = std::move(socket), .user = peer.uid, .input = {}});
        }
    }
}

bool StatusSocket::read_from(Connection& connection) {
    std::array<char, kLongestRequest> buffer{};
    const auto count = ::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (count == 0) {
        return false;
    }
    connection.input.append(buffer.data(), static_cast<std::size_t>(count));
    for (auto end = connection.input.find('\n'); end != std::string::npos;
         end = connection.input.find('\n')) {
        const std::string reply =
            respond_(std::string_view{connection.input}.substr(0, end), connection.user) + "\n";
        connection.input.erase(0, end + 1);
        if (!send_all(connection.socket.get(), reply, MSG_DONTWAIT)) {
            return false;
        }
    }
    return connection.input.size() < kLongestRequest;
}

Result<AgentConnection> AgentConnection::open(const std::string& path) {
    return AgentConnection{ROTA_TRY(connect_to(path))};
}

Status AgentConnection::send_line(std::string_view line) {
    if (!send_all(socket_.get(), fmt::format("{}\n", line), 0)) {
        return fail(ErrorKind::unavailable, "the agent closed its socket", true);
    }
    return {};
}

Result<std::string> AgentConnection::read_line(std::chrono::milliseconds timeout) {
    const BootTime deadline = boot_now() + timeout;
    while (true) {
        if (const auto end = input_.find('\n'); end != std::string::npos) {
            std::string line = input_.substr(0, end);
            input_.erase(0, end + 1);
            return line;
        }
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - boot_now()).count();
        pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return fail(ErrorKind::timeout, "the agent does not answer", true);
        }
        std::array<char, kLongestRequest> buffer{};
        const auto count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (count <= 0) {
            return fail(ErrorKind::unavailable, "the agent closed its socket", true);
        }
        input_.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

Result<std::string> ask_status(const std::string& path) {
    constexpr std::chrono::seconds kPatience{3};
    AgentConnection connection = ROTA_TRY(AgentConnection::open(path));
    ROTA_CHECK(connection.send_line(R"({"command":"status"})"));
    return connection.read_line(kPatience);
}

}  // namespace rota::agent
