#include "rota/sweeper/report.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "rota/dns/types.h"
#include "rota/route53/messages.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/watch.h"

namespace rota::sweeper {
namespace {

using Json = nlohmann::ordered_json;

std::string_view words(const Sweeping& sweeping, bool dry_run) {
    if (sweeping.decision.verdict != Verdict::remove) {
        return "kept";
    }
    switch (sweeping.outcome) {
        case Outcome::planned:
            return dry_run ? "would be removed" : "not removed";
        case Outcome::removed:
            return "removed";
        case Outcome::gone:
            return "gone already";
        case Outcome::refused:
            return "kept by the server";
        case Outcome::changed:
            return "changed meanwhile";
        case Outcome::waiting:
        case Outcome::failed:
            return "NOT removed";
    }
    return "unknown";
}

std::size_t members_of(const Watch& watch) {
    return static_cast<std::size_t>(std::ranges::count_if(
        watch.memory().record_sets,
        [](const route53::RawRecordSet& one) { return one.weight && one.set_identifier; }));
}

}  // namespace

std::string report_text(std::span<const Swept> swept, bool dry_run) {
    std::string out;
    for (const Swept& one : swept) {
        const Rota& rota = one.watch->rota();
        fmt::format_to(std::back_inserter(out), "{} {}: ", rota.name.to_text(),
                       dns::to_string(rota.type));
        if (!one.error.empty()) {
            fmt::format_to(std::back_inserter(out), "{}\n", one.error);
            continue;
        }
        fmt::format_to(std::back_inserter(out), "{} members, {} with a witness against them\n",
                       members_of(*one.watch), one.sweepings.size());
        for (const Sweeping& sweeping : one.sweepings) {
            const Decision& decision = sweeping.decision;
            fmt::format_to(std::back_inserter(out), "  {}  {}  {}: {}{}{}\n",
                           decision.set_identifier, fmt::join(decision.values, " "),
                           words(sweeping, dry_run), decision.reason,
                           sweeping.error.empty() ? "" : "; ", sweeping.error);
        }
    }
    return out;
}

std::string report_json(std::span<const Swept> swept, bool dry_run) {
    Json out;
    out["dry_run"] = dry_run;
    out["rotas"] = Json::array();
    for (const Swept& one : swept) {
        const Rota& rota = one.watch->rota();
        Json json;
        json["name"] = rota.name.to_text();
        json["type"] = dns::to_string(rota.type);
        json["zone"] = rota.zone;
        if (!one.error.empty()) {
            json["error"] = one.error;
            out["rotas"].push_back(std::move(json));
            continue;
        }
        json["members"] = members_of(*one.watch);
        json["decisions"] = Json::array();
        for (const Sweeping& sweeping : one.sweepings) {
            Json decision;
            decision["set_identifier"] = sweeping.decision.set_identifier;
            decision["values"] = sweeping.decision.values;
            decision["verdict"] = to_string(sweeping.decision.verdict);
            decision["outcome"] = to_string(sweeping.outcome);
            decision["reason"] = sweeping.decision.reason;
            decision["dangled_seconds"] =
                std::chrono::duration<double>{sweeping.decision.dangled}.count();
            if (!sweeping.error.empty()) {
                decision["error"] = sweeping.error;
            }
            json["decisions"].push_back(std::move(decision));
        }
        out["rotas"].push_back(std::move(json));
    }
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace rota::sweeper
