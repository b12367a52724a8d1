#include "rota/lab/group_process.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {

GroupProcess::~GroupProcess() {
    loop_.forget(output_watch_);
    loop_.forget(exit_watch_);
}

Status GroupProcess::start(const Stage& stage, const RunSettings& settings) {
    log_path_ = stage.directory + "/group.log";
    auto environment = Stage::bare_environment();
    environment["AWS_ACCESS_KEY_ID"] = stage.credentials.id;
    environment["AWS_SECRET_ACCESS_KEY"] = stage.credentials.secret;
    child_ = ROTA_TRY(Child::start(
        {.name = "the group",
         .arguments = {"lab-group", "--listen",
                       stage.group_url.substr(std::string_view{"http://"}.size()), "--group",
                       std::string{kGroupName}, "--min", fmt::format("{}", settings.min_instances),
                       "--max", fmt::format("{}", settings.max_instances)},
         .environment = std::move(environment),
         .log_path = log_path_,
         .with_stdin = true,
         .with_stdout = true}));
    output_.emplace(child_.stdout_fd());
    output_watch_ = loop_.watch(child_.stdout_fd(), EventLoop::kReadable, [this](std::uint32_t) {
        if (!output_->read([this](std::string_view line) { take(line); })) {
            loop_.forget(std::exchange(output_watch_, 0));
        }
    });
    exit_watch_ = loop_.watch(child_.exit_fd(), EventLoop::kReadable, [this](std::uint32_t) {
        loop_.forget(std::exchange(exit_watch_, 0));
        listener_.broke(with_log("the group ended with " + to_string(child_.reap()), log_path_));
    });
    return {};
}

/// "i-0123456789abcdef0 Terminating:Wait"; "ready" is nobody's state.
void GroupProcess::take(std::string_view line) {
    if (const std::size_t space = line.find(' '); space != std::string_view::npos) {
        listener_.changed(line.substr(0, space), line.substr(space + 1));
    }
}

void GroupProcess::launch(std::string_view id, std::string_view address) {
    child_.tell(fmt::format("launch {} {}\n", id, address));
}

void GroupProcess::terminate(std::string_view id) {
    child_.tell(fmt::format("terminate {}\n", id));
}

void GroupProcess::gone(std::string_view id) {
    child_.tell(fmt::format("gone {}\n", id));
}

void GroupProcess::set_desired(unsigned desired) {
    child_.tell(fmt::format("desired {}\n", desired));
}

}  // namespace rota::lab
