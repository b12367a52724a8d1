#include <exception>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>

#include "rota/cli/command.h"
#include "rota/cli/route53.h"

namespace {

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
        rota::cli::add_agent(app, run);
        rota::cli::add_join(app, run);
        rota::cli::add_keys(app, run);
        rota::cli::add_lab(app, run);
        rota::cli::add_leave(app, run);
        rota::cli::add_list(app, run);
        rota::cli::add_serve(app, run);
        app.add_subcommand("route53", "The commands of boto 2's script of that name");
        rota::cli::add_status(app, run);
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
