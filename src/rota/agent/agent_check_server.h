#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/guarded.h"

namespace rota::agent {

/// HAProxy's agent-check as a server: whoever connects gets one line and the connection's end. What
/// is sent to it (agent-send) is left aside. One thread of its own, so that no client holds
/// anything up but other clients: there are never more than a few, and none stays longer than a few
/// seconds.
class AgentCheckServer {
public:
    /// The line for a client, its "\n" included; called on the server's thread.
    using Line = std::function<std::string()>;

    /// @param address  as for show_over_http(). @errors as http::listen_tcp.
    static Result<std::unique_ptr<AgentCheckServer>> open(const std::string& address, Line line);

    ~AgentCheckServer();
    AgentCheckServer(const AgentCheckServer&) = delete;
    AgentCheckServer& operator=(const AgentCheckServer&) = delete;
    AgentCheckServer(AgentCheckServer&&) = delete;
    AgentCheckServer& operator=(AgentCheckServer&&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    /// Whether everybody who asked in the last seconds before `since` has asked again after it, and
    /// closed its end: what it had not read by then would be lost with this process.
    [[nodiscard]] bool is_heard_by_all(BootTime since) const;

    /// How long that is worth waiting for: HAProxy asks every 2 s unless told otherwise.
    static constexpr std::chrono::seconds kMemory{10};

private:
    /// One that has its line, and has not closed its end.
    struct Client {
        Fd socket;
        std::string address;
        BootTime asked;
        std::size_t heard = 0;  ///< octets
    };

    struct Asker {
        BootTime asked;  ///< the last time
        BootTime heard;  ///< when it asked for what it has heard
    };

    AgentCheckServer(Fd listener, Line line);
    void run(const std::stop_token& stop);
    /// @returns false when nothing more can be accepted for a while.
    bool accept_all();
    void answer(Fd socket, std::string address);
    void note_end(const Client& client);

    Fd listener_;
    Fd wake_;
    Line line_;
    std::uint16_t port_;
    std::deque<Client> clients_;                    ///< in order of arrival
    Guarded<std::map<std::string, Asker>> askers_;  ///< by address; few
    std::jthread thread_;                           // last: it uses the others
};

}  // namespace rota::agent
