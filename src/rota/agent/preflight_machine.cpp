#include "rota/agent/preflight_machine.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "rota/agent/config.h"
#include "rota/agent/preflight.h"
#include "rota/agent/status_socket.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/health/check.h"
#include "rota/health/command.h"

namespace rota::agent {
namespace {

constexpr std::chrono::seconds kPatience{5};

/// Whether this user may make or replace files in the directory, or make the directory.
Status may_write_in(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::path present = directory.empty() ? "." : directory;
    while (!std::filesystem::exists(present, error) && present.has_parent_path() &&
           present != present.parent_path()) {
        present = present.parent_path();
    }
    if (!std::filesystem::is_directory(present, error)) {
        return fail(ErrorKind::config, fmt::format("{} is no directory", present.string()));
    }
    if (::access(present.c_str(), W_OK | X_OK) != 0) {
        return fail_errno(fmt::format("cannot write in {}", present.string()), errno);
    }
    return {};
}

Finding judge_directory(std::string subject, const std::string& file) {
    const Status may = may_write_in(std::filesystem::path{file}.parent_path());
    if (!may) {
        return {.level = Level::fail,
                .subject = std::move(subject),
                .text = fmt::format("{}: {}; run the agent as root, or name another path", file,
                                    may.error().message),
                .kind = may.error().kind};
    }
    return {.subject = std::move(subject), .text = fmt::format("{} can be made", file)};
}

Finding judge_socket(const std::string& path) {
    const auto agent = AgentConnection::open(path);
    if (agent) {
        return {.subject = "socket",
                .text = fmt::format("an agent runs here and answers at {}", path)};
    }
    if (agent.error().kind != ErrorKind::not_found) {
        return {.level = Level::fail,
                .subject = "socket",
                .text = fmt::format("{}: run this as the user that the agent runs as",
                                    agent.error().message),
                .kind = agent.error().kind};
    }
    return judge_directory("socket", path);
}

/// Reads a shell command without running it.
Finding judge_command(std::string subject, const std::string& command) {
    Finding finding{.subject = std::move(subject),
                    .text = fmt::format("'{}' is shell", excerpt(command, 80))};
    const auto complain = [&finding](std::string text) {
        finding.level = Level::fail;
        finding.text = std::move(text);
    };
    const auto end = health::run_command({"/bin/sh", "-n", "-c", command}, kPatience);
    if (!end) {
        complain(end.error().message);
        return finding;
    }
    if (end->exit_status != 0) {
        complain(fmt::format("'{}' is not shell: {}", excerpt(command, 80),
                             excerpt(trimmed(end->output), 200)));
        return finding;
    }
    const std::string program = command.substr(0, command.find_first_of(" \t\n;|&<>()$`\"'"));
    if (program.starts_with('/') && ::access(program.c_str(), X_OK) != 0) {
        complain(
            fmt::format("{}: {}", program,
                        errno == ENOENT ? "there is no such program" : "may not be run: chmod +x"));
    }
    return finding;
}

}  // namespace

void examine_machine(const Config& config, const Tell& tell) {
    if (!config.socket.empty()) {
        tell(judge_socket(config.socket));
    }
    if (!config.drain_file.empty()) {
        tell(judge_directory("drain file", config.drain_file));
    }
    const auto command = [&tell](const char* const subject, const std::string& text) {
        if (!text.empty()) {
            tell(judge_command(subject, text));
        }
    };
    command("drain-begin", config.drain_begin);
    command("drain-end", config.drain_end);
    const auto check = [&command](const char* const subject, const health::Check& one) {
        if (one.kind == health::CheckKind::exec) {
            command(subject, one.target);
        }
    };
    if (config.readiness) {
        check("ready", *config.readiness);
    }
    for (const health::Check& one : config.settings.checks) {
        check("health check", one);
    }
}

}  // namespace rota::agent
