#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/stepper.h"
#include "rota/base/log.h"
#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/judge.h"

namespace rota::agent {

using health::Verdict;

Verdict health_of(const State& state) {
    std::vector<Verdict> verdicts;
    verdicts.reserve(state.examinations.size());
    for (const Examination& examination : state.examinations) {
        verdicts.push_back(examination.judge.verdict);
    }
    return health::combine(verdicts);
}

void Stepper::begin_examinations() {
    state_.examinations.resize(state_.settings.checks.size());
    for (Examination& examination : state_.examinations) {
        examination.wake = now_;
    }
}

void Stepper::end_examinations() {
    for (Examination& examination : state_.examinations) {
        examination.wake.reset();
    }
}

void Stepper::probe_where_due() {
    for (std::size_t i = 0; i < state_.examinations.size(); ++i) {
        Examination& examination = state_.examinations[i];
        if (examination.wake && *examination.wake <= now_) {
            examination.wake.reset();
            examination.is_out = true;
            examination.asked_at = now_;
            actions_.emplace_back(Probe{i});
        }
    }
}

void Stepper::on(const Probed& event) {
    if (event.check >= state_.examinations.size() || !state_.examinations[event.check].is_out) {
        return;
    }
    Examination& examination = state_.examinations[event.check];
    const health::Check& check = state_.settings.checks[event.check];
    examination.is_out = false;
    examination.last = event.observation;
    if (state_.is_leaving) {
        return;
    }
    examination.wake = std::max(now_, examination.asked_at + jittered(check.interval));
    const Verdict before = examination.judge.verdict;
    const Verdict verdict = observe(examination.judge, check, event.observation, now_);
    if (verdict != before) {
        actions_.emplace_back(
            Say{.level = verdict == Verdict::healthy ? log::Level::info : log::Level::warning,
                .member = std::nullopt,
                .text = fmt::format("{} is {}: {}", check.text, to_string(verdict),
                                    examination.judge.reason)});
    }
    if (event.observation.report) {
        examination.words = after(examination.words, *event.observation.report);
    }
    heed_verdict();
    heed_words();
}

void Stepper::heed_verdict() {
    const Verdict verdict = health_of(state_);
    if (verdict == Verdict::initial) {
        return;
    }
    std::optional<Absence> wanted;
    if (verdict == Verdict::unhealthy) {
        wanted =
            Absence{.reason = Reason::unhealthy, .guard = Guard::quorum, .text = {}, .ends = {}};
        for (std::size_t i = 0; i < state_.examinations.size(); ++i) {
            const health::Judge& judge = state_.examinations[i].judge;
            if (judge.verdict == Verdict::unhealthy) {
                wanted->text += fmt::format("{}{}: {}", wanted->text.empty() ? "" : ", ",
                                            state_.settings.checks[i].text, judge.reason);
            }
        }
    }
    set_absence(std::move(wanted), Reason::unhealthy);
}

void Stepper::heed_words() {
    std::optional<Absence> wanted;
    for (std::size_t i = 0; i < state_.examinations.size(); ++i) {
        const health::AgentMode mode = state_.examinations[i].words.mode;
        const auto& weight = state_.examinations[i].words.weight;
        const bool says_none = weighs() && weight && weight->value == 0;
        if (mode != health::AgentMode::ready || says_none) {
            wanted = Absence{.reason = Reason::application,
                             .guard = Guard::last_member,
                             .text = fmt::format(
                                 "{} says {}", state_.settings.checks[i].text,
                                 mode == health::AgentMode::ready ? "weight 0" : to_string(mode)),
                             .ends = std::nullopt};
        }
    }
    set_absence(std::move(wanted), Reason::application);
}

void Stepper::set_absence(std::optional<Absence> wanted, Reason reason) {
    if (wanted) {
        on(WentAbsent{std::move(*wanted)});
    } else {
        on(CameBack{reason});
    }
}

}  // namespace rota::agent
