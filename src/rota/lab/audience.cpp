#include "rota/lab/audience.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {
Audience::~Audience() {
    loop_.forget(output_watch_);
    loop_.forget(exit_watch_);
}

Status Audience::start(const Stage& stage, const RunSettings& settings) {
    log_path_ = stage.directory + "/clients.log";
    child_ = ROTA_TRY(
        Child::start({.name = "the clients",
                      .arguments = {"lab-clients", "--dns", stage.dns_address, "--name",
                                    settings.name, "--port", fmt::format("{}", stage.service_port),
                                    "--resolvers", fmt::format("{}", settings.resolvers), "--zipf",
                                    fmt::format("{}", settings.zipf), "--users",
                                    fmt::format("{}", settings.users), "--keep-ms",
                                    fmt::format("{}", settings.keep.count()), "--seed",
                                    fmt::format("{}", settings.seed)},
                      .environment = Stage::bare_environment(),
                      .log_path = log_path_,
                      .with_stdin = true,
                      .with_stdout = true}));
    output_.emplace(child_.stdout_fd());
    output_watch_ = loop_.watch(child_.stdout_fd(), EventLoop::kReadable,
                                [this](std::uint32_t) { on_output(); });
    return {};
}

void Audience::on_output() {
    if (!output_) {
        return;
    }
    const bool is_open = output_->read([this](std::string_view line) {
        if (const auto report = parse_clients_report(line)) {
            listener_.reported(*report);
        }
    });
    // The last report comes before the end of the pipe, so the end of the process is looked at
    // after.
    if (!is_open) {
        loop_.forget(std::exchange(output_watch_, 0));
        exit_watch_ = loop_.watch(child_.exit_fd(), EventLoop::kReadable, [this](std::uint32_t) {
            loop_.forget(std::exchange(exit_watch_, 0));
            listener_.ended(child_.reap());
        });
    }
}

void Audience::set_rate(double requests_a_second) {
    child_.tell(fmt::format("rate {:.3f}\n", requests_a_second));
}

void Audience::stop() {
    child_.tell("stop\n");
    child_.close_stdin();
}

}  // namespace rota::lab
