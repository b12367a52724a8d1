#include "rota/agent/status.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/weighing.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/dns/types.h"
#include "rota/health/judge.h"
#include "rota/instance/connections.h"
#include "rota/model/record_set.h"

namespace rota::agent {
namespace {

using Json = nlohmann::ordered_json;

struct Command {
    std::string_view name;
    SocketRequest::Kind kind;
};

constexpr std::array kCommands{
    Command{"status", SocketRequest::Kind::status},
    Command{"leave", SocketRequest::Kind::leave},
    Command{"drain", SocketRequest::Kind::drain},
    Command{"resume", SocketRequest::Kind::resume},
};

Json seconds_until(const std::optional<BootTime>& moment, BootTime now) {
    if (!moment) {
        return nullptr;
    }
    const auto left = std::chrono::ceil<std::chrono::seconds>(*moment - now).count();
    return left > 0 ? left : 0;
}

Json known(const std::string& text) {
    return text.empty() ? Json{} : Json(text);
}

const std::string& set_identifier_of(const Member& member) {
    return member.target ? member.target->set_identifier : member.membership.set_identifier;
}

const std::string& address_of(const Member& member) {
    if (member.stored && !member.stored->values.empty()) {
        return member.stored->values.front();
    }
    const bool has_value = member.target && !member.target->value.empty();
    return has_value ? member.target->value : member.membership.address;
}

std::string label(std::string_view name, std::string_view type, std::string_view set_identifier) {
    return fmt::format("{} {}{}{}", name, type, set_identifier.empty() ? "" : " ", set_identifier);
}

/// Null where load does not move weights.
Json load_json(const State& state) {
    if (!state.settings.load) {
        return nullptr;
    }
    const auto& [load, problems] = state.load.last;
    return {{"utilisation", load.utilisation ? Json(*load.utilisation) : Json{}},
            {"problems", problems}};
}

/// What the last heartbeat told; null where none does.
Json fleet_json(const Scale& scale) {
    const auto& fleet = scale.fleet ? scale.fleet : scale.law.fleet;
    if (!fleet) {
        return nullptr;
    }
    return {
        {"members", fleet->members},
        {"reporting", fleet->reporting},
        {"mean_utilisation", fleet->mean_utilisation ? Json(*fleet->mean_utilisation) : Json{}}};
}

Json weighing_json(const State& state, const Member& member) {
    if (!state.settings.load) {
        return nullptr;
    }
    const Scale& scale = member.scale;
    return {{"base", member.membership.weight},         {"wanted", scale.wanted.weight},
            {"reason", known(scale.wanted.reason)},     {"fleet", fleet_json(scale)},
            {"overruled", scale.overruled.has_value()}, {"other_scale", known(scale.odd)}};
}

/// "load 90%: weight 70 wanted: 100 x trim 0.70 (90% busy, the target 60%)".
std::string load_text(const Json& load, const Json& weighing) {
    if (!weighing.is_object() || !weighing.at("reason").is_string()) {
        return {};
    }
    constexpr double kPercent = 100;
    std::string out = "load unknown";
    if (load.is_object() && load.at("utilisation").is_number()) {
        out = fmt::format("load {:.0f}%", load.at("utilisation").get<double>() * kPercent);
    }
    if (weighing.at("overruled").get<bool>()) {
        return out + ", the weight was set by someone else and stays";
    }
    out += fmt::format(", weight {} wanted: {}", weighing.at("wanted").get<int>(),
                       weighing.at("reason").get<std::string>());
    if (weighing.at("other_scale").is_string()) {
        out += "; " + weighing.at("other_scale").get<std::string>();
    }
    return out;
}

Json rota_json(const State& state, const Member& member, BootTime now) {
    Json rota;
    rota["name"] = member.membership.name.to_text();
    rota["type"] = dns::to_string(member.membership.type);
    // As the API has it; before it has answered, as the configuration says.
    rota["zone"] = known(member.target ? member.target->zone_id : member.membership.zone);
    rota["set_identifier"] = known(set_identifier_of(member));
    rota["address"] = known(address_of(member));
    rota["weight"] = nullptr;
    rota["ttl"] = nullptr;
    if (member.stored) {
        rota["ttl"] = member.stored->ttl;
        if (const auto* weighted = std::get_if<model::WeightedRouting>(&member.stored->routing)) {
            rota["weight"] = weighted->weight;
        }
    }
    rota["weighing"] = weighing_json(state, member);
    rota["phase"] = to_string(member.phase);
    rota["text"] = describe(state, member, now);
    rota["held"] = known(member.held);
    rota["change_id"] = member.change_id.empty() ? Json{} : Json(member.change_id);
    rota["written"] = member.was_in_service && !member.wrote_nothing;
    rota["drain_seconds_left"] = seconds_until(member.floor, now);
    rota["failures"] = member.failures;
    rota["error"] = nullptr;
    if (member.last_error) {
        rota["error"] = {{"kind", to_string(member.last_error->kind)},
                         {"message", member.last_error->message}};
    }
    return rota;
}

std::string join_lines(const std::vector<std::pair<std::string, std::string>>& lines) {
    if (lines.size() == 1) {
        return lines.front().second;
    }
    std::string out;
    for (const auto& [label, text] : lines) {
        out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", label, text);
    }
    return out;
}

}  // namespace

std::string status_json(const State& state, BootTime now) {
    Json status;
    status["version"] = ROTA_VERSION;
    status["leaving"] = state.is_leaving;
    status["reason"] = state.leave_reason.empty() ? Json{} : Json(state.leave_reason);
    status["ready"] = state.is_ready;
    status["health"] = to_string(health_of(state));
    status["checks"] = Json::array();
    for (std::size_t i = 0; i < state.examinations.size(); ++i) {
        const Examination& examination = state.examinations[i];
        status["checks"].push_back({{"check", state.settings.checks[i].text},
                                    {"verdict", to_string(examination.judge.verdict)},
                                    {"reason", known(examination.judge.reason)},
                                    {"output", known(examination.last.output)}});
    }
    status["absences"] = Json::array();
    for (const Absence& absence : state.absences) {
        status["absences"].push_back({{"reason", to_string(absence.reason)},
                                      {"text", absence.text},
                                      {"seconds_left", seconds_until(absence.ends, now)}});
    }
    status["deadline_seconds_left"] = seconds_until(state.deadline, now);
    status["exit_status"] = state.exit_status ? Json(*state.exit_status) : Json{};
    status["margin_seconds"] = state.settings.margin.count();
    status["deadline_seconds"] = state.settings.deadline.count();
    if (state.settings.dry_run) {
        status["dry_run"] = true;
    }
    status["load"] = load_json(state);
    status["connections"] = nullptr;
    if (state.clients.before) {
        status["connections"] = {{"open", state.clients.last.total},
                                 {"before", *state.clients.before},
                                 {"peers", Json::array()}};
        for (const instance::PeerConnections& peer : state.clients.last.peers) {
            status["connections"]["peers"].push_back(
                {{"address", peer.address}, {"open", peer.count}});
        }
    }
    status["rotas"] = Json::array();
    for (const Member& member : state.members) {
        status["rotas"].push_back(rota_json(state, member, now));
    }
    return status.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<StatusView> parse_status(std::string_view json) {
    try {
        const Json status = Json::parse(json);
        StatusView view;
        if (const auto error = status.find("error"); error != status.end()) {
            view.error = error->get<std::string>();
            return view;
        }
        for (const Json& absence : status.at("absences")) {
            view.absences.push_back(absence.at("reason").get<std::string>());
        }
        view.is_leaving = status.at("leaving").get<bool>();
        if (!status.at("exit_status").is_null()) {
            view.exit_status = status.at("exit_status").get<int>();
        }
        const auto text_of = [](const Json& value) {
            return value.is_string() ? value.get<std::string>() : std::string{};
        };
        const auto seconds_of = [&status](const char* key) {
            return status.contains(key) ? std::optional{std::chrono::seconds{
                                              status.at(key).get<std::chrono::seconds::rep>()}}
                                        : std::nullopt;
        };
        view.margin = seconds_of("margin_seconds");
        view.deadline = seconds_of("deadline_seconds");
        for (const Json& rota : status.at("rotas")) {
            RotaView one{.label = {},
                         .phase = text_of(rota.at("phase")),
                         .text = text_of(rota.at("text")),
                         .record = {},
                         .zone = text_of(rota.at("zone")),
                         .name = text_of(rota.at("name")),
                         .type = text_of(rota.at("type")),
                         .set_identifier = text_of(rota.at("set_identifier")),
                         .held = text_of(rota.at("held")),
                         .load = {}};
            if (status.contains("load") &&
                rota.contains("weighing")) {  // an agent of before has neither
                one.load = load_text(status.at("load"), rota.at("weighing"));
            }
            one.label = label(one.name, one.type, one.set_identifier);
            if (rota.at("address").is_string() && rota.at("weight").is_number()) {
                one.record = fmt::format("{} weight {} TTL {} s", text_of(rota.at("address")),
                                         rota.at("weight").get<int>(), rota.at("ttl").get<long>());
            }
            view.rotas.push_back(std::move(one));
        }
        return view;
    } catch (const std::exception&) {  // the library's edge: anything but the expected shape
        return std::nullopt;
    }
}

Result<SocketRequest> parse_request(std::string_view json) {
    using Kind = SocketRequest::Kind;
    try {
        const Json line = Json::parse(json);
        const auto command = line.at("command").get<std::string>();
        const auto* const known = std::ranges::find(kCommands, command, &Command::name);
        if (known == kCommands.end()) {
            return fail(
                ErrorKind::bad_input,
                fmt::format("unknown command '{}'; known: status, leave, drain, resume", command));
        }
        SocketRequest request{.kind = known->kind};
        if (request.kind == Kind::drain) {
            if (line.contains("seconds")) {
                const auto seconds = line.at("seconds").get<std::int32_t>();
                if (seconds <= 0) {
                    return fail(ErrorKind::bad_input, "seconds: more than none");
                }
                request.drain_for = std::chrono::seconds{seconds};
            }
            request.reason = line.value("reason", std::string{});
            request.takes_last = line.value("last", std::string{}) == "remove";
        }
        return request;
    } catch (const std::exception& error) {  // the library's edge
        return fail(ErrorKind::bad_input, fmt::format("not a request: {}", error.what()));
    }
}

std::string request_json(const SocketRequest& request) {
    Json line;
    line["command"] = std::ranges::find(kCommands, request.kind, &Command::kind)->name;
    if (request.drain_for) {
        line["seconds"] = request.drain_for->count();
    }
    if (!request.reason.empty()) {
        line["reason"] = request.reason;
    }
    if (request.takes_last) {
        line["last"] = "remove";
    }
    return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string error_json(const Error& error) {
    return Json{{"error", error.message}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string label_of(const Member& member) {
    return label(member.membership.name.to_text(), dns::to_string(member.membership.type),
                 set_identifier_of(member));
}

std::string summary(const State& state, BootTime now) {
    std::vector<std::pair<std::string, std::string>> lines;
    lines.reserve(state.members.size());
    for (const Member& member : state.members) {
        lines.emplace_back(label_of(member), describe(state, member, now));
    }
    return join_lines(lines);
}

std::string summary(const StatusView& view) {
    std::vector<std::pair<std::string, std::string>> lines;
    lines.reserve(view.rotas.size());
    for (const RotaView& rota : view.rotas) {
        lines.emplace_back(rota.label, rota.text);
    }
    return join_lines(lines);
}

}  // namespace rota::agent
