#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sysexits.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/print.h"
#include "rota/base/rng.h"
#include "rota/cli/command.h"
#include "rota/cli/members.h"
#include "rota/cli/options.h"
#include "rota/cli/shares.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/record_set.h"
#include "rota/route53/client.h"
#include "rota/route53/retry.h"

namespace rota::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kPatience{30};

struct Options {
    std::string name;
    std::string zone;
    std::string type;
    agent::AwsOptions aws;
    bool json = false;
};

/// The agent's file says how the API is reached; whose members it holds is another matter.
const SettingSources& sources() {
    static const SettingSources all{.environment_prefix = "ROTA_AGENT_",
                                    .default_file = "/etc/rota/agent.toml",
                                    .tables = {"rota"},
                                    .is_anothers = true};
    return all;
}

struct Rota {
    dns::Type type = dns::Type::a;
    std::vector<model::RecordSet> members;
};

std::uint8_t weight_of(const model::RecordSet& record_set) {
    const auto* weighted = std::get_if<model::WeightedRouting>(&record_set.routing);
    return weighted == nullptr ? std::uint8_t{0} : weighted->weight;
}

std::vector<double> shares_of(const Rota& rota) {
    std::vector<std::uint8_t> weights;
    std::ranges::transform(rota.members, std::back_inserter(weights), weight_of);
    return shares(weights);
}

Json json_of(const Rota& rota) {
    Json out;
    out["type"] = dns::to_string(rota.type);
    out["members"] = Json::array();
    const std::vector<double> share = shares_of(rota);
    for (std::size_t i = 0; i < rota.members.size(); ++i) {
        const model::RecordSet& member = rota.members[i];
        const bool is_weighted = std::holds_alternative<model::WeightedRouting>(member.routing);
        Json one;
        one["set_identifier"] = member.set_identifier;
        one["address"] = member.values.empty() ? Json{} : Json(member.values.front());
        one["values"] = member.values;
        one["weight"] = is_weighted ? Json(weight_of(member)) : Json{};
        one["ttl"] = member.ttl;
        one["share"] = is_weighted ? Json(share[i]) : Json{};
        out["members"].push_back(std::move(one));
    }
    return out;
}

void print(const dns::Name& name, const Rota& rota) {
    constexpr double kPercent = 100.0;
    put(stdout, "{} {}: {} member{}\n", name.to_text(), dns::to_string(rota.type),
        rota.members.size(), rota.members.size() == 1 ? "" : "s");
    std::size_t width = std::string_view{"SET IDENTIFIER"}.size();
    for (const model::RecordSet& member : rota.members) {
        width = std::max(width, member.set_identifier.size());
    }
    put(stdout, "  {:<{}}  {:<39}  {:>6}  {:>6}  {:>6}\n", "SET IDENTIFIER", width, "ADDRESS",
        "WEIGHT", "TTL", "SHARE");
    const std::vector<double> share = shares_of(rota);
    for (std::size_t i = 0; i < rota.members.size(); ++i) {
        const model::RecordSet& member = rota.members[i];
        const std::string values =
            member.values.empty() ? "(alias)" : fmt::format("{}", fmt::join(member.values, " "));
        if (std::holds_alternative<model::WeightedRouting>(member.routing)) {
            put(stdout, "  {:<{}}  {:<39}  {:>6}  {:>6}  {:>5.1f}%\n", member.set_identifier, width,
                values, weight_of(member), member.ttl, kPercent * share[i]);
        } else {
            put(stdout, "  {:<{}}  {:<39}  {:>6}  {:>6}  {:>6}\n",
                member.set_identifier.empty() ? "(simple)" : member.set_identifier, width, values,
                "-", member.ttl, "-");
        }
    }
}

/// Calls again while that may help; a person waits, so not for long.
template <typename Call>
auto patiently(Call&& call) {
    Rng rng = Rng::from_entropy();
    return route53::retry_call(
        [&call](bool) { return call(); }, boot_now() + kPatience, rng,
        [](const route53::CallError& error, unsigned, std::chrono::milliseconds delay) {
            put(stderr, "rota: {}; trying again in {:.1f} s\n", error.error.message,
                std::chrono::duration<double>{delay}.count());
        });
}

Result<std::string> zone_of(route53::Client& client, const Options& options,
                            const dns::Name& name) {
    const auto look = [&]() -> route53::CallResult<std::string> {
        auto found = options.zone.empty() ? agent::find_zone_of(client, name)
                                          : agent::find_zone(client, options.zone);
        if (!found) {
            return std::unexpected(
                route53::CallError{.error = std::move(found.error()), .api = {}});
        }
        return *std::move(found);
    };
    auto zone = patiently(look);
    if (!zone) {
        return std::unexpected(std::move(zone.error().error));
    }
    return *std::move(zone);
}

Result<int> list(CLI::App& command, const Options& options) {
    ROTA_CHECK(fill_options(command, sources()));
    const dns::Name name = ROTA_TRY(dns::Name::parse(options.name));
    std::vector<dns::Type> types{dns::Type::a, dns::Type::aaaa};
    if (!options.type.empty()) {
        const auto type = dns::type_from_string(options.type);
        if (!type) {
            return fail(ErrorKind::usage,
                        fmt::format("type '{}' is none that Route 53 stores", options.type));
        }
        types = {*type};
    }
    const agent::Surroundings surroundings = ROTA_TRY(agent::look_around(options.aws));
    const auto client = agent::make_client(surroundings);
    const std::string zone = ROTA_TRY(zone_of(*client, options, name));
    std::vector<Rota> rotas;
    for (const dns::Type type : types) {
        auto group = patiently([&] { return agent::read_group(*client, zone, name, type); });
        if (!group) {
            return std::unexpected(std::move(group.error().error));
        }
        if (!group->record_sets.empty()) {
            rotas.push_back({.type = type, .members = std::move(group->record_sets)});
        }
    }
    const Error none{ErrorKind::not_found,
                     fmt::format("{} has no members of type {} in zone {}", name.to_text(),
                                 options.type.empty() ? "A or AAAA" : options.type, zone)};
    if (options.json) {
        Json out;
        out["name"] = name.to_text();
        out["zone"] = zone;
        out["rotas"] = Json::array();
        std::ranges::transform(rotas, std::back_inserter(out["rotas"]), json_of);
        if (rotas.empty()) {
            out["error"] = {{"kind", to_string(none.kind)}, {"message", none.message}};
        }
        put(stdout, "{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
    } else {
        std::ranges::for_each(rotas, [&name](const Rota& rota) { print(name, rota); });
    }
    return rotas.empty() ? report(none) : EX_OK;
}

}  // namespace

void add_list(CLI::App& app, Run& run) {
    CLI::App& command =
        *app.add_subcommand("list", "Show the members of a rota: address, weight, TTL and share");
    auto options = std::make_shared<Options>();
    add_config_option(command, sources());
    command.add_option("NAME", options->name, "Domain name of the rota")->required();
    command
        .add_option("--zone", options->zone, "Hosted zone, by id or by name (default: looked up)")
        ->type_name("ID|NAME")
        ->configurable(false);
    command.add_option("--type", options->type, "One type only (default: A and AAAA)")
        ->type_name("TYPE")
        ->configurable(false);
    add_aws_options(command, options->aws);
    command.add_flag("--json", options->json, "One JSON object on standard output")
        ->configurable(false);
    run_as(
        command, run, [&command, options] { return list(command, *options); },
        [options] { return options->json; });
}

}  // namespace rota::cli
