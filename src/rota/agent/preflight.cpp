#include "rota/agent/preflight.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <sysexits.h>

#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/dns/types.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/client.h"

namespace rota::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kClockWindow{300};
constexpr seconds kClockTolerance{60};
constexpr std::size_t kMostMembers = 100;  // of a name and type; Route 53's quota
constexpr std::size_t kManyMembers = 80;

Finding ok(std::string subject, std::string text) {
    return {.level = Level::ok, .subject = std::move(subject), .text = std::move(text)};
}

Finding warn(std::string subject, std::string text) {
    return {.level = Level::warn, .subject = std::move(subject), .text = std::move(text)};
}

Finding failure(std::string subject, std::string text, ErrorKind kind) {
    return {
        .level = Level::fail, .subject = std::move(subject), .text = std::move(text), .kind = kind};
}

/// For a dry call whose answer neither proves the right nor denies it: throttled, cut short.
Finding untold(std::string subject, std::string_view right, const Error& error) {
    return warn(std::move(subject),
                fmt::format("whether {} is allowed could not be told, ask again: "
                            "{}",
                            right, error.message));
}

/// A group as it stands, without the own record set in it.
struct Siblings {
    std::size_t count = 0;
    const model::RecordSet* own = nullptr;
    const model::RecordSet* foreign = nullptr;  ///< of another policy
    std::optional<std::uint32_t> ttl;
    unsigned heaviest = 0;
};

Siblings siblings_in(const Group& group, const Target& target) {
    Siblings found;
    for (const model::RecordSet& record_set : group) {
        const auto* const weighted = std::get_if<model::WeightedRouting>(&record_set.routing);
        if (weighted == nullptr) {
            found.foreign = &record_set;
            continue;
        }
        if (!record_set.values.empty()) {
            found.ttl = record_set.ttl;
        }
        if (record_set.set_identifier == target.set_identifier) {
            found.own = &record_set;
        } else {
            ++found.count;
            found.heaviest = std::max(found.heaviest, unsigned{weighted->weight});
        }
    }
    return found;
}

std::string value_of(const model::RecordSet& record_set) {
    return record_set.values.empty() ? "no value" : record_set.values.front();
}

void judge_own(Findings& findings, const std::string& subject, const model::RecordSet& own,
               const Target& target) {
    if (target.value.empty() || value_of(own) == target.value) {
        findings.push_back(ok(subject, fmt::format("{} is a member already, with {}",
                                                   target.set_identifier, value_of(own))));
        return;
    }
    findings.push_back(
        warn(subject, fmt::format("{} is a member with {}, and would be taken over with {}: is "
                                  "another instance using the same set identifier?",
                                  target.set_identifier, value_of(own), target.value)));
}

void judge_size(Findings& findings, const std::string& subject, const Siblings& siblings) {
    const std::size_t members = siblings.count + (siblings.own == nullptr ? 0 : 1);
    if (siblings.own == nullptr && members >= kMostMembers) {
        findings.push_back(
            failure(subject,
                    fmt::format("the rota has {} members, and Route 53 takes no more: use another "
                                "name",
                                members),
                    ErrorKind::conflict));
    } else if (members >= kManyMembers) {
        findings.push_back(warn(subject, fmt::format("the rota has {} members of the {} that Route "
                                                     "53 takes",
                                                     members, kMostMembers)));
    }
}

bool says(const route53::CallError& error, std::string_view words) {
    return error.api && std::ranges::any_of(error.api->messages, [&](const std::string& message) {
               return message.contains(words);
           });
}

void judge_transition(Findings& findings, const Hooks& hooks, Transition transition,
                      const std::vector<std::string>& names) {
    const std::string subject = fmt::format("{} hook", to_string(transition));
    if (const auto hook = choose_hook(hooks.hooks, transition, names)) {
        findings.push_back(ok(subject, fmt::format("{} of group {} is ended with CONTINUE",
                                                   hook->name, hooks.group)));
        return;
    }
    const bool is_one_there = std::ranges::any_of(
        hooks.hooks, [transition](const Hook& hook) { return hook.transition == transition; });
    if (is_one_there) {
        findings.push_back(
            warn(subject, fmt::format("group {} has several, and none is named for rota: name it "
                                      "with --lifecycle-hook, or rota-…",
                                      hooks.group)));
    } else if (transition == Transition::termination) {
        findings.push_back(warn(
            subject, fmt::format("group {} has none, so it gives a terminating instance no time "
                                 "to drain: see deploy/",
                                 hooks.group)));
    } else {
        findings.push_back(ok(subject, fmt::format("group {} has none", hooks.group)));
    }
}

}  // namespace

std::string_view to_string(Level level) noexcept {
    switch (level) {
        case Level::ok:
            return "ok";
        case Level::warn:
            return "warn";
        case Level::fail:
            return "fail";
    }
    return "fail";
}

std::string to_line(const Finding& finding) {
    return fmt::format("{:<4}  {}: {}", to_string(finding.level), finding.subject, finding.text);
}

Level worst_of(std::span<const Finding> findings) noexcept {
    Level worst = Level::ok;
    for (const Finding& finding : findings) {
        worst = std::max(worst, finding.level);
    }
    return worst;
}

int exit_status(std::span<const Finding> findings) noexcept {
    int status = EX_OK;
    for (const Finding& finding : findings) {
        if (finding.level != Level::fail) {
            continue;
        }
        const int own =
            rota::exit_status(Error{.kind = finding.kind, .message = {}, .retryable = false});
        if (own == EX_CONFIG) {
            return own;
        }
        status = status == EX_OK ? own : status;
    }
    return status;
}

Finding judge_clock(seconds ahead) {
    const seconds off = std::chrono::abs(ahead);
    const std::string_view side = ahead > seconds{0} ? "ahead of" : "behind";
    if (off > kClockWindow) {
        return warn("clock", fmt::format("{} s {} the API's, so requests are signed by the API's "
                                         "time: set this machine's clock (chrony, "
                                         "systemd-timesyncd)",
                                         off.count(), side));
    }
    if (off > kClockTolerance) {
        return warn("clock", fmt::format("{} s {} the API's; at {} s it refuses what is signed by "
                                         "it: let chrony or systemd-timesyncd keep it",
                                         off.count(), side, kClockWindow.count()));
    }
    return ok("clock", off == seconds{0} ? std::string{"as the API's"}
                                         : fmt::format("{} s {} the API's", off.count(), side));
}

Findings judge_zone(const std::string& subject, const Membership& membership, const Target& target,
                    const model::HostedZone& zone) {
    Findings findings;
    if (!membership.name.is_at_or_below(zone.name)) {
        findings.push_back(
            failure(subject,
                    fmt::format("the name is not in zone {} ({}): give the zone that "
                                "holds it with --zone",
                                target.zone_id, zone.name.to_text()),
                    ErrorKind::config));
        return findings;
    }
    findings.push_back(
        ok(subject, fmt::format("zone {} ({}, {})", target.zone_id, zone.name.to_text(),
                                zone.private_zone ? "private" : "public")));
    if (zone.private_zone && membership.type == dns::Type::a && !target.value.empty()) {
        constexpr std::array kPrivate{"10.", "172.", "192.168.", "100.", "127."};
        if (std::ranges::none_of(kPrivate, [&](const char* const prefix) {
                return target.value.starts_with(prefix);
            })) {
            findings.push_back(warn(
                subject, fmt::format("the zone is private and {} is not: is --address local-ipv4 "
                                     "meant?",
                                     target.value)));
        }
    }
    return findings;
}

Findings judge_group(const std::string& subject, const Membership& membership, const Target& target,
                     const Group& group) {
    Findings findings;
    const Siblings siblings = siblings_in(group, target);
    if (siblings.foreign != nullptr) {
        findings.push_back(failure(
            subject,
            fmt::format("the name is held by a {} record set ({}): a rota needs weighted ones "
                        "alone; delete that one, or take another name",
                        siblings.foreign->set_identifier.empty() ? "simple" : "non-weighted",
                        value_of(*siblings.foreign)),
            ErrorKind::conflict));
        return findings;
    }
    judge_size(findings, subject, siblings);
    if (siblings.own != nullptr) {
        judge_own(findings, subject, *siblings.own, target);
    }
    findings.push_back(
        ok(subject, siblings.count == 0 && siblings.own == nullptr
                        ? std::string{"the rota has no members yet"}
                        : fmt::format("the rota has {} other members", siblings.count)));
    if (siblings.ttl && seconds{*siblings.ttl} != membership.ttl) {
        findings.push_back(
            warn(subject, fmt::format("the rota's TTL of {} s is taken, not the configured {} s: "
                                      "one name has one TTL",
                                      *siblings.ttl, membership.ttl.count())));
    }
    constexpr unsigned kScale = 5;  // 10 beside 100 is two ways of counting, 10 beside 20 is a plan
    const unsigned own = membership.weight;
    if (own > 0 && siblings.heaviest > 0 &&
        (own * kScale < siblings.heaviest || siblings.heaviest * kScale < own)) {
        findings.push_back(
            warn(subject, fmt::format("weight {} beside up to {} of the others: do all count on "
                                      "the same scale (10, or 100 where load moves the weights)?",
                                      own, siblings.heaviest)));
    }
    return findings;
}

Finding judge_write(const std::string& subject, const std::optional<route53::CallError>& error,
                    std::string_view identifier) {
    if (!error) {
        return failure(subject,
                       fmt::format("the API accepted a change that must be refused: it is no Route "
                                   "53 and not rota serve; look for the record set {} in the zone",
                                   identifier),
                       ErrorKind::internal);
    }
    if (error->api && error->api->code == "InvalidChangeBatch") {
        if (says(*error, "not permitted in zone")) {
            return failure(subject, error->error.message, ErrorKind::config);
        }
        return ok(subject, "may be written and deleted with these credentials (dry call)");
    }
    const ErrorKind kind = error->error.kind;
    return failure(subject, error->error.message, kind);
}

Finding judge_following(const std::optional<route53::CallError>& error) {
    constexpr std::string_view kSubject = "following changes";
    if (error && error->error.kind == ErrorKind::permission) {
        return warn(std::string{kSubject},
                    fmt::format("{}; without it every leave waits 60 s for a change to be INSYNC",
                                error->error.message));
    }
    if (error && !(error->api && error->api->code == "NoSuchChange")) {
        return untold(std::string{kSubject}, "GetChange", error->error);
    }
    return ok(std::string{kSubject}, "GetChange is allowed (dry call)");
}

Findings judge_plan(const std::string& subject, const Clocks& clocks) {
    Findings findings;
    const Plan plan = plan_leave(clocks);
    for (const Misfit& misfit : plan.misfits) {
        findings.push_back(warn(subject, misfit.sentence));
    }
    if (findings.empty()) {
        findings.push_back(ok(
            subject, fmt::format("a leave takes up to {} s, then the clients that are connected; "
                                 "the deadline is {} s",
                                 plan.total.count(), clocks.deadline.count())));
    }
    return findings;
}

Finding judge_probe(std::string_view role, const health::Check& check,
                    const health::Observation& observation) {
    std::string subject = fmt::format("{} {}", role, excerpt(check.text, 80));
    if (admits(observation)) {
        return ok(std::move(subject), fmt::format("passes: {}", observation.detail));
    }
    return warn(std::move(subject),
                fmt::format("does not pass, so the agent would stay out of the rota: {}",
                            observation.detail));
}

Findings judge_hooks(const HooksFound& found, const std::vector<std::string>& names) {
    constexpr std::string_view kSubject = "lifecycle hooks";
    Findings findings;
    if (!found.hooks) {
        findings.push_back(
            warn(std::string{kSubject},
                 fmt::format("{}; where there is no Auto Scaling: lifecycle-hooks = false",
                             found.problem.message)));
        return findings;
    }
    if (found.hooks->group.empty()) {
        findings.push_back(ok(std::string{kSubject}, "this instance is in no Auto Scaling group"));
        return findings;
    }
    judge_transition(findings, *found.hooks, Transition::launch, names);
    judge_transition(findings, *found.hooks, Transition::termination, names);
    return findings;
}

Finding judge_hook_right(std::string_view right, const HookCalled& called) {
    std::string subject = "lifecycle hooks";
    if (!called.problem || called.is_over) {
        return ok(std::move(subject), fmt::format("{} is allowed (dry call)", right));
    }
    if (called.problem->kind != ErrorKind::permission) {
        return untold(std::move(subject), right, *called.problem);
    }
    return failure(std::move(subject),
                   fmt::format("{}; without it the group waits for its time-out at every launch "
                               "and termination",
                               called.problem->message),
                   called.problem->kind);
}

}  // namespace rota::agent
