#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>
#include <sys/types.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

// The agent's UNIX socket, mode 0600: a line of JSON in, a line of JSON out.
//   {"command":"status"} → the status line of status.h
//   {"command":"leave"}  → the same, after the leave has begun; and one more line when it has ended
//   {"command":"drain"}, {"command":"resume"} → the same, after that has begun
//   anything else → {"error":"…"}
namespace rota::agent {

/// The agent's end, driven by the loop's poll(); nothing blocks, and a client that does not read is
/// let go.
class StatusSocket {
public:
    /// Answers one request line; `user` is who asks.
    using Respond = std::function<std::string(std::string_view line, uid_t user)>;

    /// Makes the directory when it is missing (0755), removes a socket that nobody answers on.
    /// @errors conflict: another agent answers there; io, permission.
    static Result<std::unique_ptr<StatusSocket>> open(const std::string& path, Respond respond);

    /// Removes the socket's file.
    ~StatusSocket();
    StatusSocket(const StatusSocket&) = delete;
    StatusSocket& operator=(const StatusSocket&) = delete;
    StatusSocket(StatusSocket&&) = delete;
    StatusSocket& operator=(StatusSocket&&) = delete;

    void add_to(std::vector<pollfd>& watched) const;

    /// Accepts and answers what poll() reported.
    void serve(const std::vector<pollfd>& watched);

    /// Tells everyone who is connected.
    void broadcast(const std::string& line);

private:
    struct Connection {
        Fd socket;
        uid_t user = 0;
        std::string input;
    };

    StatusSocket(std::string path, Fd listener, Respond respond);
    void accept_all();
    /// @returns false when the connection is to be closed.
    bool read_from(Connection& connection);

    std::string path_;
    Fd listener_;
    Respond respond_;
    std::vector<Connection> connections_;
};

/// A client's end.
class AgentConnection {
public:
    /// @errors not_found: no agent runs there; permission, io.
    static Result<AgentConnection> open(const std::string& path);

    Status send_line(std::string_view line);

    /// @errors timeout; unavailable: the agent went away.
    Result<std::string> read_line(std::chrono::milliseconds timeout);

private:
    explicit AgentConnection(Fd socket) : socket_{std::move(socket)} {}

    Fd socket_;
    std::string input_;
};

/// Asks for the status line. @errors as AgentConnection.
Result<std::string> ask_status(const std::string& path);

}  // namespace rota::agent
