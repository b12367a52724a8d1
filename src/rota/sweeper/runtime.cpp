#include "rota/sweeper/runtime.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "rota/base/end_signal.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/base/sd_notify.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/sweeper/counters.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/sweeper.h"
#include "rota/sweeper/watch.h"

namespace rota::sweeper {
namespace {

/// Metrics and health, on the address that was asked for.
Result<std::unique_ptr<http::Server>> show_metrics(const std::string& address,
                                                   const Counters& counters) {
    std::vector<Fd> listeners;
    listeners.push_back(ROTA_TRY(http::listen_tcp(address)));
    const std::uint16_t port = http::local_port(listeners.front());
    const auto plain = [](int status, std::string body) {
        return http::Response{.status = status,
                              .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                              .body = std::move(body)};
    };
    auto server = std::make_unique<http::Server>(
        std::move(listeners), http::ServerLimits{},
        [&counters, plain](const http::Request& request, const http::Peer&) {
            const std::string_view path{request.target.data(),
                                        std::min(request.target.find('?'), request.target.size())};
            if (request.method != "GET" && request.method != "HEAD") {
                return plain(405, "");
            }
            if (path == "/metrics") {
                return plain(200, counters.text());
            }
            return path == "/healthz" ? plain(200, "ok\n") : plain(404, "");
        },
        [plain](int status) { return plain(status, ""); }, 1);
    server->start();
    log::info("shows metrics", {{"address", address}, {"port", port}});
    return server;
}

}  // namespace

Result<int> run(const Options& options, const Access& access, std::unique_ptr<FleetSource> fleet) {
    const Fd signals = ROTA_TRY(receive_signals({SIGTERM, SIGINT, SIGHUP}));
    const Fd done{::eventfd(0, EFD_CLOEXEC)};
    if (!done) {
        return fail_errno("eventfd", errno);
    }
    Counters counters;
    std::unique_ptr<http::Server> metrics;
    if (!options.metrics.empty()) {
        metrics = ROTA_TRY(show_metrics(options.metrics, counters));
    }
    if (!options.once) {
        log::info("sweeper starts", {{"version", ROTA_VERSION}, {"rotas", options.rotas.size()}});
    }
    Sweeper sweeper{options, access, std::move(fleet), counters};
    Result<int> status = EX_OK;
    std::jthread worker{[&](const std::stop_token& stop) {
        try {
            if (options.once) {
                status = sweeper.run_once(stop);
            } else {
                sweeper.run(stop);
            }
        } catch (const std::exception& error) {  // the thread's edge
            status = fail(ErrorKind::internal, error.what());
        }
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(done.get(), &one, sizeof one);
    }};
    std::vector<pollfd> watched{{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                {.fd = done.get(), .events = POLLIN, .revents = 0}};
    while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
    }
    if (watched[1].revents == 0) {
        // A deletion that is under way is done whole by the API, or not at all: nothing to wait
        // for, and a call may take seconds.
        constexpr int kPatience = 2000;  // ms
        sd_notify::stopping("ends");
        worker.request_stop();
        ::poll(&watched[1], 1, kPatience);
        if (!options.once) {
            log::info("sweeper ends", {{"finished", watched[1].revents != 0}});
        }
        if (watched[1].revents == 0) {
            std::fflush(nullptr);
            std::_Exit(options.once ? EX_TEMPFAIL : EX_OK);
        }
    }
    worker.join();
    return status;
}

}  // namespace rota::sweeper
