#include "rota/cli/follow.h"

#include <chrono>
#include <cstdio>
#include <expected>
#include <string>
#include <string_view>

#include "rota/agent/config.h"
#include "rota/agent/status.h"
#include "rota/agent/status_socket.h"
#include "rota/agent/voice.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/print.h"

namespace rota::cli {

Result<int> follow_agent(const agent::Config& config, const agent::SocketRequest& request,
                         std::string_view opening, const Ended& ended) {
    constexpr std::chrono::seconds kInterval{1};
    constexpr std::chrono::seconds kPatience{5};
    agent::AgentConnection connection = ROTA_TRY(agent::AgentConnection::open(config.socket));
    agent::Voice voice{config.json};
    ROTA_CHECK(connection.send_line(agent::request_json(request)));
    std::string shown;
    for (BootTime heard = boot_now(); boot_now() - heard < kPatience;) {
        const auto line = connection.read_line(kInterval);
        if (!line && line.error().kind == ErrorKind::timeout) {
            ROTA_CHECK(connection.send_line(agent::request_json({})));
            continue;
        }
        if (!line) {
            return std::unexpected(line.error());
        }
        heard = boot_now();
        const auto view = agent::parse_status(*line);
        if (!view) {
            return fail(ErrorKind::bad_input, "the agent's answer cannot be understood");
        }
        if (!view->error.empty()) {
            return fail(ErrorKind::conflict, "the agent refuses: " + view->error);
        }
        const std::string text = summary(*view);
        if (const auto status = ended(*view)) {
            voice.line(log::Level::info, text);
            if (config.json) {
                put(stdout, "{}\n", *line);
            }
            return *status;
        }
        if (shown.empty()) {
            voice.line(log::Level::info, opening);
        }
        shown = text;
        voice.progress(text, boot_now());
    }
    return fail(ErrorKind::timeout, "the agent does not answer any more; last heard: " + shown);
}

}  // namespace rota::cli
