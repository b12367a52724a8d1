#include "rota/sweeper/counters.h"

#include <chrono>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace rota::sweeper {
namespace {

void family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

void Counters::count_error(const std::string& source) {
    errors_.with([&source](auto& errors) { ++errors[source]; });
}

std::string Counters::text() const {
    std::string out;
    // A name holds neither quotes nor backslashes but Route 53's own octal escapes.
    const auto label = [](std::string_view text) {
        std::string escaped;
        for (const char c : text) {
            escaped += c == '\\' || c == '"' ? std::string{'\\', c} : std::string{c};
        }
        return escaped;
    };
    rotas_.with([&](const auto& rotas) {
        const auto all = [&](std::string_view name, std::string_view type, std::string_view help,
                             auto figure) {
            family(out, name, type, help);
            for (const auto& [rota, figures] : rotas) {
                fmt::format_to(std::back_inserter(out), "{}{{name=\"{}\",type=\"{}\"}} {}\n", name,
                               label(rota.first), label(rota.second), figure(figures));
            }
        };
        all("rota_sweep_members", "gauge", "Members of the rota.",
            [](const OfRota& of) { return of.members; });
        all("rota_sweep_suspects", "gauge", "Members with a witness against them.",
            [](const OfRota& of) { return of.suspects; });
        all("rota_sweep_kept", "gauge", "Dead members that stay, whatever keeps them.",
            [](const OfRota& of) { return of.kept; });
        all("rota_sweep_removals_total", "counter", "Members removed.",
            [](const OfRota& of) { return of.removals; });
        all("rota_sweep_removal_failures_total", "counter", "Removals that failed.",
            [](const OfRota& of) { return of.failures; });
        all("rota_sweep_dangled_seconds_total", "counter",
            "How long the removed members' record sets dangled, in all.",
            [](const OfRota& of) { return std::chrono::duration<double>{of.dangled}.count(); });
    });
    errors_.with([&out](const auto& errors) {
        family(out, "rota_sweep_errors_total", "counter", "Witnesses that could not be asked.");
        for (const auto& [source, count] : errors) {
            fmt::format_to(std::back_inserter(out), "rota_sweep_errors_total{{source=\"{}\"}} {}\n",
                           source, count);
        }
    });
    family(out, "rota_build_info", "gauge", "The version.");
    fmt::format_to(std::back_inserter(out), "rota_build_info{{version=\"{}\"}} 1\n", ROTA_VERSION);
    return out;
}

}  // namespace rota::sweeper
