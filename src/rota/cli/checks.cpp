#include "rota/cli/checks.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/cli/durations.h"
#include "rota/cli/options.h"
#include "rota/config/file.h"
#include "rota/health/check.h"

namespace rota::cli {
namespace {

constexpr unsigned kMostInARow = 10;

Status read_duration_into(std::chrono::milliseconds& into, const config::Table& table,
                          std::string_view key) {
    const config::Setting* const setting = table.find(key);
    if (setting == nullptr) {
        return {};
    }
    if (setting->kind != config::Kind::text && setting->kind != config::Kind::integer) {
        return table.complain(*setting, "expected a duration");
    }
    const auto found = read_duration(setting->values.front());
    if (!found) {
        return table.complain(*setting, found.error().message);
    }
    into = *found;
    return {};
}

Status read_count_into(unsigned& into, const config::Table& table, std::string_view key) {
    if (const auto found = ROTA_TRY(table.integer(key, 1, kMostInARow))) {
        into = static_cast<unsigned>(*found);
    }
    return {};
}

/// Runs `parse` on a table's text. @errors config: names file, line and key.
template <typename Parse>
auto parsed(const config::Table& table, const std::string& key, const std::string& text,
            Parse parse) {
    auto found = parse(text);
    if (!found) {
        found = table.complain(*table.find(key), found.error().message);
    }
    return found;
}

Result<health::Check> read_check(const config::Table& table, const HealthOptions& defaults) {
    static const std::vector<std::string> keys{"check", "interval",     "timeout", "rise",
                                               "fall",  "initial-rise", "status",  "body"};
    ROTA_CHECK(table.allow_only(keys));
    const auto text = ROTA_TRY(table.text("check"));
    if (!text) {
        return fail(ErrorKind::config,
                    fmt::format("{}:{}: a [[health]] without check = \"http://…\"", table.file(),
                                table.line()));
    }
    health::Check check = ROTA_TRY(parsed(table, "check", *text, health::parse_check));
    check.interval = ROTA_TRY(read_duration(defaults.interval));
    ROTA_CHECK(read_duration_into(check.interval, table, "interval"));
    check.timeout = std::min(check.timeout, check.interval);
    ROTA_CHECK(read_duration_into(check.timeout, table, "timeout"));
    ROTA_CHECK(read_count_into(check.rise, table, "rise"));
    ROTA_CHECK(read_count_into(check.fall, table, "fall"));
    ROTA_CHECK(read_count_into(check.initial_rise, table, "initial-rise"));
    if (const auto status = ROTA_TRY(table.text("status"))) {
        check.accepted = ROTA_TRY(parsed(table, "status", *status, health::StatusSet::parse));
    }
    check.body = ROTA_TRY(table.text("body")).value_or("");
    if (Status valid = validate(check); !valid) {
        return fail(ErrorKind::config,
                    fmt::format("{}:{}: {}", table.file(), table.line(), valid.error().message));
    }
    return check;
}

}  // namespace

std::vector<CLI::Option*> add_health_options(CLI::App& command, HealthOptions& options) {
    return {
        repeatable(command.add_option("--health", options.checks,
                                      "Be in the rota while this check passes, asked all the time; "
                                      "repeatable, all must pass"))
            ->check(complaint(&health::parse_check))
            ->type_name("CHECK"),
        add_duration(command, "--health-interval", options.interval, "Between two of its probes")};
}

Result<std::vector<health::Check>> read_checks(const HealthOptions& options,
                                               const config::Table& file) {
    std::vector<health::Check> checks;
    for (const std::string& text : options.checks) {
        health::Check check = ROTA_TRY(health::parse_check(text));
        check.interval = ROTA_TRY(parse_duration("--health-interval", options.interval));
        check.timeout = std::min(check.timeout, check.interval);
        ROTA_CHECK(validate(check));
        checks.push_back(std::move(check));
    }
    for (const config::Table& table : file.tables("health")) {
        checks.push_back(ROTA_TRY(read_check(table, options)));
    }
    return checks;
}

}  // namespace rota::cli
