#include "rota/sweeper/runtime.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <expected>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/base/print.h"
#include "rota/base/sd_notify.h"
#include "rota/dns/types.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/sweeper/counters.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/memory.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/report.h"
#include "rota/sweeper/watch.h"

namespace rota::sweeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kProbeTimeout{2};
// A lease that is renewed at the last moment is not asked for in vain.
constexpr milliseconds kAfterLease{50};

/// Says the same thing once, and when it has passed.
class Complaints {
public:
    void hear(const std::string& source, const Status& status, Counters& counters,
              std::string_view event = "cannot ask") {
        const auto known = said_.find(source);
        if (status) {
            if (known != said_.end()) {
                log::info("works again", {{"source", source}});
                said_.erase(known);
            }
            return;
        }
        counters.count_error(source.substr(0, source.find(' ')));
        const std::string& message = status.error().message;
        if (known == said_.end() || known->second != message) {
            log::warning(event, {{"source", source}, {"error", message}});
            said_.insert_or_assign(source, message);
        }
    }

private:
    std::map<std::string, std::string, std::less<>> said_;
};

/// The sweep itself, in a thread of its own: it blocks for seconds.
class Sweeper {
public:
    Sweeper(const Options& options, const Access& access, std::unique_ptr<FleetSource> fleet,
            Counters& counters)
        : options_{options}, fleet_{std::move(fleet)}, counters_{counters} {
        for (const Rota& rota : options.rotas) {
            watches_.push_back(
                std::make_unique<Watch>(rota, access, options.settings, options.probe_template));
        }
        if (!options.memory.empty()) {
            recall();
        }
    }

    void run(const std::stop_token& stop);
    Result<int> run_once(const std::stop_token& stop);

private:
    void recall();
    void remember();
    void look(BootTime now);
    void poll_fleet(BootTime now);
    std::vector<Swept> sweep(BootTime now);
    void tell(const Watch& watch, const Sweeping& sweeping);
    void tell_kept(const Watch& watch, const std::vector<Sweeping>& sweepings);
    void count(const Watch& watch, const std::vector<Sweeping>& sweepings);
    void show_news(const std::vector<Swept>& swept);
    void tell_ready();
    void wait_until(BootTime then, const std::stop_token& stop);
    [[nodiscard]] BootTime next_tick(BootTime next_probe) const;

    [[nodiscard]] milliseconds probe_timeout() const {
        return std::min<milliseconds>(kProbeTimeout, options_.probe_interval);
    }

    const Options& options_;
    std::unique_ptr<FleetSource> fleet_;
    Counters& counters_;
    Complaints complaints_;
    std::vector<std::unique_ptr<Watch>> watches_;
    std::map<const Watch*, Error> errors_;  ///< of the last look
    std::optional<MemoryFile> memory_;
    std::optional<BootTime> polled_;
    BootTime next_poll_;
    unsigned poll_failures_ = 0;  ///< in a row
    std::set<std::string> told_;  ///< members and what keeps them
    std::string shown_;           ///< dry runs: the last plan
    bool is_ready_ = false;
    std::mutex mutex_;
    std::condition_variable_any changed_;
};

std::string label_of(const Watch& watch) {
    return fmt::format("{} {}", watch.rota().name.to_text(), dns::to_string(watch.rota().type));
}

void Sweeper::recall() {
    memory_.emplace(options_.memory);
    auto remembered = memory_->read(boot_now());
    if (!remembered) {
        log::warning("begins anew: what was remembered cannot be used",
                     {{"error", remembered.error().message}});
        return;
    }
    for (const auto& watch : watches_) {
        if (const auto found = remembered->rotas.find(key_of(watch->rota()));
            found != remembered->rotas.end()) {
            watch->recall(std::move(found->second));
        }
    }
    if (const auto polled = remembered->polled) {
        polled_ = polled;
        next_poll_ = *polled + options_.settings.interval;
    }
}

void Sweeper::remember() {
    if (!memory_ || options_.dry_run) {
        return;
    }
    std::map<std::string, const RotaMemory*, std::less<>> memories;
    for (const auto& watch : watches_) {
        memories.emplace(key_of(watch->rota()), &watch->memory());
    }
    complaints_.hear("memory", memory_->write(memories, polled_), counters_, "cannot remember");
}

void Sweeper::look(BootTime now) {
    errors_.clear();
    for (const auto& watch : watches_) {
        const Status read = watch->read(now);
        complaints_.hear("records " + label_of(*watch), read, counters_);
        if (!read) {
            errors_.insert_or_assign(watch.get(), read.error());
            continue;
        }
        complaints_.hear("leases " + label_of(*watch), watch->ask_leases(now), counters_);
    }
}

void Sweeper::poll_fleet(BootTime now) {
    if (fleet_ == nullptr) {
        return;
    }
    std::set<std::string> members;
    for (const auto& watch : watches_) {
        std::ranges::move(watch->owned(), std::inserter(members, members.end()));
    }
    const auto fleet = fleet_->poll(std::vector<std::string>{members.begin(), members.end()});
    // An API that throttles is asked ever more rarely, up to every sixteenth interval.
    constexpr unsigned kMostDoublings = 4;
    poll_failures_ = fleet ? 0 : std::min(poll_failures_ + 1, kMostDoublings);
    next_poll_ = now + options_.settings.interval * (1U << poll_failures_);
    complaints_.hear("fleet", fleet ? Status{} : Status{std::unexpected(fleet.error())}, counters_);
    if (fleet) {
        polled_ = now;
        for (const auto& watch : watches_) {
            watch->see(*fleet, now);
        }
    }
}

std::vector<Swept> Sweeper::sweep(BootTime now) {
    std::vector<Swept> swept;
    for (const auto& watch : watches_) {
        Swept one{.watch = watch.get(), .sweepings = {}, .error = {}};
        if (const auto error = errors_.find(watch.get()); error != errors_.end()) {
            one.error = error->second.message;
        } else {
            one.sweepings = watch->sweep(options_.dry_run, now);
            for (const Sweeping& sweeping : one.sweepings) {
                tell(*watch, sweeping);
            }
            tell_kept(*watch, one.sweepings);
            count(*watch, one.sweepings);
        }
        swept.push_back(std::move(one));
    }
    return swept;
}

void Sweeper::tell(const Watch& watch, const Sweeping& sweeping) {
    if (sweeping.outcome == Outcome::planned) {
        return;
    }
    const Decision& decision = sweeping.decision;
    const bool is_done = sweeping.outcome == Outcome::removed || sweeping.outcome == Outcome::gone;
    const std::string_view event = sweeping.outcome == Outcome::removed ? "removed a dead member"
                                   : sweeping.outcome == Outcome::gone
                                       ? "a dead member was removed by somebody else"
                                       : "could not remove a dead member";
    // The error, where there is one, is the end of the reason.
    const std::string reason = is_done || sweeping.error.empty()
                                   ? decision.reason
                                   : fmt::format("{}; {}", decision.reason, sweeping.error);
    log::write(is_done ? log::Level::info : log::Level::warning, event,
               {{"name", watch.rota().name.to_text()},
                {"type", dns::to_string(watch.rota().type)},
                {"set_identifier", decision.set_identifier},
                {"address", decision.values.empty() ? "" : decision.values.front()},
                {"reason", reason},
                {"dangled_seconds", std::chrono::duration<double>{decision.dangled}.count()}});
}

void Sweeper::tell_kept(const Watch& watch, const std::vector<Sweeping>& sweepings) {
    const std::string label = label_of(watch);
    std::set<std::string> now_told;
    for (const Sweeping& sweeping : sweepings) {
        const Decision& decision = sweeping.decision;
        if (decision.verdict == Verdict::remove) {
            continue;
        }
        std::string key =
            fmt::format("{} {} {}", label, decision.set_identifier, to_string(decision.verdict));
        const bool is_news = !told_.contains(key);
        now_told.insert(std::move(key));
        if (is_news) {
            const bool is_dead =
                decision.verdict == Verdict::last || decision.verdict == Verdict::cap;
            log::write(is_dead ? log::Level::warning : log::Level::info,
                       is_dead ? "a dead member stays" : "a witness against a member",
                       {{"name", watch.rota().name.to_text()},
                        {"type", dns::to_string(watch.rota().type)},
                        {"set_identifier", decision.set_identifier},
                        {"reason", decision.reason}});
        }
    }
    std::erase_if(told_, [&label](const std::string& key) { return key.starts_with(label + " "); });
    told_.merge(now_told);
}

void Sweeper::count(const Watch& watch, const std::vector<Sweeping>& sweepings) {
    counters_.of(watch.rota().name.to_text(), std::string{dns::to_string(watch.rota().type)},
                 [&](Counters::OfRota& of) {
                     of.members = watch.memory().members.size();
                     of.suspects = sweepings.size();
                     of.kept = 0;
                     for (const Sweeping& sweeping : sweepings) {
                         const Verdict verdict = sweeping.decision.verdict;
                         if (verdict == Verdict::last || verdict == Verdict::cap) {
                             ++of.kept;
                         }
                         if (sweeping.outcome == Outcome::removed) {
                             ++of.removals;
                             of.dangled += sweeping.decision.dangled;
                         } else if (sweeping.outcome == Outcome::failed) {
                             ++of.failures;
                         }
                     }
                 });
}

void Sweeper::tell_ready() {
    const bool is_read =
        std::ranges::all_of(watches_, [](const auto& watch) { return watch->was_read(); });
    if (!is_ready_ && is_read) {
        is_ready_ = true;
        const std::string status =
            fmt::format("watches {} rota{}", watches_.size(), watches_.size() == 1 ? "" : "s");
        sd_notify::ready(status);
        log::info("ready", {{"rotas", watches_.size()}});
    }
}

void Sweeper::wait_until(BootTime then, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    const auto left = std::max(BootTime::duration{0}, then - boot_now());
    changed_.wait_for(lock, stop, left, [] { return false; });
}

BootTime Sweeper::next_tick(BootTime next_probe) const {
    BootTime next = next_probe;
    for (const auto& watch : watches_) {
        if (const auto end = watch->next_lease_end(); end && *end + kAfterLease > boot_now()) {
            next = std::min(next, *end + kAfterLease);
        }
    }
    return next;
}

/// A dry run decides the same again and again: shown is what has changed.
void Sweeper::show_news(const std::vector<Swept>& swept) {
    std::string news;
    for (const Swept& one : swept) {
        for (const Sweeping& sweeping : one.sweepings) {
            news +=
                fmt::format("{} {} {}\n", label_of(*one.watch), sweeping.decision.set_identifier,
                            to_string(sweeping.decision.verdict));
        }
    }
    if (news == shown_) {
        return;
    }
    shown_ = std::move(news);
    put_text(stdout, options_.json ? report_json(swept, true) + "\n" : report_text(swept, true));
    flush(stdout);
}

void Sweeper::run(const std::stop_token& stop) {
    BootTime next_probe = boot_now();
    while (!stop.stop_requested()) {
        const BootTime now = boot_now();
        look(now);
        if (now >= next_poll_) {
            poll_fleet(now);
        }
        if (now >= next_probe) {
            for (const auto& watch : watches_) {
                watch->probe(probe_timeout());
            }
            next_probe = std::max(now + options_.probe_interval, boot_now());
        }
        if (stop.stop_requested()) {
            return;
        }
        const std::vector<Swept> swept = sweep(boot_now());
        remember();
        tell_ready();
        if (options_.dry_run) {
            show_news(swept);
        }
        wait_until(next_tick(next_probe), stop);
    }
}

Result<int> Sweeper::run_once(const std::stop_token& stop) {
    constexpr seconds kBetween{1};
    look(boot_now());
    poll_fleet(boot_now());
    bool has_failed = true;
    // What a threshold and two polls need, if need be.
    const unsigned most = std::max(2U, options_.settings.fall);
    for (unsigned round = 0; round < most && (has_failed || round < 2); ++round) {
        if (round > 0) {
            wait_until(boot_now() + kBetween, stop);
        }
        if (stop.stop_requested()) {
            return EX_TEMPFAIL;
        }
        has_failed = false;
        for (const auto& watch : watches_) {
            has_failed = watch->probe(probe_timeout()) || has_failed;
        }
        if (round == 1) {
            poll_fleet(boot_now());
        }
    }
    const std::vector<Swept> swept = sweep(boot_now());
    remember();
    put_text(stdout, options_.json ? report_json(swept, options_.dry_run) + "\n"
                                   : report_text(swept, options_.dry_run));
    if (!errors_.empty()) {
        return std::unexpected(errors_.begin()->second);
    }
    for (const Swept& one : swept) {
        for (const Sweeping& sweeping : one.sweepings) {
            if (sweeping.outcome == Outcome::failed) {
                return fail(ErrorKind::unavailable, sweeping.error, true);
            }
        }
    }
    return EX_OK;
}

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

Result<Fd> block_signals() {
    sigset_t wanted{};
    ::sigemptyset(&wanted);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        ::sigaddset(&wanted, number);
    }
    // Before the first thread, so that every thread inherits it.
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    Fd signals{::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!signals) {
        return fail_errno("signalfd", errno);
    }
    return signals;
}

}  // namespace

Result<int> run(const Options& options, const Access& access, std::unique_ptr<FleetSource> fleet) {
    const Fd signals = ROTA_TRY(block_signals());
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
