#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>

#include "rota/cli/command.h"

int main(int argc, char** argv) {
    try {
        CLI::App app{
            "rota balances load over a fleet of instances by DNS, with no load balancer in the "
            "path.",
            "rota"};
        app.set_version_flag("--version", std::string{"rota " ROTA_VERSION});
        app.require_subcommand(1);
        rota::cli::Run run;
        rota::cli::add_keys(app, run);
        rota::cli::add_serve(app, run);
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
