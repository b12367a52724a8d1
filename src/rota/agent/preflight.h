#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/agent/hooks.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/plan.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/health/check.h"
#include "rota/health/observation.h"
#include "rota/model/hosted_zone.h"
#include "rota/route53/client.h"

// What `rota agent --check` says before an agent is started: whether it could join, serve and leave
// here, and if not, what to do. Every point is a finding; this part makes findings of what was
// seen, and asks nobody. preflight_machine.h looks at this machine, preflight_calls.h asks
// everybody else.
namespace rota::agent {

enum class Level : std::uint8_t {
    ok,
    warn,  ///< works, but not as one might expect
    fail,  ///< cannot work like this
};

/// "ok", "warn", "fail".
std::string_view to_string(Level level) noexcept;

struct Finding {
    Level level = Level::ok;
    std::string subject;                 ///< "clock", "www.example.com. A"
    std::string text;                    ///< with the way out, unless ok
    ErrorKind kind = ErrorKind::config;  ///< of a failure
};

using Findings = std::vector<Finding>;

/// Takes a finding as soon as it is made.
using Tell = std::function<void(Finding)>;

/// "fail  clock: 400 s ahead …".
std::string to_line(const Finding& finding);

/// The worst of them; ok when there are none.
Level worst_of(std::span<const Finding> findings) noexcept;

/// 0 without a failure; that of a wrong configuration when one of them is one; else the first
/// failure's.
int exit_status(std::span<const Finding> findings) noexcept;

/// @param ahead  our clock before the API's; negative: behind.
/// @source AWS General Reference, "Signature Version 4": Route 53 takes requests of the last five
/// minutes.
Finding judge_clock(std::chrono::seconds ahead);

/// Whether a name can be in the zone that it is to be in, and be seen by clients of its address.
Findings judge_zone(const std::string& subject, const Membership& membership, const Target& target,
                    const model::HostedZone& zone);

/// What the rota holds, before this instance joins it.
Findings judge_group(const std::string& subject, const Membership& membership, const Target& target,
                     const Group& group);

/// What became of the change batch that no API may carry out (preflight_calls.h).
/// @param error  nothing: it was accepted.
/// @param identifier  of the record set in it.
Finding judge_write(const std::string& subject, const std::optional<route53::CallError>& error,
                    std::string_view identifier);

/// What became of the question for a change that does not exist.
Finding judge_following(const std::optional<route53::CallError>& error);

/// What of the leave does not fit its clocks.
Findings judge_plan(const std::string& subject, const Clocks& clocks);

/// What one probe saw. @param role  "health check", "ready".
Finding judge_probe(std::string_view role, const health::Check& check,
                    const health::Observation& observation);

/// Which hooks are found, and which of them would be ended.
Findings judge_hooks(const HooksFound& found, const std::vector<std::string>& names);

/// What became of a call for a hook that does not exist.
/// @param right  "autoscaling:CompleteLifecycleAction".
Finding judge_hook_right(std::string_view right, const HookCalled& called);

}  // namespace rota::agent
