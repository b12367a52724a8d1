#include "rota/server/serve.h"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>

#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/cli/command.h"
#include "rota/cli/options.h"
#include "rota/server/endpoint.h"

namespace rota::cli {
namespace {

struct Options {
    server::ServeOptions serve;
    std::string user;
    std::string log_format = "key-value";
    std::string log_level = "info";
};

const SettingSources& sources() {
    static const SettingSources all{"ROTA_SERVE_", "/etc/rota/serve.toml", {}};
    return all;
}

void configure_log(const Options& options) {
    const log::Level level = options.log_level == "debug"     ? log::Level::debug
                             : options.log_level == "warning" ? log::Level::warning
                             : options.log_level == "error"   ? log::Level::error
                                                              : log::Level::info;
    log::configure(level,
                   options.log_format == "json" ? log::Format::json : log::Format::key_value);
}

std::string what_is_wrong_with_address(const std::string& text) {
    const auto endpoint = server::Endpoint::parse(text);
    return endpoint ? std::string{} : endpoint.error().message;
}

/// DNS is answered over TCP as well, so that the two need addresses of their own.
Status refuse_shared_port(const server::ServeOptions& options) {
    const std::vector<std::string> everywhere{"0.0.0.0:53", "[::]:53"};
    for (const std::string& dns : options.dns.empty() ? everywhere : options.dns) {
        for (const std::string& api : options.api) {
            const auto one = server::Endpoint::parse(dns);
            const auto other = server::Endpoint::parse(api);
            const bool is_same =
                one && other && one->port() != 0 && one->port() == other->port() &&
                one->family() == other->family() &&
                (one->is_wildcard() || other->is_wildcard() || one->to_text() == other->to_text());
            if (is_same) {
                return fail(ErrorKind::usage,
                            fmt::format("--dns {} and --api {} are the same TCP port: give the API "
                                        "another",
                                        dns, api));
            }
        }
    }
    return {};
}

int run(CLI::App& command, Options& options) {
    if (const auto filled = fill_options(command, sources()); !filled) {
        return report(filled.error());
    }
    if (!options.user.empty()) {
        options.serve.user = options.user;
    }
    if (const auto apart = refuse_shared_port(options.serve); !apart) {
        return report(apart.error());
    }
    configure_log(options);
    if (const Status served = server::serve(options.serve); !served) {
        return report(served.error());
    }
    return EX_OK;
}

}  // namespace

void add_serve(CLI::App& app, Run& run_chosen) {
    CLI::App* const command = app.add_subcommand(
        "serve", "Answer DNS queries for hosted zones, and the Route 53 API that changes them");
    const auto options = std::make_shared<Options>();
    server::ServeOptions& serve = options->serve;
    add_config_option(*command, sources());
    command->add_option("--data", serve.data, "Directory of the zones and keys")
        ->type_name("DIR")
        ->capture_default_str();
    command
        ->add_option("--dns", serve.dns,
                     "Address to answer DNS on, UDP and TCP; repeatable (default 0.0.0.0:53 and "
                     "[::]:53)")
        ->type_name("ADDRESS:PORT")
        ->check(what_is_wrong_with_address)
        ->allow_extra_args(false);
    command
        ->add_option("--api", serve.api,
                     "Address of the API, /healthz and /metrics; repeatable (default "
                     "127.0.0.1:8053)")
        ->type_name("ADDRESS:PORT")
        ->check(what_is_wrong_with_address)
        ->allow_extra_args(false);
    command->add_option("--workers", serve.workers, "UDP threads an address (default one a core)")
        ->type_name("INT")
        ->check(CLI::Range(1U, 256U).description(""));
    command
        ->add_option("--user", options->user,
                     "User to become after binding, when root (default rota, if there is one)")
        ->type_name("USER");
    command
        ->add_option("--ns", serve.name_servers,
                     "Name server to name in new zones; repeatable (default: this machine)")
        ->type_name("NAME")
        ->allow_extra_args(false);
    command
        ->add_option("--max-record-sets", serve.max_record_sets,
                     "Record sets that a zone may hold; the default is Route 53's quota")
        ->type_name("INT")
        ->check(CLI::Range(100U, 10'000'000U).description(""))
        ->capture_default_str();
    command->add_flag("--allow-aws3", serve.allow_aws3,
                      "Accept boto 2's signatures, which cover the Date header alone");
    command->add_flag("--api-insecure", serve.api_insecure,
                      "Let --api be an address that others reach, without TLS");
    command->add_option("--log-format", options->log_format, "key-value or json")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"key-value", "json"}).description(""))
        ->capture_default_str();
    command->add_option("--log-level", options->log_level, "debug, info, warning or error")
        ->type_name("LEVEL")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}).description(""))
        ->capture_default_str();
    command->callback([command, options, &run_chosen] {
        run_chosen = [command, options] { return run(*command, *options); };
    });
}

}  // namespace rota::cli
