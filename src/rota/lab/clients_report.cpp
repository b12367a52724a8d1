#include "rota/lab/clients_report.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "rota/base/clock.h"

namespace rota::lab {
namespace {

using nlohmann::json;

double seconds_of(std::optional<BootTime> time) noexcept {
    return time ? std::chrono::duration<double>{time->time_since_epoch()}.count() : 0;
}

std::optional<BootTime> moment(const json& object, const char* key) {
    const double seconds = object.value(key, 0.0);
    if (seconds <= 0) {
        return std::nullopt;
    }
    return BootTime{std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>{seconds})};
}

json write_address(const AddressReport& report) {
    return {{"requests", report.requests},
            {"failed", report.failed},
            {"reconnects", report.reconnects},
            {"opened", report.opened},
            {"open", report.open},
            {"last_opened", seconds_of(report.last_opened)},
            {"last_answer", seconds_of(report.last_answer)}};
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

std::string to_line(const ClientsReport& report) {
    json line{{"now", seconds_of(report.at)},
              {"p50_ms", report.p50_ms},
              {"p99_ms", report.p99_ms},
              {"all_p50_ms", report.all_p50_ms},
              {"all_p99_ms", report.all_p99_ms},
              {"dns",
               {{"look_ups", report.dns.look_ups},
                {"hits", report.dns.hits},
                {"queries", report.dns.queries},
                {"failures", report.dns.failures}}},
              {"errors", json::array()},
              {"addresses", json::object()}};
    for (const FailedRequest& failure : report.failures) {
        line["errors"].push_back(
            {{"at", seconds_of(failure.at)}, {"address", failure.address}, {"what", failure.what}});
    }
    for (const auto& [address, counters] : report.addresses) {
        line["addresses"][address] = write_address(counters);
    }
    return line.dump();
}

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

}  // namespace rota::lab
