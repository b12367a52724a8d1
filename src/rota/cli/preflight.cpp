#include "rota/cli/preflight.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/preflight.h"
#include "rota/agent/preflight_calls.h"
#include "rota/agent/preflight_machine.h"
#include "rota/base/error.h"
#include "rota/base/print.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"

namespace rota::cli {
namespace {

using agent::Finding;
using agent::Level;

constexpr std::array kServiceFiles{"/etc/default/rota-agent", "/etc/sysconfig/rota-agent"};

/// Prints what is found as it is found, and keeps it.
class Report {
public:
    explicit Report(Output output) : output_{output} {}

    void tell(Finding finding) {
        if (output_ == Output::text) {
            put(stdout, "{}\n", agent::to_line(finding));
            static_cast<void>(std::fflush(stdout));  // what is asked next may take its time
        }
        findings_.push_back(std::move(finding));
    }

    void tell(const Error& error, std::string subject) {
        tell({.level = Level::fail,
              .subject = std::move(subject),
              .text = error.message,
              .kind = error.kind});
    }

    int end(std::span<const Given> given) {
        const int status = agent::exit_status(findings_);
        if (output_ == Output::json) {
            put(stdout, "{}\n", to_json(given, status));
            return status;
        }
        const auto count = [this](Level level) {
            return std::ranges::count(findings_, level, &Finding::level);
        };
        put(stdout, "{} ok, {} to look at, {} to repair\n", count(Level::ok), count(Level::warn),
            count(Level::fail));
        return status;
    }

private:
    [[nodiscard]] std::string to_json(std::span<const Given> given, int status) const {
        nlohmann::ordered_json findings = nlohmann::ordered_json::array();
        for (const Finding& finding : findings_) {
            findings.push_back({{"level", to_string(finding.level)},
                                {"subject", finding.subject},
                                {"message", finding.text}});
        }
        nlohmann::ordered_json settings = nlohmann::ordered_json::array();
        for (const Given& one : given) {
            settings.push_back({{"key", one.key}, {"values", one.values}, {"source", one.origin}});
        }
        const nlohmann::ordered_json object{{"result", to_string(agent::worst_of(findings_))},
                                            {"exit_status", status},
                                            {"settings", std::move(settings)},
                                            {"findings", std::move(findings)}};
        return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    }

    Output output_;
    std::vector<Finding> findings_;
};

std::optional<FileOwnership> look_at(const std::string& path) {
    struct stat found{};
    if (path.empty() || ::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
        return std::nullopt;
    }
    return FileOwnership{.owner = found.st_uid, .mode = found.st_mode & 07777U};
}

void examine_file(Report& report, const std::string& path, FileRole role) {
    if (const auto file = look_at(path)) {
        report.tell(judge_file(path, role, *file, ::geteuid()));
    }
}

void tell_settings(Report& report, std::span<const Given> given) {
    for (const Given& one : given) {
        report.tell({.subject = "setting",
                     .text = fmt::format("{} = {} ({})", one.key, fmt::join(one.values, ", "),
                                         one.origin)});
    }
}

void examine(Report& report, CLI::App& command, const MemberOptions& options,
             std::vector<Given>& given) {
    const std::string path = member_config_path(command);
    if (look_at(path)) {
        examine_file(report, path, FileRole::configuration);
    } else {
        report.tell({.subject = "configuration", .text = fmt::format("there is no {}", path)});
    }
    for (const char* const file : kServiceFiles) {
        examine_file(report, file, FileRole::keys);
    }
    const auto config = read_member_options(command, options, RotaNeed::needed, &given);
    tell_settings(report, given);
    if (!config) {
        report.tell(config.error(), "configuration");
        return;
    }
    report.tell({.subject = "configuration",
                 .text = fmt::format("{} {}", config->rotas.size(),
                                     config->rotas.size() == 1 ? "rota" : "rotas")});
    const agent::Tell tell = [&report](Finding finding) { report.tell(std::move(finding)); };
    agent::examine_machine(*config, tell);
    auto surroundings = agent::look_around(config->aws);
    if (!surroundings) {
        report.tell(surroundings.error(), "AWS configuration");
        return;
    }
    if (surroundings->environment.static_credentials) {
        examine_file(report, surroundings->environment.credentials_file, FileRole::keys);
    }
    agent::examine_surroundings(
        *config, std::make_shared<const agent::Surroundings>(*std::move(surroundings)), tell);
}

}  // namespace

agent::Finding judge_file(const std::string& path, FileRole role, const FileOwnership& file,
                          uid_t user) {
    constexpr mode_t kOthersWrite = 022;
    constexpr mode_t kOthersRead = 044;
    const auto finding = [&](Level level, std::string_view what) {
        return Finding{.level = level,
                       .subject = "permissions",
                       .text = fmt::format("{} ({:04o}) {}", path, file.mode, what),
                       .kind = ErrorKind::permission};
    };
    if ((file.mode & kOthersWrite) != 0) {
        return finding(Level::fail, role == FileRole::configuration
                                        ? "may be written by others, and what it says is run by "
                                          "the agent: chmod go-w"
                                        : "may be written by others: chmod 600");
    }
    if (file.owner != 0 && file.owner != user) {
        return finding(
            Level::fail,
            fmt::format("belongs to uid {}, who could change it: chown root", file.owner));
    }
    if (role == FileRole::keys && (file.mode & kOthersRead) != 0) {
        return finding(Level::warn, "may be read by others, and keys may stand there: chmod 600");
    }
    return finding(Level::ok, "is safe from others");
}

int run_preflight(CLI::App& command, const MemberOptions& options, Output output) {
    Report report{output};
    std::vector<Given> given;
    examine(report, command, options, given);
    return report.end(given);
}

}  // namespace rota::cli
