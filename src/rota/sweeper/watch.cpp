#include "rota/sweeper/watch.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/model/limits.h"
#include "rota/route53/client.h"
#include "rota/route53/group.h"
#include "rota/route53/messages.h"
#include "rota/route53/retry.h"
#include "rota/route53/rota_client.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/probing.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

constexpr std::chrono::seconds kCallTimeout{10};
constexpr std::chrono::seconds kRetry{5};
// An API that has no leases may be one that has, behind a proxy's error page.
constexpr std::chrono::minutes kAskAgain{5};

/// The API is right about the record set, and another sweeper or the agent was there before.
bool says_changed(const route53::CallError& error) {
    return error.api && error.api->code == "InvalidChangeBatch" &&
           std::ranges::any_of(error.api->messages, [](const std::string& message) {
               return message.contains("do not match the current values");
           });
}

bool is_refused_batch(const route53::CallError& error) {
    return error.api && error.api->code == "InvalidChangeBatch";
}

std::string comment_of(std::span<const Sweeping> sweepings) {
    std::string comment = "removed by rota sweep " ROTA_VERSION;
    for (const Sweeping& one : sweepings) {
        if (one.decision.verdict == Verdict::remove) {
            comment += fmt::format("; {}: {}", one.decision.set_identifier, one.decision.reason);
        }
    }
    // Route 53 counts characters, and what a probe saw may hold any: ASCII alone is safe to cut.
    std::ranges::replace_if(comment, [](char c) { return c < ' ' || c > '~'; }, '?');
    comment.resize(std::min(comment.size(), model::kMaxComment));
    return comment;
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::planned:
            return "planned";
        case Outcome::waiting:
            return "waiting";
        case Outcome::removed:
            return "removed";
        case Outcome::gone:
            return "gone";
        case Outcome::refused:
            return "refused";
        case Outcome::changed:
            return "changed";
        case Outcome::failed:
            return "failed";
    }
    return "unknown";
}

bool is_dead_and_stays(const Sweeping& sweeping) noexcept {
    switch (sweeping.decision.verdict) {
        case Verdict::one_witness:
        case Verdict::foreign:
            return false;
        case Verdict::last:
        case Verdict::next_pass:
        case Verdict::cap:
            return true;
        case Verdict::remove:
            break;
    }
    return sweeping.outcome != Outcome::removed && sweeping.outcome != Outcome::gone;
}

Watch::Watch(Rota rota, const Access& access, Settings settings,
             std::optional<CheckTemplate> probe_template)
    : rota_{std::move(rota)},
      access_{access},
      settings_{std::move(settings)},
      probe_template_{std::move(probe_template)},
      client_{std::make_unique<route53::Client>(access.endpoint, access.credentials, access.http)},
      rota_client_{
          std::make_unique<route53::RotaClient>(access.endpoint, access.credentials, access.http)} {
    client_->set_call_timeout(kCallTimeout);
    rota_client_->set_call_timeout(kCallTimeout);
}

Status Watch::read(BootTime now) {
    const bool is_cheap = memory_.leases_seen.has_value();
    if (last_read_ && !is_cheap && now - *last_read_ < settings_.interval) {
        return {};
    }
    return read_now(now);
}

Status Watch::read_now(BootTime now) {
    if (zone_id_.empty()) {
        zone_id_ = ROTA_TRY(access_.find_zone(*client_, rota_.zone));
    }
    auto group = route53::read_raw_group(*client_, zone_id_, rota_.name, rota_.type);
    if (!group) {
        return std::unexpected(std::move(group.error().error));
    }
    see_record_sets(memory_, *std::move(group), now);
    last_read_ = now;
    return {};
}

Status Watch::ask_leases(BootTime now) {
    if (route53::is_amazons(access_.endpoint)) {
        lacks_leases_ = true;
        return {};
    }
    if (zone_id_.empty() || (lacks_leases_ && now < next_ask_)) {
        return {};
    }
    auto list = rota_client_->leases(zone_id_, rota_.name, rota_.type);
    if (!list) {
        if (list.error().is_unsupported && !knows_of_leases()) {
            lacks_leases_ = true;
            next_ask_ = now + kAskAgain;
            return {};
        }
        return std::unexpected(std::move(list.error().error));
    }
    lacks_leases_ = false;
    see_leases(memory_, *list, now);
    next_lease_end_.reset();
    for (const route53::MemberLease& lease : list->leases) {
        if (lease.is_held) {
            const BootTime end = now + lease.expires_in;
            next_lease_end_ = next_lease_end_ ? std::min(*next_lease_end_, end) : end;
        }
    }
    leases_ = std::move(list->leases);
    return {};
}

bool Watch::knows_of_leases() const {
    return memory_.leases_seen || std::ranges::any_of(memory_.members, [](const auto& one) {
               return one.second.held_lease;
           });
}

bool Watch::probe(std::chrono::milliseconds timeout) {
    std::vector<Probe> probes;
    for (const route53::RawRecordSet& record_set : memory_.record_sets) {
        if (!is_owned(record_set, settings_.own)) {
            continue;
        }
        const std::string identifier = record_set.set_identifier.value_or("");
        const auto lease =
            std::ranges::find(leases_, identifier, &route53::MemberLease::set_identifier);
        const auto target = lease == leases_.end() ? std::nullopt : lease->probe;
        Result<health::Check> check = fail(ErrorKind::not_found, "no probe");
        if (probe_template_) {
            check = probe_template_->at(record_set.values.front());
        } else if (target) {
            check = check_of(*target, record_set.values.front());
        }
        if (check) {
            probes.push_back(
                {.set_identifier = identifier, .check = *std::move(check), .seen = {}});
        }
    }
    probe_all(probes, timeout);
    const BootTime now = boot_now();
    bool has_failed = false;
    for (const Probe& one : probes) {
        if (one.seen.outcome != health::Outcome::neutral) {
            see_probe(memory_, one.set_identifier, one.seen.passed(), one.seen.detail, now);
            has_failed = has_failed || !one.seen.passed();
        }
    }
    return has_failed;
}

std::vector<std::string> Watch::owned() const {
    std::vector<std::string> identifiers;
    for (const route53::RawRecordSet& record_set : memory_.record_sets) {
        if (is_owned(record_set, settings_.own)) {
            identifiers.push_back(record_set.set_identifier.value_or(""));
        }
    }
    return identifiers;
}

std::vector<Sweeping> Watch::sweep(bool dry_run, BootTime now) {
    Plan made = plan(memory_, settings_, now);
    std::string error;
    const bool waits = now < not_before_;
    if (!made.batch.changes.empty() && !dry_run && !waits) {
        // An agent that came back since has written its record set again.
        if (const Status seen = read_now(now); !seen) {
            error = seen.error().message;
        } else {
            made = plan(memory_, settings_, now);
        }
    }
    std::vector<Sweeping> sweepings;
    std::ranges::transform(made.decisions, std::back_inserter(sweepings), [](Decision& decision) {
        return Sweeping{.decision = std::move(decision), .error = {}};
    });
    if (dry_run || made.batch.changes.empty()) {
        return sweepings;
    }
    if (error.empty() && !waits) {
        carry_out(sweepings, made.batch, now);
        return sweepings;
    }
    if (!waits) {
        not_before_ = now + kRetry;
    }
    for (Sweeping& one : sweepings) {
        if (one.decision.verdict == Verdict::remove) {
            one.outcome = waits ? Outcome::waiting : Outcome::failed;
            one.error = error;
        }
    }
    return sweepings;
}

void Watch::carry_out(std::vector<Sweeping>& sweepings, const route53::RawChangeBatch& batch,
                      BootTime now) {
    // One batch of all, unless the API refuses it: then each by itself, so that one lost race does
    // not keep the others.
    route53::RawChangeBatch all = batch;
    all.comment = comment_of(sweepings);
    const Tried together = remove(all);
    const bool is_one_by_one = batch.changes.size() > 1 && (together.outcome == Outcome::gone ||
                                                            together.outcome == Outcome::changed ||
                                                            together.outcome == Outcome::refused);
    unsigned removed = 0;
    for (const route53::RawChange& change : batch.changes) {
        const auto found = std::ranges::find_if(sweepings, [&change](const Sweeping& one) {
            return one.decision.set_identifier == change.record_set.set_identifier;
        });
        ROTA_ASSERT(found != sweepings.end());
        Tried tried = is_one_by_one
                          ? remove({.comment = comment_of({&*found, 1}), .changes = {change}})
                          : together;
        found->outcome = tried.outcome;
        found->error = std::move(tried.error);
        found->may_be_gone = tried.may_be_done;
        if (found->outcome == Outcome::removed || found->may_be_gone) {
            ++removed;
        }
        if (found->outcome == Outcome::removed || found->outcome == Outcome::gone) {
            forget(change.record_set);
        } else {
            not_before_ = now + kRetry;
        }
    }
    note_removals(memory_, removed, now);
}

Watch::Tried Watch::remove(const route53::RawChangeBatch& batch) {
    constexpr std::uint32_t kKeep = 1;
    const auto done = client_->change_raw_record_sets(zone_id_, batch, {.keep_members = kKeep});
    if (done) {
        return {};
    }
    const route53::CallError& error = done.error();
    Tried tried{.outcome = Outcome::failed,
                .error = error.error.message,
                .may_be_done = error.outcome_unknown};
    if (route53::says_too_few_members(error)) {
        tried.outcome = Outcome::refused;
    } else if (route53::says_not_found(error)) {
        tried.outcome = Outcome::gone;
    } else if (says_changed(error) || (batch.changes.size() > 1 && is_refused_batch(error))) {
        tried.outcome = Outcome::changed;
    }
    return tried;
}

void Watch::forget(const route53::RawRecordSet& record_set) {
    const auto identifier = record_set.set_identifier;
    std::erase_if(memory_.record_sets, [&identifier](const route53::RawRecordSet& one) {
        return one.set_identifier == identifier;
    });
    if (identifier) {
        memory_.members.erase(*identifier);
    }
}

}  // namespace rota::sweeper
