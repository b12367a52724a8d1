#pragma once

namespace rota::cli {

/// boto 2's command-line tool for Route 53, command for command. Called by `rota route53 …` and by
/// a program of the name `route53`; argv[0] is skipped. It parses its own arguments, because it
/// runs at every boot and shutdown and must start at once.
/// @returns the exit status (sysexits.h).
int run_route53(int argc, char** argv);

}  // namespace rota::cli
