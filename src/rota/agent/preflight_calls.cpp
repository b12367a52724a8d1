#include "rota/agent/preflight_calls.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "rota/agent/calls.h"
#include "rota/agent/config.h"
#include "rota/agent/foreseen.h"
#include "rota/agent/hook_calls.h"
#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/measuring.h"
#include "rota/agent/plan.h"
#include "rota/agent/preflight.h"
#include "rota/agent/stop_timeout.h"
#include "rota/agent/weighing.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/base/text.h"
#include "rota/base/time_format.h"
#include "rota/dns/types.h"
#include "rota/health/check.h"
#include "rota/health/probe.h"
#include "rota/http/client.h"
#include "rota/http/message.h"
#include "rota/http/url.h"
#include "rota/instance/address.h"
#include "rota/instance/spot_action.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience{5};
constexpr const char* kUnit = "rota-agent.service";

std::string label_of(const RotaConfig& rota) {
    return fmt::format("{} {}", rota.name.to_text(), dns::to_string(rota.type));
}

/// Goes through everything that is asked over a network or of the application.
class Examiner {
public:
    Examiner(const Config& config, std::shared_ptr<const Surroundings> surroundings,
             const Tell& tell)
        : config_{config},
          surroundings_{std::move(surroundings)},
          tell_{tell},
          client_{make_client(*surroundings_)},
          hook_caller_{surroundings_, config.auto_scaling_group} {
        client_->set_call_timeout(kPatience);
    }

    void examine() {
        examine_metadata();
        examine_api();
        examine_hooks();
        stop_timeout_ = read_stop_timeout();
        if (!stop_timeout_) {
            stop_timeout_ = read_stop_timeout(kUnit);
        }
        for (const RotaConfig& rota : config_.rotas) {
            examine(rota);
        }
        if (!is_api_away_ && !zone_id_.empty()) {
            examine_following();
        }
        examine_application();
    }

private:
    void ok(std::string subject, std::string text) {
        tell_({.subject = std::move(subject), .text = std::move(text)});
    }

    void warn(std::string subject, std::string text) {
        tell_({.level = Level::warn, .subject = std::move(subject), .text = std::move(text)});
    }

    void failed(std::string subject, const Error& error) {
        tell_({.level = Level::fail,
               .subject = std::move(subject),
               .text = error.message,
               .kind = error.kind});
    }

    void tell(Findings findings) {
        for (Finding& finding : findings) {
            tell_(std::move(finding));
        }
    }

    /// An API that does not answer would cost its patience again and again.
    void note(const Error& error) {
        is_api_away_ = is_api_away_ || error.kind == ErrorKind::timeout ||
                       error.kind == ErrorKind::unavailable;
    }

    [[nodiscard]] bool needs_metadata() const {
        return std::ranges::any_of(config_.rotas, [](const RotaConfig& rota) {
            const instance::AddressKind kind = rota.address.kind;
            return rota.set_identifier.empty() || (kind != instance::AddressKind::interface &&
                                                   kind != instance::AddressKind::literal);
        });
    }

    void examine_metadata() {
        const std::string subject = "metadata service";
        if (surroundings_->imds == nullptr) {
            if (needs_metadata()) {
                failed(subject, {ErrorKind::config,
                                 "it is turned off (AWS_EC2_METADATA_DISABLED), but the address or "
                                 "the set identifier is wanted from it: set --set-identifier and "
                                 "a literal --address",
                                 false});
            } else {
                ok(subject, "turned off, and not needed");
            }
            return;
        }
        const auto id = surroundings_->imds->get("meta-data/instance-id");
        const std::string name = id ? id->value_or("") : "";
        if (!name.empty()) {
            has_metadata_ = true;
            is_spot_ = instance::is_spot_instance(
                [this](std::string_view path) { return surroundings_->imds->get(path); });
            ok(subject,
               fmt::format("{} {}", is_spot_ ? "spot instance" : "instance", excerpt(name)));
        } else if (needs_metadata()) {
            failed(subject,
                   id ? Error{ErrorKind::not_found, "it has no instance-id", false} : id.error());
        } else if (config_.settings.watch_notices) {
            warn(subject,
                 fmt::format("{}; notices of the instance's end are not seen: notices = false "
                             "where this is no EC2 instance",
                             id ? "it has no instance-id" : id.error().message));
        } else {
            ok(subject, "does not answer, and is not needed");
        }
    }

    void examine_api() {
        examine_clock();
        const auto keys = surroundings_->credentials->get(wall_now());
        if (!keys) {
            failed("credentials", keys.error());
            is_api_away_ = true;  // nothing can be asked
            return;
        }
        const std::string until =
            keys->expires.transform([](WallTime end) { return format_rfc3339(end); }).value_or("");
        ok("credentials", fmt::format("access key {}{}{}", keys->access_key_id,
                                      until.empty() ? "" : ", renewed before ", until));
    }

    /// The Date of any answer will do: an unsigned request is refused whatever our clock says.
    void examine_clock() {
        const std::string& where = surroundings_->endpoint.url;
        const auto url = http::parse_url(where);
        if (!url) {
            failed("API", url.error());
            is_api_away_ = true;
            return;
        }
        http::Client http{surroundings_->http};
        const WallTime before = wall_now();
        const auto answer = http.send(*url, {.method = "GET", .target = "/"}, kPatience);
        const WallTime after = wall_now();
        if (!answer) {
            Error error = answer.error();
            error.message = fmt::format("{}: {}", where, error.message);
            failed("API", error);
            is_api_away_ = true;
            return;
        }
        ok("API", fmt::format("{} answers", where));
        const std::string* const text = http::find(answer->headers, "date");
        const auto date = text == nullptr ? std::nullopt : parse_http_date(*text);
        if (!date) {
            warn("clock",
                 fmt::format("{} does not tell its time, so ours cannot be checked", where));
            return;
        }
        // The header has whole seconds: what lies between the question and the answer is no error.
        const auto early = std::chrono::floor<seconds>(before - *date);
        const auto late = std::chrono::floor<seconds>(after - *date);
        const bool is_between = early <= seconds{1} && late >= seconds{0};
        tell_(judge_clock(is_between ? seconds{0} : (early > seconds{1} ? early : late)));
    }

    void examine(const RotaConfig& rota) {
        const std::string subject = label_of(rota);
        if (is_api_away_) {
            warn(subject, "not looked at, because the API cannot be asked");
            return;
        }
        RotaConfig known = rota;
        if (rota.set_identifier.empty() && !has_metadata_) {
            known.set_identifier = "unknown";  // it is told already that nobody says who we are
        }
        Caller caller{known, surroundings_};
        caller.set_timeout(kPatience);
        Answer answer = caller(ResolveTarget{.with_address = has_metadata_ || !needs_metadata()});
        if (const auto* const failure = std::get_if<Failure>(&answer)) {
            failed(subject, failure->error);
            // The zone is another matter than the address.
            answer = caller(ResolveTarget{.with_address = false});
        }
        const auto* const target = std::get_if<Target>(&answer);
        if (target == nullptr) {
            note(std::get<Failure>(answer).error);
            return;
        }
        zone_id_ = target->zone_id;
        const Membership membership{
            .name = rota.name, .type = rota.type, .weight = rota.weight, .ttl = rota.ttl};
        if (!target->value.empty()) {
            examine_address(subject, rota, *target);
        }
        if (examine_zone(subject, membership, *target)) {
            examine_group(subject, membership, *target, caller);
        }
    }

    void examine_address(const std::string& subject, const RotaConfig& rota, const Target& target) {
        const auto api = http::parse_url(surroundings_->endpoint.url);
        const bool is_here = api && (api->host == "localhost" || api->host == "::1" ||
                                     api->host.starts_with("127."));
        const std::string_view why = instance::why_unreachable(target.value, is_here);
        if (!why.empty()) {
            warn(subject, fmt::format("no client can reach {}: it {}", target.value, why));
            return;
        }
        ok(subject, fmt::format("address {} ({}), set identifier {}", target.value,
                                instance::to_string(rota.address), target.set_identifier));
    }

    /// @returns false when there is no such zone. GetHostedZone is not in the agent's policy, so
    /// its refusal is no finding.
    bool examine_zone(const std::string& subject, const Membership& membership,
                      const Target& target) {
        const auto zone = client_->get_hosted_zone(target.zone_id);
        if (zone) {
            Findings findings = judge_zone(subject, membership, target, zone->zone.zone);
            const bool is_right = worst_of(findings) != Level::fail;
            tell(std::move(findings));
            return is_right;
        }
        const Error& error = zone.error().error;
        if (error.kind == ErrorKind::permission) {
            ok(subject, fmt::format("zone {}", target.zone_id));
            return true;
        }
        failed(subject, error);
        note(error);
        return false;
    }

    void examine_group(const std::string& subject, const Membership& membership,
                       const Target& target, Caller& caller) {
        const Answer answer = caller(ReadGroup{});
        if (const auto* const failure = std::get_if<Failure>(&answer)) {
            failed(subject, failure->error);
            note(failure->error);
            return;
        }
        const Group& group = std::get<Group>(answer);
        tell(judge_group(subject, membership, target, group));
        examine_right_to_write(subject, membership, target);
        seconds ttl = membership.ttl;
        for (const model::RecordSet& record_set : group) {
            ttl = record_set.values.empty() ? ttl : seconds{record_set.ttl};
        }
        examine_leave(subject, ttl);
    }

    void examine_right_to_write(const std::string& subject, const Membership& membership,
                                const Target& target) {
        const std::string identifier = fmt::format("rota-check-{:016x}", rng_.next());
        const auto record_set = [&](const char* const value) {
            return route53::RawRecordSet{.name = membership.name.to_text(),
                                         .type = std::string{dns::to_string(membership.type)},
                                         .set_identifier = identifier,
                                         .weight = "0",
                                         .ttl = "60",
                                         .values = {value}};
        };
        // The DELETE first: who carries out one change after the other ends with it.
        const route53::RawChangeBatch batch{
            .comment = "rota agent --check: this is to be refused",
            .changes = {{.action = model::Action::del,
                         .record_set = record_set(
                             membership.type == dns::Type::aaaa ? "2001:db8::1" : "192.0.2.1")},
                        {.action = model::Action::upsert, .record_set = record_set("none")}}};
        const auto answer = client_->change_raw_record_sets(target.zone_id, batch);
        tell_(judge_write(subject, answer ? std::nullopt : std::optional{answer.error()},
                          identifier));
        if (!answer) {
            note(answer.error().error);
        }
    }

    void examine_leave(const std::string& subject, seconds ttl) {
        const Settings& settings = config_.settings;
        const bool is_amazons = route53::is_amazons(surroundings_->endpoint);
        const seconds propagation = is_amazons ? settings.assumed_propagation : seconds{0};
        const bool fades = settings.drain_mode == DrainMode::weight_zero;
        Clocks clocks{.ttl = ttl,
                      .margin = settings.margin,
                      .client_floor = settings.client_floor,
                      .propagation = propagation,
                      .poll_interval = settings.notices_interval,
                      .deadline = settings.deadline,
                      .fade = fades ? propagation + ttl : seconds{0},
                      .notice = planned_notice(settings, is_spot_),
                      .stop_timeout = stop_timeout_};
        if (termination_hook_) {
            clocks.heartbeat_timeout = termination_hook_->heartbeat_timeout;
            clocks.global_timeout = termination_hook_->global_timeout;
        }
        tell(judge_plan(subject, clocks));
    }

    void examine_following() {
        const auto answer = client_->get_change(fmt::format("CROTACHECK{:016X}", rng_.next()));
        tell_(judge_following(answer ? std::nullopt : std::optional{answer.error()}));
    }

    void examine_hooks() {
        const Settings& settings = config_.settings;
        if (!settings.follow_hooks || !settings.watch_notices || !has_metadata_) {
            ok("lifecycle hooks", "not followed");
            return;
        }
        const HooksFound found = hook_caller_.find();
        tell(judge_hooks(found, settings.hook_names));
        const Hooks hooks = found.hooks.value_or(Hooks{});
        termination_hook_ = choose_hook(hooks.hooks, Transition::termination, settings.hook_names);
        if (!hooks.hooks.empty()) {
            examine_right(hooks.group, CallHook::Kind::heartbeat,
                          "autoscaling:RecordLifecycleActionHeartbeat");
            examine_right(hooks.group, CallHook::Kind::complete,
                          "autoscaling:CompleteLifecycleAction");
        }
    }

    void examine_right(const std::string& group, CallHook::Kind kind, std::string_view right) {
        tell_(judge_hook_right(
            right, hook_caller_.call({.kind = kind,
                                      .group = group,
                                      .hook = fmt::format("rota-check-{:016x}", rng_.next())})));
    }

    void examine_application() {
        if (config_.readiness) {
            const health::Check& check = *config_.readiness;
            tell_(judge_probe("ready", check, probe(check, check.timeout)));
        }
        for (const health::Check& check : config_.settings.checks) {
            tell_(judge_probe("health check", check, probe(check, check.timeout)));
        }
        if (!config_.load_sources.empty()) {
            LoadMeters meters{config_.load_sources};
            const Measured measured = meters(kPatience);
            for (const std::string& problem : measured.problems) {
                warn("load", problem);
            }
            if (measured.problems.empty()) {
                ok("load", "every source tells");
            }
        }
    }

    const Config& config_;
    std::shared_ptr<const Surroundings> surroundings_;
    const Tell& tell_;
    std::unique_ptr<route53::Client> client_;
    HookCaller hook_caller_;
    Rng rng_ = Rng::from_entropy();
    bool has_metadata_ = false;
    bool is_spot_ = false;
    bool is_api_away_ = false;
    std::string zone_id_;  ///< of the last rota whose zone was found
    std::optional<seconds> stop_timeout_;
    std::optional<Hook> termination_hook_;
};

}  // namespace

void examine_surroundings(const Config& config,
                          const std::shared_ptr<const Surroundings>& surroundings,
                          const Tell& tell) {
    Examiner{config, surroundings, tell}.examine();
}

}  // namespace rota::agent
