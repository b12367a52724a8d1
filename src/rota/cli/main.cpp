#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>

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
};

constexpr std::array kSubcommands{
    Subcommand{"agent", rota::cli::add_agent},   Subcommand{"join", rota::cli::add_join},
    Subcommand{"keys", rota::cli::add_keys},     Subcommand{"lab", rota::cli::add_lab},
    Subcommand{"leave", rota::cli::add_leave},   Subcommand{"list", rota::cli::add_list},
    Subcommand{"serve", rota::cli::add_serve},   Subcommand{"route53", add_route53},
    Subcommand{"status", rota::cli::add_status},
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

}  // namespace

int main(int argc, char** argv) {
    try {
        // The old scripts' tool runs at every boot and shutdown: before anything else is built.
        if (argc > 0 && is_called_route53(argv[0])) {
            return rota::cli::run_route53(argc, argv);
        }
        if (argc > 1 && std::string_view{argv[1]} == "route53") {
            return rota::cli::run_route53(argc - 1, argv + 1);
        }
        CLI::App app{
            "rota balances load over a fleet of instances by DNS, with no load balancer in the "
            "path.",
            "rota"};
        app.set_version_flag("--version", std::string{"rota " ROTA_VERSION});
        app.require_subcommand(1);
        rota::cli::Run run;
        add_subcommands(app, run, argc > 1 ? argv[1] : "");
        try {
            app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return app.exit(error) == 0 ? EX_OK : EX_USAGE;
        }
        return run ? run() : EX_USAGE;
    } catch (const std::exception& error) {
        fmt::print(stderr, "rota: {}\n", error.what());
        return EX_SOFTWARE;
    }
}
