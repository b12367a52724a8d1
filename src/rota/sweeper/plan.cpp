#include "rota/sweeper/plan.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rota/base/clock.h"
#include "rota/model/change_batch.h"
#include "rota/route53/messages.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kPolls = 2;      // of the fleet, that must agree
constexpr unsigned kWitnesses = 2;  // of three
// A server that cannot be asked any more says nothing about leases.
constexpr std::chrono::seconds kFresh{30};

/// What stands against a member.
struct Case {
    std::string_view set_identifier;
    const route53::RawRecordSet* record_set = nullptr;
    unsigned witnesses = 0;
    bool is_terminated = false;
    BootTime since;  ///< the first sign
    std::vector<std::string> words;

    void add(BootTime sign, std::string text) {
        since = witnesses == 0 ? sign : std::min(since, sign);
        ++witnesses;
        words.push_back(std::move(text));
    }

    [[nodiscard]] bool is_dead() const noexcept { return is_terminated || witnesses >= kWitnesses; }
};

std::string ago(BootTime then, BootTime now) {
    return fmt::format("{:.1f} s", std::chrono::duration<double>{now - then}.count());
}

void hear_probe(Case& against, const MemberMemory& member, const Settings& settings, BootTime now) {
    if (member.failures >= settings.fall && member.was_alive) {
        against.add(member.failing_since,
                    fmt::format("the probe has failed {} times in a row, for {}: {}",
                                member.failures, ago(member.failing_since, now), member.failure));
    }
}

void hear_fleet(Case& against, const MemberMemory& member, const Settings& settings, BootTime now) {
    if (member.gone_polls < kPolls) {
        return;
    }
    if (member.terminated_polls >= kPolls) {
        against.is_terminated = true;
        against.add(member.gone_since,
                    fmt::format("the fleet says terminated, for {}", ago(member.gone_since, now)));
    } else if (now - member.first_seen >= settings.young) {
        against.add(member.gone_since, fmt::format("the fleet does not know the instance, for {}",
                                                   ago(member.gone_since, now)));
    }
}

void hear_lease(Case& against, const RotaMemory& memory, const MemberMemory& member, BootTime now) {
    const bool is_fresh = memory.leases_seen && now - *memory.leases_seen <= kFresh;
    if (member.lease_over && is_fresh) {
        against.add(*member.lease_over,
                    fmt::format("the lease ran out {} ago", ago(*member.lease_over, now)));
    }
}

/// Those with a witness against them, by set identifier.
std::vector<Case> cases_of(const RotaMemory& memory, const Settings& settings, BootTime now) {
    std::vector<Case> cases;
    for (const route53::RawRecordSet& record_set : memory.record_sets) {
        const auto member = memory.members.find(record_set.set_identifier.value_or(""));
        if (!record_set.set_identifier || member == memory.members.end()) {
            continue;
        }
        Case against{.set_identifier = member->first, .record_set = &record_set};
        hear_probe(against, member->second, settings, now);
        hear_fleet(against, member->second, settings, now);
        hear_lease(against, memory, member->second, now);
        if (against.witnesses > 0) {
            cases.push_back(std::move(against));
        }
    }
    std::ranges::sort(cases, {}, &Case::set_identifier);
    return cases;
}

bool is_member(const route53::RawRecordSet& record_set) {
    return record_set.weight.has_value() && record_set.set_identifier.has_value();
}

bool has_weight(const route53::RawRecordSet& record_set) {
    return is_member(record_set) && record_set.weight.value_or("0") != "0";
}

/// Counts down what may still go: the guards.
class Allowance {
public:
    Allowance(const RotaMemory& memory, const Settings& settings, BootTime now) {
        members_ = static_cast<std::size_t>(std::ranges::count_if(memory.record_sets, is_member));
        weighted_ = static_cast<std::size_t>(std::ranges::count_if(memory.record_sets, has_weight));
        all_count_ = weighted_ == 0;
        const auto is_recent = [&settings, now](BootTime at) {
            return now - at < settings.interval;
        };
        const auto recent =
            static_cast<std::size_t>(std::ranges::count_if(memory.removals, is_recent));
        constexpr std::size_t kWhole = 100;
        cap_ = std::max<std::size_t>(1, (members_ + recent) * settings.most_percent / kWhole);
        left_ = cap_ - std::min(cap_, recent);
        interval_ = settings.interval;
        if (recent > 0) {
            const bool is_lease_newer =
                std::ranges::any_of(memory.members, [&memory](const auto& one) {
                    return one.second.lease_over &&
                           one.second.lease_over_noticed > memory.removals.back();
                });
            wait_ = is_lease_newer ? milliseconds{0}
                                   : std::chrono::ceil<milliseconds>(memory.removals.back() +
                                                                     settings.interval - now);
        }
    }

    /// Whether this one may go as well; then it counts as gone.
    Verdict take(const route53::RawRecordSet& record_set) {
        const bool counts = all_count_ || has_weight(record_set);
        const std::size_t before = all_count_ ? members_ : weighted_;
        if (counts && before == 1) {
            return Verdict::last;
        }
        if (wait_ > milliseconds{0}) {
            return Verdict::next_pass;
        }
        if (left_ == 0) {
            return Verdict::cap;
        }
        --left_;
        --members_;
        if (has_weight(record_set)) {
            --weighted_;
        }
        return Verdict::remove;
    }

    [[nodiscard]] milliseconds wait() const noexcept { return wait_; }

    [[nodiscard]] std::string words(Verdict verdict) const {
        switch (verdict) {
            case Verdict::last:
                return "; stays: it is the last member";
            case Verdict::next_pass:
                return fmt::format("; stays: the next pass is in {:.1f} s",
                                   std::chrono::duration<double>{wait_}.count());
            case Verdict::cap:
                return fmt::format("; stays: no more than {} of this rota may go within {} s", cap_,
                                   interval_.count());
            default:
                return {};
        }
    }

private:
    std::size_t members_ = 0;
    std::size_t weighted_ = 0;
    bool all_count_ = false;  ///< Route 53 answers members of weight 0 when there are no others
    std::size_t cap_ = 1;
    std::size_t left_ = 0;
    milliseconds wait_{0};
    std::chrono::seconds interval_{0};
};

/// The surest first, then the one dead for longest.
bool goes_before(const Case& one, const Case& other) {
    const auto rank = [](const Case& against) {
        return std::tuple{!against.is_terminated, -static_cast<int>(against.witnesses),
                          against.since, against.set_identifier};
    };
    return rank(one) < rank(other);
}

}  // namespace

Plan plan(const RotaMemory& memory, const Settings& settings, BootTime now) {
    const std::vector<Case> cases = cases_of(memory, settings, now);
    std::vector<const Case*> dead;
    Plan result;
    for (const Case& against : cases) {
        Decision decision{.set_identifier = std::string{against.set_identifier},
                          .values = against.record_set->values,
                          .reason = fmt::format("{}", fmt::join(against.words, "; ")),
                          .dangled = std::chrono::floor<milliseconds>(now - against.since)};
        if (!is_owned(*against.record_set, settings.own)) {
            decision.verdict = Verdict::foreign;
            decision.reason += "; stays: no agent's, by its set identifier or its form";
        } else if (!against.is_dead()) {
            decision.reason += "; stays: this is one witness, and two are needed";
        } else {
            dead.push_back(&against);
        }
        result.decisions.push_back(std::move(decision));
    }
    std::ranges::sort(dead,
                      [](const Case* one, const Case* other) { return goes_before(*one, *other); });
    Allowance allowance{memory, settings, now};
    for (const Case* const against : dead) {
        Decision& decision = result.decisions[static_cast<std::size_t>(against - cases.data())];
        decision.verdict = allowance.take(*against->record_set);
        decision.reason += allowance.words(decision.verdict);
        decision.wait = decision.verdict == Verdict::next_pass ? allowance.wait() : milliseconds{0};
        if (decision.verdict != Verdict::remove) {
            continue;
        }
        result.batch.changes.push_back(
            {.action = model::Action::del, .record_set = *against->record_set});
    }
    return result;
}

std::string_view to_string(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::remove:
            return "remove";
        case Verdict::one_witness:
            return "one_witness";
        case Verdict::foreign:
            return "foreign";
        case Verdict::last:
            return "last";
        case Verdict::next_pass:
            return "next_pass";
        case Verdict::cap:
            return "cap";
    }
    return "unknown";
}

bool is_owned(const route53::RawRecordSet& record_set, const std::vector<std::string>& own) {
    const bool is_agents = is_member(record_set) && !record_set.alias &&
                           !record_set.health_check_id && !record_set.traffic_policy_instance_id &&
                           record_set.values.size() == 1;
    return is_agents && std::ranges::any_of(own, [&record_set](const std::string& pattern) {
               return matches(pattern, *record_set.set_identifier);
           });
}

bool matches(std::string_view pattern, std::string_view text) noexcept {
    // Back to the last star, which then takes one character more: linear in practice, no recursion.
    std::size_t at = 0;
    std::size_t in_text = 0;
    std::size_t star = std::string_view::npos;
    std::size_t after_star = 0;
    while (in_text < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            after_star = in_text;
        } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[in_text])) {
            ++at;
            ++in_text;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            in_text = ++after_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace rota::sweeper
