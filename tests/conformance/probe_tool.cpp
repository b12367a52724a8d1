// Asks health checks once each, for tests/conformance:
//   probe_tool TIMEOUT_MS CHECK…
// A line a check: "passed DETAIL", "failed DETAIL", "neutral DETAIL" or "error MESSAGE".
//   probe_tool format WORD…: the words of an agent-check as rota writes them.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

#include "rota/health/agent_check.h"
#include "rota/health/check.h"
#include "rota/health/probe.h"

namespace {

void ask(const char* text, std::chrono::milliseconds timeout) {
    const auto check = rota::health::parse_check(text);
    if (!check) {
        std::cout << "error " << check.error().message << std::endl;
        return;
    }
    const auto seen = rota::health::probe(*check, timeout);
    using enum rota::health::Outcome;
    std::cout << (seen.outcome == passed   ? "passed "
                  : seen.outcome == failed ? "failed "
                                           : "neutral ")
              << seen.detail << std::endl;
}

/// Words in, the same report written by us out.
void rewrite(std::span<char*> words) {
    std::string line;
    for (const char* word : words) {
        line += word;
        line += ' ';
    }
    std::cout << rota::health::format_agent_check(rota::health::parse_agent_check(line));
}

}  // namespace

int main(int argc, char** argv) {
    const std::span arguments{argv, static_cast<std::size_t>(argc)};
    if (arguments[1] == std::string_view{"format"}) {
        rewrite(arguments.subspan(2));
        return 0;
    }
    const std::chrono::milliseconds timeout{std::atoi(arguments[1])};
    for (const char* text : arguments.subspan(2)) {
        ask(text, timeout);
    }
}
