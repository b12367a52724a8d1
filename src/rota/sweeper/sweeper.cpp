#include "rota/sweeper/sweeper.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sysexits.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/print.h"
#include "rota/base/sd_notify.h"
#include "rota/dns/types.h"
#include "rota/sweeper/counters.h"
#include "rota/sweeper/fleet.h"
#include "rota/sweeper/memory.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/report.h"
#include "rota/sweeper/runtime.h"
#include "rota/sweeper/watch.h"

namespace rota::sweeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kProbeTimeout{2};
// A lease that is renewed at the last moment is not asked for in vain.
constexpr milliseconds kAfterLease{50};
constexpr seconds kLongWait{1};  // worth a line

std::string label_of(const Watch& watch) {
    return fmt::format("{} {}", watch.rota().name.to_text(), dns::to_string(watch.rota().type));
}

}  // namespace

void Complaints::hear(const std::string& source, const Status& status, Counters& counters,
                      std::string_view event) {
    const auto known = said_.find(source);
    if (status) {
        if (known != said_.end()) {
            log::info("works again", {{"source", source}});
            said_.erase(known);
        }
        return;
    }
    counters.count_error(source.substr(0, source.find(' ')));
    const std::string& message = status.error().message;
    if (known == said_.end() || known->second != message) {
        log::warning(event, {{"source", source}, {"error", message}});
        said_.insert_or_assign(source, message);
    }
}

Sweeper::Sweeper(const Options& options, const Access& access, std::unique_ptr<FleetSource> fleet,
                 Counters& counters)
    : options_{options}, fleet_{std::move(fleet)}, counters_{counters} {
    for (const Rota& rota : options.rotas) {
        watches_.push_back(
            std::make_unique<Watch>(rota, access, options.settings, options.probe_template));
    }
    if (!options.memory.empty()) {
        recall();
    }
}

milliseconds Sweeper::probe_timeout() const {
    return std::min<milliseconds>(kProbeTimeout, options_.probe_interval);
}

void Sweeper::recall() {
    memory_.emplace(options_.memory);
    auto remembered = memory_->read(boot_now());
    if (!remembered) {
        log::warning("begins anew: what was remembered cannot be used",
                     {{"error", remembered.error().message}});
        return;
    }
    for (const auto& watch : watches_) {
        if (const auto found = remembered->rotas.find(key_of(watch->rota()));
            found != remembered->rotas.end()) {
            watch->recall(std::move(found->second));
        }
    }
    if (const auto polled = remembered->polled) {
        polled_ = polled;
        next_poll_ = *polled + options_.settings.interval;
    }
}

void Sweeper::remember() {
    if (!memory_ || options_.dry_run) {
        return;
    }
    std::map<std::string, const RotaMemory*, std::less<>> memories;
    for (const auto& watch : watches_) {
        memories.emplace(key_of(watch->rota()), &watch->memory());
    }
    complaints_.hear("memory", memory_->write(memories, polled_), counters_, "cannot remember");
}

void Sweeper::look(BootTime now) {
    errors_.clear();
    for (const auto& watch : watches_) {
        const Status read = watch->read(now);
        complaints_.hear("records " + label_of(*watch), read, counters_);
        if (!read) {
            errors_.insert_or_assign(watch.get(), read.error());
            continue;
        }
        complaints_.hear("leases " + label_of(*watch), watch->ask_leases(now), counters_);
        tell_leases(*watch);
    }
}

void Sweeper::tell_leases(const Watch& watch) {
    const std::initializer_list<log::Field> fields{{"name", watch.rota().name.to_text()},
                                                   {"type", dns::to_string(watch.rota().type)}};
    if (!watch.lacks_leases()) {
        if (without_leases_.erase(&watch) > 0) {
            log::info("the API has leases now", fields);
        }
    } else if (without_leases_.insert(&watch).second) {
        if (fleet_ == nullptr) {
            log::warning(
                "the API has no leases and there is no --fleet: the probe alone removes nobody",
                fields);
        } else {
            log::info("the API has no leases: the fleet source decides", fields);
        }
    }
}

void Sweeper::poll_fleet(BootTime now) {
    if (fleet_ == nullptr) {
        return;
    }
    std::set<std::string> members;
    for (const auto& watch : watches_) {
        std::ranges::move(watch->owned(), std::inserter(members, members.end()));
    }
    const auto fleet = fleet_->poll(std::vector<std::string>{members.begin(), members.end()});
    // An API that throttles is asked ever more rarely, up to every sixteenth interval.
    constexpr unsigned kMostDoublings = 4;
    poll_failures_ = fleet ? 0 : std::min(poll_failures_ + 1, kMostDoublings);
    next_poll_ = now + options_.settings.interval * (1U << poll_failures_);
    complaints_.hear("fleet", fleet ? Status{} : Status{std::unexpected(fleet.error())}, counters_);
    if (fleet) {
        polled_ = now;
        for (const auto& watch : watches_) {
            watch->see(*fleet, now);
        }
    }
}

std::vector<Swept> Sweeper::sweep(BootTime now) {
    std::vector<Swept> swept;
    for (const auto& watch : watches_) {
        Swept one{.watch = watch.get(), .sweepings = {}, .error = {}};
        if (const auto error = errors_.find(watch.get()); error != errors_.end()) {
            one.error = error->second.message;
        } else {
            one.sweepings = watch->sweep(options_.dry_run, now);
            tell(*watch, one.sweepings);
            count(*watch, one.sweepings);
        }
        swept.push_back(std::move(one));
    }
    return swept;
}

void Sweeper::tell(const Watch& watch, const std::vector<Sweeping>& sweepings) {
    const std::string label = label_of(watch);
    std::set<std::string> now_told;
    for (const Sweeping& sweeping : sweepings) {
        if (sweeping.outcome == Outcome::removed || sweeping.outcome == Outcome::gone) {
            tell_removed(watch, sweeping);
            continue;
        }
        const Decision& decision = sweeping.decision;
        const std::string prefix = fmt::format("{} {} ", label, decision.set_identifier);
        const std::string key = fmt::format("{}{} {} {}", prefix, to_string(decision.verdict),
                                            to_string(sweeping.outcome), sweeping.error);
        // A wait has nothing to say of its own, and does not make what was said news.
        const bool is_wait = sweeping.outcome == Outcome::waiting ||
                             (decision.verdict == Verdict::next_pass && decision.wait < kLongWait);
        const bool is_news = !is_wait && !told_.contains(key);
        if (!is_news || decision.verdict == Verdict::next_pass) {
            std::ranges::copy_if(
                told_, std::inserter(now_told, now_told.end()),
                [&prefix](const std::string& one) { return one.starts_with(prefix); });
        }
        if (is_news) {
            now_told.insert(key);
            tell_kept(watch, sweeping);
        }
    }
    std::erase_if(told_, [&label](const std::string& key) { return key.starts_with(label + " "); });
    told_.merge(now_told);
}

void Sweeper::tell_removed(const Watch& watch, const Sweeping& sweeping) {
    const Decision& decision = sweeping.decision;
    log::info(sweeping.outcome == Outcome::removed ? "removed a dead member"
                                                   : "a dead member was removed by somebody else",
              {{"name", watch.rota().name.to_text()},
               {"type", dns::to_string(watch.rota().type)},
               {"set_identifier", decision.set_identifier},
               {"address", decision.values.empty() ? "" : decision.values.front()},
               {"reason", decision.reason},
               {"dangled_seconds", std::chrono::duration<double>{decision.dangled}.count()}});
}

void Sweeper::tell_kept(const Watch& watch, const Sweeping& sweeping) {
    const Decision& decision = sweeping.decision;
    const bool is_dead = is_dead_and_stays(sweeping);
    std::string_view event = is_dead ? "a dead member stays" : "a witness against a member";
    if (decision.verdict == Verdict::remove) {
        if (sweeping.outcome == Outcome::planned) {
            return;  // a dry run shows its plan by itself
        }
        event = "could not remove a dead member";
    }
    log::write(
        is_dead && decision.verdict != Verdict::next_pass ? log::Level::warning : log::Level::info,
        event,
        {{"name", watch.rota().name.to_text()},
         {"type", dns::to_string(watch.rota().type)},
         {"set_identifier", decision.set_identifier},
         {"address", decision.values.empty() ? "" : decision.values.front()},
         // The error, where there is one, is the end of the reason.
         {"reason", sweeping.error.empty()
                        ? decision.reason
                        : fmt::format("{}; {}", decision.reason, sweeping.error)},
         {"dangled_seconds", std::chrono::duration<double>{decision.dangled}.count()}});
}

void Sweeper::count(const Watch& watch, const std::vector<Sweeping>& sweepings) {
    counters_.of(watch.rota().name.to_text(), std::string{dns::to_string(watch.rota().type)},
                 [&](Counters::OfRota& of) {
                     of.members = watch.memory().members.size();
                     of.suspects = sweepings.size();
                     of.kept = static_cast<std::uint64_t>(
                         std::ranges::count_if(sweepings, is_dead_and_stays));
                     for (const Sweeping& sweeping : sweepings) {
                         if (sweeping.outcome == Outcome::removed) {
                             ++of.removals;
                             of.dangled += sweeping.decision.dangled;
                         } else if (sweeping.outcome == Outcome::failed) {
                             ++of.failures;
                         }
                     }
                 });
}

void Sweeper::tell_ready() {
    const bool is_read =
        std::ranges::all_of(watches_, [](const auto& watch) { return watch->was_read(); });
    if (!is_ready_ && is_read) {
        is_ready_ = true;
        const std::string status =
            fmt::format("watches {} rota{}", watches_.size(), watches_.size() == 1 ? "" : "s");
        sd_notify::ready(status);
        log::info("ready", {{"rotas", watches_.size()}});
    }
}

void Sweeper::wait_until(BootTime then, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    const auto left = std::max(BootTime::duration{0}, then - boot_now());
    changed_.wait_for(lock, stop, left, [] { return false; });
}

BootTime Sweeper::next_tick(BootTime next_probe) const {
    BootTime next = next_probe;
    for (const auto& watch : watches_) {
        if (const auto end = watch->next_lease_end(); end && *end + kAfterLease > boot_now()) {
            next = std::min(next, *end + kAfterLease);
        }
    }
    return next;
}

bool Sweeper::a_lease_has_ended() const {
    return std::ranges::any_of(watches_, [now = boot_now()](const auto& watch) {
        const auto end = watch->next_lease_end();
        return end && *end <= now;
    });
}

/// A dry run decides the same again and again: shown is what has changed.
void Sweeper::show_news(const std::vector<Swept>& swept) {
    std::string news;
    for (const Swept& one : swept) {
        for (const Sweeping& sweeping : one.sweepings) {
            news +=
                fmt::format("{} {} {}\n", label_of(*one.watch), sweeping.decision.set_identifier,
                            to_string(sweeping.decision.verdict));
        }
    }
    if (news == shown_) {
        return;
    }
    shown_ = std::move(news);
    put_text(stdout, options_.json ? report_json(swept, true) + "\n" : report_text(swept, true));
    flush(stdout);
}

void Sweeper::run(const std::stop_token& stop) {
    BootTime next_probe = boot_now();
    while (!stop.stop_requested()) {
        const BootTime now = boot_now();
        look(now);
        if (now >= next_poll_) {
            poll_fleet(now);
        }
        if (now >= next_probe) {
            for (const auto& watch : watches_) {
                watch->probe(probe_timeout());
            }
            next_probe = std::max(now + options_.probe_interval, boot_now());
            // A dead machine's probe takes its whole timeout; what ran out meanwhile is not to wait
            // for the next one.
            if (errors_.empty() && a_lease_has_ended()) {
                look(boot_now());
            }
        }
        if (stop.stop_requested()) {
            return;
        }
        const std::vector<Swept> swept = sweep(boot_now());
        remember();
        tell_ready();
        if (options_.dry_run) {
            show_news(swept);
        }
        wait_until(next_tick(next_probe), stop);
    }
}

Result<int> Sweeper::run_once(const std::stop_token& stop) {
    constexpr seconds kBetween{1};
    look(boot_now());
    poll_fleet(boot_now());
    bool has_failed = true;
    // What a threshold and two polls need, if need be.
    const unsigned most = std::max(2U, options_.settings.fall);
    for (unsigned round = 0; round < most && (has_failed || round < 2); ++round) {
        if (round > 0) {
            wait_until(boot_now() + kBetween, stop);
        }
        if (stop.stop_requested()) {
            return EX_TEMPFAIL;
        }
        has_failed = false;
        for (const auto& watch : watches_) {
            has_failed = watch->probe(probe_timeout()) || has_failed;
        }
        if (round == 1) {
            poll_fleet(boot_now());
        }
    }
    const std::vector<Swept> swept = sweep(boot_now());
    remember();
    put_text(stdout, options_.json ? report_json(swept, options_.dry_run) + "\n"
                                   : report_text(swept, options_.dry_run));
    if (!errors_.empty()) {
        return std::unexpected(errors_.begin()->second);
    }
    for (const Swept& one : swept) {
        for (const Sweeping& sweeping : one.sweepings) {
            if (sweeping.outcome == Outcome::failed) {
                return fail(ErrorKind::unavailable, sweeping.error, true);
            }
        }
    }
    return EX_OK;
}

}  // namespace rota::sweeper
