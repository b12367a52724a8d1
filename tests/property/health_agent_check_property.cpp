#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rota/health/agent_check.h"

namespace rota::health {
namespace {

template <typename T>
std::optional<T> maybe(const rc::Gen<T>& gen) {
    return *rc::gen::arbitrary<bool>() ? std::optional{*gen} : std::nullopt;
}

AgentCheckReport any_report() {
    using enum AgentHealth;
    const bool is_percent = *rc::gen::arbitrary<bool>();
    const auto most = is_percent ? 25601U : 257U;
    AgentCheckReport report{
        .health = maybe(rc::gen::element(up, down, stopped, fail)),
        .mode = maybe(rc::gen::element(AgentMode::ready, AgentMode::drain, AgentMode::maint))};
    if (*rc::gen::arbitrary<bool>()) {
        report.weight = AgentWeight{*rc::gen::inRange(0U, most), is_percent};
    }
    report.reason =
        *rc::gen::container<std::string>(rc::gen::inRange('!', '~')).as("printable, no spaces");
    report.reason.resize(std::min<std::size_t>(report.reason.size(), 200));
    return report;
}

RC_GTEST_PROP(AgentCheckProperty, what_is_written_is_read, ()) {
    const auto report = any_report();
    RC_ASSERT(parse_agent_check(format_agent_check(report)) == report);
}

RC_GTEST_PROP(AgentCheckProperty, one_line_whatever_is_in_it, (const std::string& text)) {
    const auto line = format_agent_check({.reason = text});
    RC_ASSERT(line.find_first_of("\r\n") == line.size() - 1);
    RC_ASSERT(line.size() <= 202U);
}

RC_GTEST_PROP(AgentCheckProperty, only_words_that_came_change_the_state, ()) {
    const AgentCheckState before{.mode = *rc::gen::element(AgentMode::ready, AgentMode::drain),
                                 .weight = AgentWeight{*rc::gen::inRange(0U, 100U), true}};
    const auto report = any_report();
    const auto state = after(before, report);
    RC_ASSERT(state.mode == report.mode.value_or(before.mode));
    RC_ASSERT(state.weight == (report.weight ? report.weight : before.weight));
}

}  // namespace
}  // namespace rota::health
