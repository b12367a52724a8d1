#include "rota/lab/instance.h"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/notify.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {
namespace {

/// What the operating system gives a service that does not end by itself.
constexpr std::chrono::seconds kServiceGrace{10};
constexpr std::chrono::seconds kMetadataGrace{2};
/// Over TTL and margin: the API, INSYNC, and a loaded machine.
constexpr std::chrono::seconds kLeaveReserve{60};
constexpr std::chrono::seconds kKillAfterDeadline{10};

constexpr std::string_view kTargetState = "meta-data/autoscaling/target-lifecycle-state";
constexpr std::chrono::hours kKeysLast{6};  // as EC2's

/// What EC2 gives an instance with a role. The lab's servers know no sessions: the token is empty.
std::string role_credentials(const Credentials& keys, WallTime now) {
    return nlohmann::json{{"Code", "Success"},
                          {"LastUpdated", format_rfc3339(now)},
                          {"Type", "AWS-HMAC"},
                          {"AccessKeyId", keys.id},
                          {"SecretAccessKey", keys.secret},
                          {"Token", ""},
                          {"Expiration", format_rfc3339(now + kKeysLast)}}
        .dump();
}

std::string_view name_of(int part) noexcept {
    constexpr std::string_view kNames[] = {"metadata", "service", "agent"};
    return kNames[part];
}

}  // namespace

Instance::Instance(EventLoop& loop, const Stage& stage, const RunSettings& settings,
                   InstancePlan plan, Listener listener)
    : loop_{loop},
      stage_{stage},
      settings_{settings},
      plan_{std::move(plan)},
      listener_{std::move(listener)},
      launched_{boot_now()} {}

Instance::~Instance() {
    for (auto& [part, process] : processes_) {
        stop_watching(process);
    }
    loop_.forget(notify_watch_);
    for (const EventLoop::TimerId& timer : timers_) {
        loop_.cancel(timer);
    }
}

std::string Instance::log_path(Part part) const {
    return fmt::format("{}/{}-{}.log", stage_.directory, plan_.id, name_of(static_cast<int>(part)));
}

Status Instance::launch() {
    notify_ =
        ROTA_TRY(NotifySocket::create(fmt::format("{}/{}.notify", stage_.directory, plan_.number)));
    notify_watch_ = loop_.watch(notify_.fd(), EventLoop::kReadable,
                                [this](std::uint32_t) { on_notification(); });
    listener_.happened(*this, fmt::format("{} launched at {}", plan_.id, plan_.address));
    return start_metadata();
}

Status Instance::start(Part part, Command command) {
    Process& process = processes_[part];
    command.log_path = log_path(part);
    process.child = ROTA_TRY(Child::start(command));
    process.exit_watch = loop_.watch(process.child.exit_fd(), EventLoop::kReadable,
                                     [this, part](std::uint32_t) { on_exit(part); });
    if (command.with_stdout) {
        process.output.emplace(process.child.stdout_fd());
        process.output_watch = loop_.watch(
            process.child.stdout_fd(), EventLoop::kReadable, [this, part](std::uint32_t) {
                Process& source = processes_.at(part);
                const bool is_open =
                    source.output->read([&](std::string_view line) { on_output(part, line); });
                if (!is_open) {
                    loop_.forget(std::exchange(source.output_watch, 0));
                }
            });
    }
    return {};
}

Status Instance::start_metadata() {
    ROTA_CHECK(start(Part::metadata,
                     {.name = "the metadata service of " + plan_.id,
                      .arguments = {"lab-metadata", "--listen",
                                    fmt::format("{}:{}", plan_.address, stage_.metadata_port),
                                    "--instance-id", plan_.id, "--address", plan_.address},
                      .environment = Stage::bare_environment(),
                      .log_path = {},
                      .with_stdin = true,
                      .with_stdout = true}));
    set_metadata(kTargetState, "InService");
    set_metadata("meta-data/iam/security-credentials/rota-lab",
                 role_credentials(stage_.credentials, wall_now()));
    processes_.at(Part::metadata).child.tell("serve\n");
    return {};
}

void Instance::set_metadata(std::string_view path, std::string_view value) {
    processes_.at(Part::metadata).child.tell(fmt::format("set {} {}\n", path, value));
}

Status Instance::start_service_and_agent() {
    const std::string service = fmt::format("{}:{}", plan_.address, stage_.service_port);
    ROTA_CHECK(
        start(Part::service,
              {.name = "the service of " + plan_.id,
               .arguments = {"lab-service", "--listen", service, "--instance-id", plan_.id,
                             "--workers", fmt::format("{}", settings_.workers), "--service-ms",
                             fmt::format("{}", settings_.service_time.count()), "--boot-ms",
                             fmt::format("{}", plan_.boot_delay.count()), "--seed",
                             fmt::format("{}", plan_.seed)},
               .environment = Stage::bare_environment(),
               .log_path = {},
               .with_stdin = false,
               .with_stdout = true}));
    auto environment = Stage::bare_environment();
    environment["NOTIFY_SOCKET"] = notify_.path();
    environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] =
        fmt::format("http://{}:{}", plan_.address, stage_.metadata_port);
    environment["AWS_ENDPOINT_URL_ROUTE_53"] = stage_.api_url;
    environment["AWS_ENDPOINT_URL_AUTO_SCALING"] = stage_.group_url;
    environment["AWS_CONFIG_FILE"] = "/dev/null";
    environment["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null";
    const auto deadline = settings_.ttl + settings_.margin + kLeaveReserve;
    return start(Part::agent,
                 {.name = "the agent of " + plan_.id,
                  .arguments = {"agent",
                                "--config",
                                "/dev/null",
                                "--name",
                                settings_.name,
                                "--zone",
                                stage_.zone_id,
                                "--ttl",
                                fmt::format("{}", settings_.ttl.count()),
                                "--margin",
                                fmt::format("{}", settings_.margin.count()),
                                "--deadline",
                                fmt::format("{}", deadline.count()),
                                "--ready",
                                fmt::format("http://{}/healthz", service),
                                "--ready-interval",
                                "1",
                                "--socket",
                                fmt::format("{}/{}.sock", stage_.directory, plan_.number),
                                "--drain-file",
                                fmt::format("{}/{}.drain", stage_.directory, plan_.number)},
                  .environment = std::move(environment),
                  .log_path = {},
                  .with_stdin = false,
                  .with_stdout = false});
}

void Instance::on_output(Part part, std::string_view line) {
    if (part == Part::metadata) {
        if (line == "ready" && !processes_.contains(Part::agent)) {
            if (const Status started = start_service_and_agent(); !started) {
                listener_.broke(*this, started.error().message);
            }
        }
        return;
    }
    const auto report = nlohmann::json::parse(line, nullptr, false);
    if (!report.is_object()) {
        return;
    }
    work_seconds_ = report.value("work", work_seconds_);
    if (!ready_ && report.value("ready", false)) {
        ready_ = boot_now();
    }
}

void Instance::on_notification() {
    for (Notification notification; notify_.receive(notification);) {
        if (!notification.status.empty()) {
            status_ = notification.status;
        }
    }
}

void Instance::see_listing(bool is_listed, unsigned weight, BootTime asked_at,
                           BootTime answered_at) {
    if (is_listed) {
        weight_ = weight;
        if (!joined_) {
            joined_ = answered_at;
            listener_.happened(
                *this, fmt::format("{} joined with weight {}, {:.1f} s after its "
                                   "launch",
                                   plan_.id, weight, Elapsed{answered_at - launched_}.count()));
        }
        return;
    }
    if (killed_ && joined_ && !swept_ && asked_at > *killed_) {
        swept_ = answered_at;
        listener_.happened(
            *this, fmt::format("{} was swept out of the rota, {:.1f} s after the kill", plan_.id,
                               Elapsed{answered_at - *killed_}.count()));
    }
    if (joined_ && asked_ && !withdrawn_ && asked_at > *asked_) {
        withdrawn_ = answered_at;
    }
}

void Instance::end() {
    if (asked_ || killed_ || ended_) {
        return;
    }
    asked_ = boot_now();
    listener_.happened(*this, fmt::format("{} is to leave", plan_.id));
    set_metadata(kTargetState, "Terminated");
}

void Instance::shut_down() {
    if (!asked_ || killed_ || ended_ || processes_.at(Part::agent).may_end) {
        return;
    }
    expect_end(Part::agent, settings_.ttl + settings_.margin + kLeaveReserve + kKillAfterDeadline);
}

/// SIGTERM now, SIGKILL when the grace has passed.
void Instance::expect_end(Part part, std::chrono::nanoseconds grace) {
    Process& process = processes_.at(part);
    process.may_end = true;
    process.child.send(SIGTERM);
    timers_.push_back(loop_.at(boot_now() + grace, [this, part](BootTime) {
        const Process& late = processes_.at(part);
        if (late.child.is_running()) {
            listener_.happened(*this, fmt::format("{}: {} did not end in time and was killed",
                                                  plan_.id, name_of(static_cast<int>(part))));
            late.child.send(SIGKILL);
        }
    }));
}

void Instance::kill() {
    const BootTime now = boot_now();
    killed_ = now;
    for (auto& [part, process] : processes_) {
        process.may_end = true;
        process.child.send(SIGKILL);
    }
    listener_.happened(*this, fmt::format("{} was killed without warning", plan_.id));
}

void Instance::on_exit(Part part) {
    Process& process = processes_.at(part);
    stop_watching(process);
    const Ended ended = process.child.reap();
    const BootTime now = boot_now();
    if (killed_) {
        return;
    }
    if (!process.may_end) {
        listener_.broke(*this, with_log(fmt::format("the {} of {} ended by itself, {}",
                                                    name_of(static_cast<int>(part)), plan_.id,
                                                    to_string(ended)),
                                        log_path(part)));
        return;
    }
    switch (part) {
        case Part::agent:
            on_agent_exit(ended);
            break;
        case Part::service:
            expect_end(Part::metadata, kMetadataGrace);
            processes_.at(Part::metadata).child.close_stdin();
            break;
        case Part::metadata:
            finish(now);
            break;
    }
}

void Instance::on_agent_exit(const Ended& ended) {
    const BootTime now = boot_now();
    drained_ = now;
    left_cleanly_ = !ended.by_signal && ended.status == 0;
    if (left_cleanly_) {
        listener_.happened(
            *this, fmt::format("{} may go down, {:.1f} s after it was told to leave", plan_.id,
                               Elapsed{now - asked_.value_or(now)}.count()));
    } else {
        listener_.broke(*this, with_log(fmt::format("the agent of {} ended its leave with {}",
                                                    plan_.id, to_string(ended)),
                                        log_path(Part::agent)));
    }
    expect_end(Part::service, kServiceGrace);
}

void Instance::finish(BootTime now) {
    ended_ = now;
    listener_.happened(*this, fmt::format("{} is gone", plan_.id));
    listener_.ended(*this);
}

void Instance::stop_watching(Process& process) {
    loop_.forget(std::exchange(process.exit_watch, 0));
    loop_.forget(std::exchange(process.output_watch, 0));
}

MemberState Instance::state() const {
    if (killed_) {
        return MemberState::dead;
    }
    if (ended_) {
        return MemberState::ended;
    }
    if (drained_) {
        return MemberState::stopping;
    }
    if (asked_) {
        return joined_ && !withdrawn_ ? MemberState::withdrawing : MemberState::draining;
    }
    if (joined_) {
        return MemberState::in_service;
    }
    return ready_ ? MemberState::joining : MemberState::booting;
}

Member Instance::member(BootTime began) const {
    const auto since = [&](const std::optional<BootTime>& at) {
        return at ? std::optional<Elapsed>{*at - began} : std::nullopt;
    };
    Member member;
    member.id = plan_.id;
    member.address = plan_.address;
    member.number = plan_.number;
    member.state = state();
    member.launched = launched_ - began;
    member.ready = since(ready_);
    member.joined = since(joined_);
    member.asked_to_leave = since(asked_);
    member.withdrawn = since(withdrawn_);
    member.drained = since(drained_);
    member.ended = since(ended_);
    member.killed = since(killed_);
    member.swept = since(swept_);
    member.left_cleanly = left_cleanly_;
    member.weight = weight_;
    member.status = status_;
    return member;
}

}  // namespace rota::lab
