#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>

#include "rota/base/error.h"
#include "rota/base/near_miss.h"
#include "rota/base/print.h"
#include "rota/cli/command.h"
#include "rota/cli/route53.h"

namespace {

/// For the list of subcommands; what it does is run_route53.
void add_route53(CLI::App& app, rota::cli::Run& /*run*/) {
    app.add_subcommand("route53", "The commands of boto 2's script of that name");
}

struct Subcommand {
    std::string_view name;
    void (*add)(CLI::App& app, rota::cli::Run& run);
    bool answers = true;  ///< what it prints is what it is for
};

constexpr std::array kSubcommands{
    Subcommand{"agent", rota::cli::add_agent, false},
    Subcommand{"drain", rota::cli::add_drain, false},
    Subcommand{"join", rota::cli::add_join, false},
    Subcommand{"keys", rota::cli::add_keys},
    Subcommand{"lab", rota::cli::add_lab},
    Subcommand{"leave", rota::cli::add_leave, false},
    Subcommand{"list", rota::cli::add_list},
    Subcommand{"resume", rota::cli::add_resume, false},
    Subcommand{"serve", rota::cli::add_serve},
    Subcommand{"route53", add_route53},
    Subcommand{"status", rota::cli::add_status},
    Subcommand{"sweep", rota::cli::add_sweep},
};

/// The one that the first argument names, alone: building the options of all costs more CPU than a
/// registration. All of them for anything else, `--help` first.
void add_subcommands(CLI::App& app, rota::cli::Run& run, std::string_view first) {
    const auto* const chosen = std::ranges::find(kSubcommands, first, &Subcommand::name);
    if (chosen != kSubcommands.end()) {
        chosen->add(app, run);
        return;
    }
    for (const Subcommand& subcommand : kSubcommands) {
        subcommand.add(app, run);
    }
}

bool is_called_route53(std::string_view program) noexcept {
    return program.substr(program.rfind('/') + 1) == "route53";
}

/// The parts of the lab are subcommands that nobody types.
bool is_subcommand(std::string_view name) {
    return std::ranges::find(kSubcommands, name, &Subcommand::name) != kSubcommands.end() ||
           name.starts_with("lab-");
}

int refuse_subcommand(std::string_view name) {
    std::vector<std::string> names(kSubcommands.size());
    std::ranges::transform(kSubcommands, names.begin(), [](const Subcommand& subcommand) {
        return std::string{subcommand.name};
    });
    const auto meant = rota::near_miss(name, names);
    rota::put(stderr, "rota: there is no subcommand '{}'{}; rota --help lists them\n", name,
              meant ? fmt::format(": did you mean '{}'?", *meant) : "");
    return EX_USAGE;
}

/// `rota help VERB…` is `rota VERB… --help`; the old tool has a help of its own.
std::vector<char*> without_help_verb(int argc, char** argv) {
    static std::string option = "--help";
    std::vector<char*> words{argv, argv + argc};
    if (argc > 1 && std::string_view{argv[1]} == "help") {
        if (argc > 2 && std::string_view{argv[2]} == "route53") {
            std::swap(words[1], words[2]);
        } else {
            words.erase(words.begin() + 1);
            words.push_back(option.data());
        }
    }
    return words;
}

/// Help and the version go to standard output, what is wrong to standard error.
int say(const CLI::App& app, const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream complaint;
    const int status = app.exit(error, out, complaint) == 0 ? EX_OK : EX_USAGE;
    rota::put_text(stdout, out.view());
    if (status != EX_OK) {
        rota::put(stderr, "rota: {}", complaint.view());
        if (app.get_subcommands().empty()) {
            rota::put(stderr, "\n{}", app.help());
        }
    }
    return status;
}

/// For whoever must not take half an answer for all of it. A work that is done stays done: the
/// status of a join or a leave decides whether an instance goes down.
int conclude(int status, bool answers) {
    const rota::Status written = rota::flush_output();
    if (written) {
        return status;
    }
    rota::put(stderr, "rota: {}\n", written.error().message);
    return answers && status == EX_OK ? rota::exit_status(written.error()) : status;
}

bool answers(std::string_view first) {
    const auto* const chosen = std::ranges::find(kSubcommands, first, &Subcommand::name);
    return chosen == kSubcommands.end() || chosen->answers;
}

}  // namespace

int main(int argc, char** argv) {
    rota::guard_standard_streams();
    try {
        // The old scripts' tool runs at every boot and shutdown: before anything else is built.
        if (argc > 0 && is_called_route53(argv[0])) {
            return conclude(rota::cli::run_route53(argc, argv), true);
        }
        std::vector<char*> words = without_help_verb(argc, argv);
        argc = static_cast<int>(words.size());
        argv = words.data();
        const std::string_view first = argc > 1 ? argv[1] : "";
        if (first == "route53") {
            return conclude(rota::cli::run_route53(argc - 1, argv + 1), true);
        }
        if (!first.empty() && !first.starts_with('-') && !is_subcommand(first)) {
            return refuse_subcommand(first);
        }
        CLI::App app{
            "rota balances load over a fleet of instances by DNS, with no load balancer in the "
            "path.",
            "rota"};
        app.set_version_flag("-V,--version", std::string{"rota " ROTA_VERSION});
        app.require_subcommand(1);
        rota::cli::Run run;
        add_subcommands(app, run, first);
        try {
            app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return conclude(say(app, error), true);
        }
        return conclude(run ? run() : EX_USAGE, answers(first));
    } catch (const std::exception& error) {
        rota::put(stderr, "rota: {}\n", error.what());
        return EX_SOFTWARE;
    }
}
