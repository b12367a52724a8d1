#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/route53/rota_client.h"

// How a member is probed: where the configuration says, else where the member's own heartbeat says.
namespace rota::sweeper {

/// A check with "{address}" where a member's address belongs: "http://{address}:8080/health".
class CheckTemplate {
public:
    /// @errors config: no {address}; or what health::parse_check says.
    static Result<CheckTemplate> parse(std::string_view text);

    /// @param address  as in a record set of type A or AAAA.
    /// @errors bad_input: it is no IP address.
    [[nodiscard]] Result<health::Check> at(std::string_view address) const;

private:
    explicit CheckTemplate(std::string text) : text_{std::move(text)} {}

    std::string text_;
};

/// What a heartbeat asks to be probed by: HTTP with a path, TCP without.
/// @errors bad_input: no IP address, or no path that fits into a URL.
Result<health::Check> check_of(const route53::ProbeTarget& target, std::string_view address);

struct Probe {
    std::string set_identifier;
    health::Check check;
    health::Observation seen;  ///< set by probe_all()
};

/// Carries all of them out, several at a time, and returns when each has its observation.
void probe_all(std::span<Probe> probes, std::chrono::milliseconds timeout);

}  // namespace rota::sweeper
