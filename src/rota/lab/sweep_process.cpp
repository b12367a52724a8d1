#include "rota/lab/sweep_process.h"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/group_process.h"
#include "rota/lab/metadata.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {

SweepProcess::~SweepProcess() {
    loop_.forget(exit_watch_);
}

Status SweepProcess::start(const Stage& stage, const RunSettings& settings) {
    log_path_ = stage.directory + "/sweep.log";
    auto environment = Stage::bare_environment();
    environment["AWS_ENDPOINT_URL_ROUTE_53"] = stage.api_url;
    environment["AWS_ENDPOINT_URL_AUTO_SCALING"] = stage.group_url;
    environment["AWS_ENDPOINT_URL_EC2"] = stage.group_url;
    environment["AWS_REGION"] = InstanceFacts{}.region;
    environment["AWS_ACCESS_KEY_ID"] = stage.credentials.id;
    environment["AWS_SECRET_ACCESS_KEY"] = stage.credentials.secret;
    environment["AWS_CONFIG_FILE"] = "/dev/null";
    environment["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null";
    environment["AWS_EC2_METADATA_DISABLED"] = "true";
    child_ = ROTA_TRY(Child::start(
        {.name = "rota sweep",
         .arguments = {"sweep", "--config", "/dev/null", "--zone", stage.zone_id, "--name",
                       settings.name, "--type", "A", "--fleet", fmt::format("asg:{}", kGroupName),
                       "--probe", fmt::format("http://{{address}}:{}/healthz", stage.service_port)},
         .environment = std::move(environment),
         .log_path = log_path_,
         .with_stdin = false,
         .with_stdout = false}));
    exit_watch_ = loop_.watch(child_.exit_fd(), EventLoop::kReadable, [this](std::uint32_t) {
        loop_.forget(std::exchange(exit_watch_, 0));
        broke_(with_log("rota sweep ended with " + to_string(child_.reap()), log_path_));
    });
    return {};
}

}  // namespace rota::lab
