#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"

// How the state is shown: as one line of JSON (`rota status --json`, the socket) and as lines for
// people. The JSON's fields are documented in docs/agent.md.
namespace rota::agent {

/// One line, without the newline.
std::string status_json(const State& state, BootTime now);

/// What a reader of status_json needs to show.
struct RotaView {
    std::string label;  ///< "www.example.com. A i-0abc"
    std::string phase;
    std::string text;
    std::string record;  ///< "192.0.2.1 weight 10 TTL 60 s"; empty when nothing is stored
    std::string zone;
    std::string name;
    std::string type;
    std::string set_identifier;
    std::string held;  ///< why it stays in whatever the absences; empty: it does not
    std::string load;  ///< what load makes of its weight, and why; empty: nothing
};

struct StatusView {
    bool is_leaving = false;
    std::vector<std::string> absences;  ///< "maintenance", in words as in JSON
    std::optional<int> exit_status;
    std::optional<std::chrono::seconds> margin;    ///< an agent of before says neither
    std::optional<std::chrono::seconds> deadline;  ///< of a leave
    std::string error;                             ///< the request failed; nothing else is set
    std::vector<RotaView> rotas;
};

/// Nothing when the text is not such a line.
std::optional<StatusView> parse_status(std::string_view json);

/// What a line on the socket asks for. Who asks is root, or the agent's own user.
struct SocketRequest {
    enum class Kind : std::uint8_t { status, leave, drain, resume };
    Kind kind = Kind::status;
    std::optional<std::chrono::seconds> drain_for;
    std::string reason;
    bool takes_last = false;
};

/// Reads {"command":"drain","seconds":600,"reason":"…","last":"remove"}; `command` alone is enough.
/// @errors bad_input: names what is wrong.
Result<SocketRequest> parse_request(std::string_view json);

/// The line that parse_request reads back.
std::string request_json(const SocketRequest& request);

/// {"error":"…"}: what the socket answers to a request that failed.
std::string error_json(const Error& error);

/// "www.example.com. A i-0abc".
std::string label_of(const Member& member);

/// The whole state in one short line, for systemctl status and the terminal.
std::string summary(const State& state, BootTime now);

/// As summary(), from a view.
std::string summary(const StatusView& view);

}  // namespace rota::agent
