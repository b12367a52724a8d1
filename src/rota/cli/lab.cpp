#include "rota/lab/lab.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sysexits.h>

#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/base/text.h"
#include "rota/cli/command.h"
#include "rota/cli/durations.h"
#include "rota/cli/options.h"
#include "rota/lab/clients.h"
#include "rota/lab/group_service.h"
#include "rota/lab/metadata_service.h"
#include "rota/lab/record.h"
#include "rota/lab/service.h"

namespace rota::cli {
namespace {

struct Options {
    lab::LabOptions lab;
    std::string duration = "60s";
    std::string instances = "2:6";
    std::string ttl = "5";
    std::string margin = "1";
    std::uint32_t seed = 0;
};

Result<std::chrono::seconds> length_of_run(const std::string& text) {
    constexpr std::chrono::seconds kLeast{10};
    constexpr std::chrono::seconds kMost{std::chrono::hours{24}};
    const auto duration = parse_duration("duration", text);
    if (!duration || *duration < kLeast || *duration > kMost) {
        return fail(
            ErrorKind::usage,
            fmt::format("--duration {}: give a time from 10s to 24h, such as 90s or 15m", text));
    }
    return *duration;
}

Result<std::chrono::seconds> short_time(std::string_view option, const std::string& text,
                                        std::chrono::seconds least) {
    constexpr std::chrono::seconds kMost{std::chrono::hours{1}};
    const auto time = read_duration(text);
    if (!time || *time < least || *time > kMost) {
        return fail(ErrorKind::usage,
                    fmt::format("{} {}: give a time from {}s to 1h, such as 5, 5s or 1m", option,
                                text, least.count()));
    }
    return *time;
}

/// "2:6": the smallest and the largest group.
Status parse_instances(const std::string& text, lab::RunSettings& settings) {
    constexpr unsigned kMost = 100;  // weighted record sets a name, at Route 53
    const std::string_view view = text;
    const std::size_t colon = std::min(view.find(':'), view.size());
    settings.min_instances = parse_number<unsigned>(view.substr(0, colon)).value_or(0);
    settings.max_instances =
        parse_number<unsigned>(view.substr(std::min(colon + 1, view.size()))).value_or(0);
    if (settings.min_instances < 1 || settings.max_instances < settings.min_instances ||
        settings.max_instances > kMost) {
        return fail(ErrorKind::usage, fmt::format("--instances {}: give MIN:MAX, from 1:1 to {}:{}",
                                                  text, kMost, kMost));
    }
    return {};
}

Result<lab::LabOptions> read_options(const Options& given) {
    lab::LabOptions options = given.lab;
    options.settings.duration = ROTA_TRY(length_of_run(given.duration));
    ROTA_CHECK(parse_instances(given.instances, options.settings));
    options.settings.ttl = ROTA_TRY(short_time("--ttl", given.ttl, std::chrono::seconds{1}));
    options.settings.margin =
        ROTA_TRY(short_time("--margin", given.margin, std::chrono::seconds{0}));
    options.settings.seed = given.seed != 0 ? given.seed : Rng::from_entropy().next() % 1'000'000;
    options.settings.name = "www.rota-lab.test";
    return options;
}

int run(const Options& given) {
    auto options = read_options(given);
    auto ended = options ? lab::run_lab(*std::move(options)) : std::unexpected(options.error());
    return ended ? *ended
                 : report(ended.error(), given.lab.wants_json ? Output::json : Output::text);
}

int conclude(const Status& status) {
    return status ? EX_OK : report(status.error());
}

/// The parts that the lab starts as processes; not for people, so the help does not list them.
CLI::App* add_part(CLI::App& app, const std::string& name, const std::string& description) {
    return app.add_subcommand(name, description)->group("");
}

void add_service(CLI::App& app, Run& run_chosen) {
    CLI::App* const command = add_part(app, "lab-service", "The lab's application");

    struct Milliseconds {
        long service = 50;
        long boot = 0;
    };

    const auto options = std::make_shared<lab::ServiceOptions>();
    const auto times = std::make_shared<Milliseconds>();
    command->add_option("--listen", options->listen)->required();
    command->add_option("--instance-id", options->instance_id)->required();
    command->add_option("--workers", options->workers);
    command->add_option("--service-ms", times->service);
    command->add_option("--boot-ms", times->boot);
    command->add_option("--seed", options->seed);
    command->callback([options, times, &run_chosen] {
        options->service_time = std::chrono::milliseconds{times->service};
        options->boot_delay = std::chrono::milliseconds{times->boot};
        run_chosen = [options] { return conclude(lab::run_service(*options)); };
    });
}

void add_metadata(CLI::App& app, Run& run_chosen) {
    CLI::App* const command = add_part(app, "lab-metadata", "The lab's metadata service");
    const auto options = std::make_shared<lab::MetadataOptions>();
    command->add_option("--listen", options->listen)->required();
    command->add_option("--instance-id", options->facts.instance_id)->required();
    command->add_option("--address", options->facts.public_ipv4)->required();
    command->callback([options, &run_chosen] {
        options->facts.local_ipv4 = options->facts.public_ipv4;
        run_chosen = [options] { return conclude(lab::run_metadata(*options)); };
    });
}

void add_group(CLI::App& app, Run& run_chosen) {
    CLI::App* const command = add_part(app, "lab-group", "The lab's Auto Scaling and EC2");
    const auto options = std::make_shared<lab::GroupOptions>();
    const auto timeout = std::make_shared<long>(options->group.heartbeat_timeout.count());
    command->add_option("--listen", options->listen)->required();
    command->add_option("--group", options->group.name)->required();
    command->add_option("--min", options->group.min);
    command->add_option("--max", options->group.max);
    command->add_option("--heartbeat-timeout", *timeout)->check(CLI::Range(1, 7200));
    command->callback([options, timeout, &run_chosen] {
        options->group.heartbeat_timeout = std::chrono::seconds{*timeout};
        run_chosen = [options] { return conclude(lab::run_group(*options)); };
    });
}

void add_clients(CLI::App& app, Run& run_chosen) {
    CLI::App* const command = add_part(app, "lab-clients", "The lab's clients");
    const auto options = std::make_shared<lab::ClientsOptions>();
    const auto keep_ms = std::make_shared<long>(3000);
    command->add_option("--dns", options->dns)->required();
    command->add_option("--name", options->name)->required();
    command->add_option("--port", options->port)->required();
    command->add_option("--resolvers", options->resolvers);
    command->add_option("--zipf", options->zipf);
    command->add_option("--users", options->users);
    command->add_option("--keep-ms", *keep_ms);
    command->add_option("--seed", options->seed);
    command->callback([options, keep_ms, &run_chosen] {
        options->keep = std::chrono::milliseconds{*keep_ms};
        run_chosen = [options] { return conclude(lab::run_clients(*options)); };
    });
}

}  // namespace

void add_lab(CLI::App& app, Run& run_chosen) {
    CLI::App* const command = app.add_subcommand(
        "lab", "Play the whole story on this machine: server, instances, load, clients");
    const auto options = std::make_shared<Options>();
    command->add_option("--duration", options->duration, "How long the clients make requests")
        ->type_name("TIME")
        ->capture_default_str();
    command->add_option("--instances", options->instances, "Smallest and largest size of the group")
        ->type_name("MIN:MAX")
        ->capture_default_str();
    command->add_option("--ttl", options->ttl, "TTL of the records")
        ->type_name("TIME")
        ->capture_default_str();
    command->add_option("--margin", options->margin, "Drain margin over the TTL")
        ->type_name("TIME")
        ->capture_default_str();
    command
        ->add_option("--seed", options->seed,
                     "Seed of the clients' choices, the boot times and the ids (default random)")
        ->type_name("INT");
    command->add_flag("--chaos", options->lab.settings.chaos,
                      "Kill one instance hard in the middle, sweep it, show what that costs");
    command->add_flag("--headless", options->lab.is_headless, "Lines instead of the live picture");
    command->add_flag("--json", options->lab.wants_json,
                      "One JSON object as the last line of standard output; progress goes to "
                      "standard error");
    command
        ->add_option("--report", options->lab.report,
                     "Where to write the HTML report (default a temporary directory)")
        ->type_name("FILE");
    command
        ->add_option("--keep", options->lab.keep,
                     "Keep data, logs and report in this new or empty directory")
        ->type_name("DIR");
    command->callback([options, &run_chosen] { run_chosen = [options] { return run(*options); }; });
    add_service(app, run_chosen);
    add_metadata(app, run_chosen);
    add_group(app, run_chosen);
    add_clients(app, run_chosen);
}

}  // namespace rota::cli
