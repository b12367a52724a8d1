#include "rota/lab/lab.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/print.h"
#include "rota/base/time_format.h"
#include "rota/lab/director.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/record.h"
#include "rota/lab/report.h"
#include "rota/lab/screen.h"
#include "rota/lab/stage.h"
#include "rota/lab/view.h"

namespace rota::lab {
namespace {

constexpr int kFailed = 1;
constexpr int kInterrupted = 130;
constexpr std::string_view kReportName = "report.html";
constexpr std::chrono::seconds kProgressEvery{2};

Result<Fd> block_signals() {
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t signals{};
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) {
        ::sigaddset(&signals, signal);
    }
    // Before any thread is made, so that all of them inherit it.
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);  // NOLINT(concurrency-mt-unsafe)
    ::sigdelset(&signals, SIGWINCH);              // ignored: each picture asks for the size anew
    Fd fd{::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!fd) {
        return fail_errno("cannot receive signals", errno);
    }
    return fd;
}

/// The directory of a run: the one to keep, or a temporary one.
Result<std::string> make_directory(const std::string& keep) {
    std::error_code error;
    if (!keep.empty()) {
        std::filesystem::create_directories(keep, error);
        if (error) {
            return fail(ErrorKind::io, fmt::format("cannot create {}: {}", keep, error.message()));
        }
        if (!std::filesystem::is_empty(keep, error)) {
            return fail(ErrorKind::conflict,
                        fmt::format("{} is not empty: give --keep a new directory", keep));
        }
        return std::filesystem::absolute(keep).string();
    }
    std::string path = (std::filesystem::temp_directory_path(error) / "rota-lab.XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
        return fail_errno("cannot create " + path, errno);
    }
    return path;
}

/// Leaves nothing of a temporary directory but the report.
void clear(const std::string& directory) {
    std::error_code error;
    bool has_report = false;
    for (const auto& entry : std::filesystem::directory_iterator{directory, error}) {
        if (entry.path().filename() == kReportName) {
            has_report = true;
        } else {
            std::filesystem::remove_all(entry.path(), error);
        }
    }
    if (!has_report) {
        std::filesystem::remove(directory, error);
    }
}

class Run {
public:
    explicit Run(LabOptions options) : options_{std::move(options)} {}

    Result<int> play();

private:
    Result<int> play_in(const std::string& directory, const Fd& signals);
    void show_progress(const Director& director);
    int conclude(const Director& director, const std::string& directory);

    void say(const std::string& text) const {
        put(options_.wants_json ? stderr : stdout, "{}", text);
        flush(options_.wants_json ? stderr : stdout);
    }

    LabOptions options_;
    std::optional<Screen> screen_;
    std::optional<BootTime> last_progress_;
    std::size_t happenings_told_ = 0;
};

Result<int> Run::play() {
    if (!options_.report.empty()) {
        ROTA_CHECK(check_report_path(options_.report));
    }
    const Fd signals = ROTA_TRY(block_signals());
    const std::string directory = ROTA_TRY(make_directory(options_.keep));
    auto result = play_in(directory, signals);
    screen_.reset();
    if (!result) {
        put(stderr, "rota lab: the logs are in {}\n", directory);
    } else if (options_.keep.empty() && *result != kFailed) {
        clear(directory);  // every process has ended by now
    }
    return result;
}

Result<int> Run::play_in(const std::string& directory, const Fd& signals) {
    const auto loop = ROTA_TRY(EventLoop::create());
    const auto stage = ROTA_TRY(Stage::build(options_.settings, directory, signals.get()));
    if (const std::string warning = caveat(options_.settings); !warning.empty()) {
        put(stderr, "rota lab: {}\n", warning);
    }
    Director director{*loop, *stage, options_.settings};
    loop->watch(signals.get(), EventLoop::kReadable, [&](std::uint32_t) { director.interrupt(); });
    loop->watch(stage->server_exit_fd(), EventLoop::kReadable,
                [&](std::uint32_t) { director.broke(stage->explain_end()); });
    if (!options_.is_headless && !options_.wants_json && Screen::is_possible()) {
        screen_.emplace();
    }
    director.on_step([&] { show_progress(director); });
    ROTA_CHECK(director.start());
    ROTA_CHECK(loop->run());
    screen_.reset();
    return conclude(director, directory);
}

void Run::show_progress(const Director& director) {
    const RunRecord& record = director.record();
    if (screen_) {
        screen_->draw(render(record, Screen::size(), {.has_colour = wants_colour()}));
        return;
    }
    for (; happenings_told_ < record.happenings.size(); ++happenings_told_) {
        const Happening& happening = record.happenings[happenings_told_];
        say(fmt::format("       {}{}\n", happening.is_bad ? "! " : "", happening.text));
    }
    const BootTime now = boot_now();
    if (!last_progress_ || now - *last_progress_ >= kProgressEvery) {
        last_progress_ = now;
        say(progress_line(record) + "\n");
    }
}

int Run::conclude(const Director& director, const std::string& directory) {
    const RunRecord& record = director.record();
    const Totals totals = totals_of(record);
    const bool is_good =
        director.problems().empty() && totals.failed == totals.failed_because_of_kill;
    const std::string report =
        options_.report.empty() ? fmt::format("{}/{}", directory, kReportName) : options_.report;
    const Status written = write_report(record, format_rfc3339(wall_now()), report);
    for (const std::string& problem : director.problems()) {
        put(stderr, "rota lab: {}\n", problem);
    }
    say("\n" + summary_text(record) + "\n");
    if (director.was_interrupted()) {
        say("interrupted: everything above is of the time until then\n");
    }
    if (written) {
        say(fmt::format("report: {}\n", report));
    } else {
        put(stderr, "rota lab: {}\n", written.error().message);
    }
    const bool keeps_logs = !options_.keep.empty() || (!is_good && !director.was_interrupted());
    if (keeps_logs) {
        say(fmt::format("logs and data: {}\n", directory));
    }
    if (options_.wants_json) {
        put(stdout, "{}\n", summary_json(record, written ? report : std::string{}));
        flush(stdout);
    }
    if (director.was_interrupted()) {
        return kInterrupted;
    }
    return is_good && written ? 0 : kFailed;
}

}  // namespace

Result<int> run_lab(LabOptions options) {
    options.settings = completed(options.settings);
    return Run{std::move(options)}.play();
}

}  // namespace rota::lab
