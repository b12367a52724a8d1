#include "rota/agent/runtime.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sysexits.h>
#include <unistd.h>

#include "rota/agent/absence.h"
#include "rota/agent/agent_check_server.h"
#include "rota/agent/api_share.h"
#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/errands.h"
#include "rota/agent/gain.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/maintenance.h"
#include "rota/agent/published.h"
#include "rota/agent/show.h"
#include "rota/agent/standing.h"
#include "rota/agent/status.h"
#include "rota/agent/status_socket.h"
#include "rota/agent/voice.h"
#include "rota/agent/worker.h"
#include "rota/base/clock.h"
#include "rota/base/end_signal.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/base/print.h"
#include "rota/base/resident.h"
#include "rota/base/rng.h"
#include "rota/base/sd_notify.h"
#include "rota/dns/types.h"
#include "rota/health/agent_check.h"
#include "rota/http/server.h"
#include "rota/instance/address.h"
#include "rota/instance/drain_file.h"
#include "rota/route53/client.h"

namespace rota::agent {
namespace {

using std::chrono::seconds;

// The service manager is asked for this much more, this often, while joining and leaving.
constexpr seconds kExtension{30};
constexpr seconds kExtensionInterval{10};

class Loop {
public:
    Loop(const Config& config, std::shared_ptr<const Surroundings> surroundings);

    Status open();
    int run();

private:
    Status show_itself();
    void wait_until_heard();
    void wait();
    void on_signals();
    void on_tick();
    void tell_status();
    void feed(const Event& event);
    void perform(Action action);
    void carry_out(const Say& say);
    void carry_out(const AllInService& action);
    void carry_out(const Finish& action);
    std::string respond(std::string_view line, uid_t user);
    Status obey(const SocketRequest& request, uid_t user);
    void follow_drain_file();
    void arm_timer();

    [[nodiscard]] bool is_agent() const noexcept { return config_.settings.goal == Goal::stay; }

    [[nodiscard]] bool wants_ticks() const noexcept;
    int end_now(std::string_view why);

    const Config& config_;
    std::shared_ptr<const Surroundings> surroundings_;
    State state_;
    Rng rng_ = Rng::from_entropy();
    Fd signals_;
    Fd timer_;
    std::unique_ptr<StatusSocket> socket_;
    std::optional<Maintenance> maintenance_;
    std::optional<Voice> voice_;  ///< one-shot commands; an agent writes log lines
    std::optional<int> ended_;
    std::optional<BootTime> signalled_;  ///< when the signal came that began the leave
    BootTime next_extension_;
    std::string told_status_;
    Inbox inbox_;
    Errands errands_;
    std::unique_ptr<Published> published_;  ///< nothing: nobody looks
    std::unique_ptr<http::Server> shown_;   // these use published_: they come after
    std::unique_ptr<AgentCheckServer> agent_check_;
    std::optional<BootTime> leave_published_;
};

std::vector<Membership> memberships_of(const Config& config) {
    std::vector<Membership> memberships;
    memberships.reserve(config.rotas.size());
    for (const RotaConfig& rota : config.rotas) {
        memberships.push_back({.name = rota.name,
                               .type = rota.type,
                               .weight = rota.weight,
                               .ttl = rota.ttl,
                               .zone = rota.zone,
                               .set_identifier = rota.set_identifier,
                               .address = rota.address.kind == instance::AddressKind::literal
                                              ? rota.address.text
                                              : std::string{}});
    }
    return memberships;
}

std::string_view signal_name(std::uint32_t number) {
    switch (number) {
        case SIGTERM:
            return "SIGTERM";
        case SIGINT:
            return "SIGINT";
        default:
            return "SIGHUP";
    }
}

Loop::Loop(const Config& config, std::shared_ptr<const Surroundings> surroundings)
    : config_{config},
      surroundings_{std::move(surroundings)},
      state_{initial_state(config.settings, memberships_of(config))},
      errands_{config, state_, surroundings_, inbox_} {
    state_.settings.api = surroundings_->endpoint.url;
    if (route53::is_amazons(surroundings_->endpoint)) {
        state_.settings.usual_propagation = state_.settings.assumed_propagation;
        if (state_.settings.load) {  // five requests a second an account leave no room for less
            seconds& interval = state_.settings.load->law.interval;
            interval = std::max(interval, kUsualInterval);
        }
    } else if (state_.settings.load) {
        state_.settings.load->budget.requests_per_second = kOwnServersRequests;
    }
    if (surroundings_->imds == nullptr) {
        state_.settings.watch_notices = false;  // and with them lifecycle hooks
    }
}

Status Loop::open() {
    signals_ = ROTA_TRY(receive_signals({SIGTERM, SIGINT, SIGHUP}));
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): cannot fail for SIGPIPE
    timer_ = Fd{::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (!timer_) {
        return fail_errno("timerfd", errno);
    }
    if (is_agent() && !config_.socket.empty()) {
        auto socket = StatusSocket::open(config_.socket, [this](std::string_view line, uid_t user) {
            return respond(line, user);
        });
        if (socket) {
            socket_ = std::move(*socket);
        } else if (socket.error().kind == ErrorKind::conflict) {
            return std::unexpected(std::move(socket.error()));
        } else {
            log::warning("no status socket: rota status and rota leave cannot reach this agent",
                         {{"error", socket.error().message}});
        }
    }
    if (is_agent() && !config_.drain_file.empty()) {
        maintenance_.emplace(config_.drain_file);
    }
    if (!is_agent()) {
        voice_.emplace(config_.json || config_.quiet);
    }
    return is_agent() ? show_itself() : Status{};
}

Status Loop::show_itself() {
    if (config_.metrics.empty() && config_.agent_check.empty()) {
        return {};
    }
    published_ = std::make_unique<Published>(state_);
    if (!config_.metrics.empty()) {
        shown_ = ROTA_TRY(show_over_http(config_.metrics, *published_));
    }
    if (!config_.agent_check.empty()) {
        agent_check_ =
            ROTA_TRY(AgentCheckServer::open(config_.agent_check, [&published = *published_] {
                return health::format_agent_check(agent_check_of(*published.latest(), boot_now()));
            }));
    }
    return {};
}

int Loop::run() {
    if (is_agent()) {
        log::info("agent starts", {{"version", ROTA_VERSION}, {"rotas", config_.rotas.size()}});
        errands_.read_stop_timeout();
    }
    follow_drain_file();
    feed(Started{});
    while (!ended_) {
        wait();
    }
    if (const auto exit_status = std::exchange(state_.exit_status, std::nullopt)) {
        wait_until_heard();  // only then is the end told at the socket
        state_.exit_status = exit_status;
    }
    if (socket_ != nullptr) {
        socket_->broadcast(status_json(state_, boot_now()));
        socket_.reset();
    }
    if (!is_agent() && config_.json) {
        voice_.reset();
        put(stdout, "{}\n", status_json(state_, boot_now()));
    }
    if (errands_.are_out()) {
        // A call that nobody waits for any more may block for seconds, and its thread with it.
        voice_.reset();
        std::fflush(nullptr);
        std::_Exit(*ended_);
    }
    return *ended_;
}

void Loop::wait_until_heard() {
    // A drain that is proved is over sooner than HAProxy asks, and the application ends after it.
    if (agent_check_ == nullptr || !leave_published_) {
        return;
    }
    constexpr int kBetween = 50;  // ms
    const BootTime until = *leave_published_ + AgentCheckServer::kMemory;
    while (!agent_check_->is_heard_by_all(*leave_published_) && boot_now() < until) {
        std::vector<pollfd> watched{{.fd = signals_.get(), .events = POLLIN, .revents = 0}};
        if (socket_ != nullptr) {
            socket_->add_to(watched);
        }
        if (::poll(watched.data(), watched.size(), kBetween) <= 0) {
            continue;
        }
        if (watched.front().revents != 0) {
            return;
        }
        if (socket_ != nullptr) {
            socket_->serve(watched);
        }
    }
}

void Loop::wait() {
    arm_timer();
    std::vector<pollfd> watched;
    for (const int descriptor : {signals_.get(), timer_.get(), inbox_.descriptor()}) {
        watched.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
    }
    if (maintenance_) {
        watched.push_back({.fd = maintenance_->descriptor(), .events = POLLIN, .revents = 0});
    }
    const std::size_t own = watched.size();
    if (socket_ != nullptr) {
        socket_->add_to(watched);
    }
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
        ended_ = end_now("poll failed");
        return;
    }
    on_signals();
    for (const Event& event : inbox_.take()) {
        feed(event);
    }
    if (maintenance_ && watched[own - 1].revents != 0) {
        follow_drain_file();
    }
    if (socket_ != nullptr) {
        socket_->serve(watched);
    }
    std::uint64_t expirations = 0;
    if (::read(timer_.get(), &expirations, sizeof expirations) > 0) {
        feed(Woke{});
        on_tick();
    }
}

void Loop::on_signals() {
    signalfd_siginfo info{};
    while (!ended_ && ::read(signals_.get(), &info, sizeof info) == sizeof info) {
        const std::string_view name = signal_name(info.ssi_signo);
        const BootTime now = boot_now();
        if (is_agent() && !state_.is_leaving) {
            signalled_ = now;
            feed(LeaveRequested{std::string{name}});
        } else if (!signalled_ || now - *signalled_ >= kSameEndSignal) {
            ended_ = end_now(name);
        }
    }
}

int Loop::end_now(std::string_view why) {
    const std::string text =
        fmt::format("ends at once on {}; {}", why, summary(state_, boot_now()));
    if (voice_) {
        voice_->line(log::Level::error, text);
    } else {
        log::error(text);
    }
    return EX_TEMPFAIL;
}

bool Loop::wants_ticks() const noexcept {
    const auto is_on_its_way = [](const Member& member) {
        return member.phase >= Phase::leave_resolving && member.phase != Phase::out;
    };
    return !is_agent() || state_.is_leaving || !state_.announced ||
           std::ranges::any_of(state_.members, is_on_its_way);
}

void Loop::on_tick() {
    if (ended_ || !wants_ticks()) {
        return;
    }
    const BootTime now = boot_now();
    if (voice_) {
        voice_->progress(summary(state_, now), now);
        return;
    }
    if (now >= next_extension_ && (state_.is_leaving || !state_.announced)) {
        next_extension_ = now + kExtensionInterval;
        sd_notify::extend_timeout(kExtension);
    }
    tell_status();
}

void Loop::tell_status() {
    std::string text = summary(state_, boot_now());
    if (text != told_status_) {
        sd_notify::status(text);
        told_status_ = std::move(text);
    }
}

void Loop::feed(const Event& event) {
    const bool was_leaving = state_.is_leaving;
    if (published_ != nullptr) {
        published_->count(state_, event, boot_now());
    }
    for (Action& action : step(state_, event, boot_now(), rng_)) {
        perform(std::move(action));
    }
    if (is_agent() && state_.is_leaving && !was_leaving) {
        log::info("leaving", {{"reason", state_.leave_reason}});
        sd_notify::stopping(summary(state_, boot_now()));
        next_extension_ = {};
        on_tick();
    }
    if (is_agent() && state_.announced) {
        tell_status();
    }
    const bool is_drained_by_order = std::ranges::any_of(
        state_.absences, [](const Absence& known) { return known.reason == Reason::maintenance; });
    if (maintenance_ && maintenance_->is_ordered() && !is_drained_by_order) {
        maintenance_->expire();
    }
    if (published_ != nullptr) {
        published_->publish(state_);
        if (state_.is_leaving && !was_leaving) {
            leave_published_ = boot_now();
        }
    }
}

void Loop::perform(Action action) {
    if (const auto* const call = std::get_if<Call>(&action);
        call != nullptr && published_ != nullptr) {
        published_->count(*call);
    }
    std::visit(
        [this]<typename Kind>(Kind&& alternative) {
            if constexpr (requires { carry_out(std::forward<Kind>(alternative)); }) {
                carry_out(std::forward<Kind>(alternative));
            } else {
                errands_.run(std::forward<Kind>(alternative));
            }
        },
        std::move(action));
}

void Loop::carry_out(const Say& say) {
    if (voice_) {
        voice_->line(say.level,
                     say.member
                         ? fmt::format("{}: {}", label_of(state_.members[*say.member]), say.text)
                         : say.text);
        return;
    }
    if (!say.member) {
        log::write(say.level, say.text);
        return;
    }
    const Member& member = state_.members[*say.member];
    log::write(say.level, say.text,
               {{"name", member.membership.name.to_text()},
                {"type", dns::to_string(member.membership.type)},
                {"set_identifier", member.target ? member.target->set_identifier : "unknown"}});
}

void Loop::carry_out(const AllInService& /*action*/) {
    if (is_agent()) {
        sd_notify::ready(summary(state_, boot_now()));
        let_go_of_program_pages();  // 8 MiB became 7: bench/RESULTS.md
    }
}

void Loop::carry_out(const Finish& action) {
    ended_ = action.exit_status;
    if (is_agent()) {
        log::info("agent ends", {{"exit_status", action.exit_status}});
        sd_notify::status(summary(state_, boot_now()));
    }
}

std::string Loop::respond(std::string_view line, uid_t user) {
    const auto request = parse_request(line);
    if (!request) {
        return error_json(request.error());
    }
    if (const Status done = obey(*request, user); !done) {
        return error_json(done.error());
    }
    return status_json(state_, boot_now());
}

Status Loop::obey(const SocketRequest& request, uid_t user) {
    switch (request.kind) {
        case SocketRequest::Kind::status:
            return {};
        case SocketRequest::Kind::leave:
            feed(LeaveRequested{fmt::format("rota leave by uid {}", user)});
            return {};
        case SocketRequest::Kind::drain:
        case SocketRequest::Kind::resume:
            break;
    }
    if (!maintenance_) {
        return fail(ErrorKind::config, "this agent has no drain file: start it with --drain-file");
    }
    if (request.kind == SocketRequest::Kind::resume) {
        ROTA_CHECK(maintenance_->cancel());
    } else {
        instance::DrainOrder order{.takes_last = request.takes_last,
                                   .reason = fmt::format("{}{}by uid {}", request.reason,
                                                         request.reason.empty() ? "" : " ", user)};
        if (request.drain_for) {
            instance::end_after(order, *request.drain_for, instance::this_moment());
        }
        ROTA_CHECK(maintenance_->order(order));
    }
    follow_drain_file();
    return {};
}

void Loop::follow_drain_file() {
    if (maintenance_) {
        if (const auto event = maintenance_->refresh(instance::this_moment())) {
            feed(*event);
        }
    }
}

void Loop::arm_timer() {
    std::optional<BootTime> next = next_wake(state_);
    if (wants_ticks()) {
        const BootTime tick = boot_now() + seconds{1};
        next = next ? std::min(*next, tick) : tick;
    }
    itimerspec spec{};
    if (next) {
        // At zero a timer is off; a moment that has passed fires at once.
        const auto since = std::max(next->time_since_epoch(), BootTime::duration{1});
        const auto whole = std::chrono::floor<seconds>(since);
        spec.it_value.tv_sec = whole.count();
        spec.it_value.tv_nsec = (since - whole).count();
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace

Result<int> run(const Config& config, std::shared_ptr<const Surroundings> surroundings) {
    Loop loop{config, std::move(surroundings)};
    ROTA_CHECK(loop.open());
    return loop.run();
}

}  // namespace rota::agent
