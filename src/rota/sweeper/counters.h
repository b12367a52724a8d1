#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "rota/base/guarded.h"

namespace rota::sweeper {

/// What the sweeper counts, for Prometheus; any thread may read it.
class Counters {
public:
    struct OfRota {
        std::uint64_t members = 0;
        std::uint64_t suspects = 0;  ///< with a witness against them, or more
        std::uint64_t kept = 0;      ///< dead, and stay for now, whatever keeps them
        std::uint64_t removals = 0;
        std::uint64_t failures = 0;  ///< of removals
        std::chrono::milliseconds dangled{0};
    };

    /// Changes one rota's figures. @param change  gets an OfRota&.
    template <typename Change>
    void of(const std::string& name, const std::string& type, Change&& change) {
        rotas_.with([&](auto& rotas) { change(rotas[{name, type}]); });
    }

    void count_error(const std::string& source);

    /// The text format, version 0.0.4.
    [[nodiscard]] std::string text() const;

private:
    Guarded<std::map<std::pair<std::string, std::string>, OfRota>> rotas_;
    Guarded<std::map<std::string, std::uint64_t>> errors_;
};

}  // namespace rota::sweeper
