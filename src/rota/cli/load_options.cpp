#include "rota/cli/load_options.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "rota/agent/config.h"
#include "rota/agent/weighing.h"
#include "rota/agent/weight.h"
#include "rota/base/error.h"
#include "rota/cli/durations.h"
#include "rota/cli/options.h"
#include "rota/dns/types.h"
#include "rota/health/check.h"
#include "rota/instance/load.h"

namespace rota::cli {
namespace {

using std::chrono::seconds;

// A figure stands for no longer (docs/load.md), and every look at the load costs something.
constexpr seconds kLongestInterval{30};

// Each may wait for its command or URL, one after the other.
constexpr std::size_t kMostSources = 8;

// Not a figure, but what --health's agent-check says of the weight.
constexpr std::string_view kWords = "agent-check";

std::string complaint_of_source(const std::string& text) {
    if (text == kWords) {
        return {};
    }
    constexpr std::array<std::uint16_t, 1> kAnyPort{1};  // --port may come later
    const auto source = instance::parse_load_source(text, kAnyPort);
    return source ? std::string{} : source.error().message;
}

}  // namespace

std::vector<CLI::Option*> add_load_options(CLI::App& command, LoadOptions& options) {
    return {
        repeatable(command.add_option(
                       "--load", options.sources,
                       "Let the instance's load move its weight: cpu, psi:cpu, loadavg, memory, "
                       "connections:LIMIT, exec:COMMAND, http://…, agent-check (the words of "
                       "--health's); repeatable, the largest counts"))
            ->check(complaint_of_source)
            ->type_name("SOURCE"),
        command
            .add_option("--load-target", options.target,
                        "Utilisation above which a member alone sheds load")
            ->type_name("FLOAT")
            ->capture_default_str(),
        command
            .add_option("--load-capacity", options.capacity,
                        "Requests a second that the base weight stands for, where a source counts "
                        "requests")
            ->type_name("FLOAT"),
        command
            .add_option("--load-gain", options.gain,
                        "Part of a difference that one change of the weight corrects")
            ->type_name("FLOAT")
            ->capture_default_str(),
        add_duration(command, "--load-interval", options.interval, "Between two looks at the load"),
        add_duration(command, "--weight-interval", options.weight_interval,
                     "The least between two changes of the weight, or the TTL; at Route 53 60 s"),
        add_duration(command, "--slow-start", options.slow_start,
                     "A new member's weight rises through this time; 0: it does not"),
        add_duration(command, "--connection-life", options.connection_life,
                     "How long clients stay connected, on average: it delays what weights do")};
}

Status read_load(const LoadOptions& options, agent::Config& config) {
    if (options.sources.empty()) {
        return {};
    }
    if (options.sources.size() > kMostSources) {
        return fail(ErrorKind::config, fmt::format("--load: at most {} sources", kMostSources));
    }
    for (const std::string& text : options.sources) {
        if (text == kWords) {
            const bool is_asked =
                std::ranges::any_of(config.settings.checks, [](const health::Check& check) {
                    return check.kind == health::CheckKind::agent_check;
                });
            if (!is_asked) {
                return fail(ErrorKind::config,
                            "--load agent-check: nobody is asked; give --health "
                            "agent-check://HOST:PORT too");
            }
            continue;
        }
        config.load_sources.push_back(
            ROTA_TRY(instance::parse_load_source(text, config.settings.ports)));
    }
    agent::LoadWeights load;
    load.interval = ROTA_TRY(parse_duration("load-interval", options.interval));
    if (load.interval < seconds{1} || load.interval > kLongestInterval) {
        return fail(ErrorKind::config,
                    fmt::format("load-interval: {} s is not from 1 to {} s", load.interval.count(),
                                kLongestInterval.count()));
    }
    load.law.target = options.target;
    load.law.reference_capacity = options.capacity;
    load.law.gain = options.gain;
    load.law.slow_start = ROTA_TRY(parse_duration("slow-start", options.slow_start));
    load.law.connection_life = ROTA_TRY(parse_duration("connection-life", options.connection_life));
    load.law.interval = ROTA_TRY(parse_duration("weight-interval", options.weight_interval));
    for (const agent::RotaConfig& rota : config.rotas) {
        agent::WeightSettings law = load.law;
        law.base = rota.weight;
        law.ttl = rota.ttl;
        if (auto valid = agent::validate(law); !valid) {
            valid.error().message = fmt::format("{} {}: {}", rota.name.to_text(),
                                                dns::to_string(rota.type), valid.error().message);
            return valid;
        }
    }
    config.settings.load = load;
    config.settings.watch_members = true;
    return {};
}

}  // namespace rota::cli
