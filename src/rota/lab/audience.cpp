#include "rota/lab/audience.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {
namespace {

using nlohmann::json;

std::optional<BootTime> moment(const json& object, const char* key) {
    const double seconds = object.value(key, 0.0);
    if (seconds <= 0) {
        return std::nullopt;
    }
    return BootTime{std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>{seconds})};
}

AddressReport read_address(const json& object) {
    return {.requests = object.value("requests", std::uint64_t{0}),
            .failed = object.value("failed", std::uint64_t{0}),
            .reconnects = object.value("reconnects", std::uint64_t{0}),
            .opened = object.value("opened", std::uint64_t{0}),
            .open = object.value("open", std::uint64_t{0}),
            .last_opened = moment(object, "last_opened"),
            .last_answer = moment(object, "last_answer")};
}

}  // namespace

std::optional<ClientsReport> parse_clients_report(std::string_view line) {
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object() || !object.contains("addresses")) {
        return std::nullopt;
    }
    ClientsReport report;
    report.at = moment(object, "now").value_or(BootTime{});
    report.p50_ms = object.value("p50_ms", 0.0);
    report.p99_ms = object.value("p99_ms", 0.0);
    report.all_p50_ms = object.value("all_p50_ms", 0.0);
    report.all_p99_ms = object.value("all_p99_ms", 0.0);
    if (const auto dns = object.find("dns"); dns != object.end()) {
        report.dns = {.look_ups = dns->value("look_ups", std::uint64_t{0}),
                      .hits = dns->value("hits", std::uint64_t{0}),
                      .queries = dns->value("queries", std::uint64_t{0}),
                      .failures = dns->value("failures", std::uint64_t{0})};
    }
    for (const auto& [address, counters] : object.at("addresses").items()) {
        report.addresses.emplace(address, read_address(counters));
    }
    for (const json& error : object.value("errors", json::array())) {
        report.failures.push_back({.at = moment(error, "at").value_or(BootTime{}),
                                   .address = error.value("address", std::string{}),
                                   .what = error.value("what", std::string{})});
    }
    return report;
}

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
