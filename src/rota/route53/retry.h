#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <type_traits>

#include "rota/base/clock.h"
#include "rota/base/rng.h"
#include "rota/model/change_batch.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

// When and how a failed call is tried again. The delays are pure; retry_call sleeps, for the
// one-shot tools.
namespace rota::route53 {

struct Backoff {
    std::chrono::milliseconds base{1000};
    std::chrono::milliseconds cap{20000};
};

/// The wait before try `attempt` + 1 (attempts count from 0): uniform in [0, min(cap, base ·
/// 2^attempt)], so that a fleet that was throttled together does not come back together.
/// @source AWS Architecture Blog, "Exponential Backoff And Jitter", full jitter.
std::chrono::milliseconds backoff_delay(unsigned attempt, Rng& rng, const Backoff& backoff = {});

/// True when the API refuses a batch of one CREATE because the record set is there.
bool says_already_exists(const CallError& error);

/// True when the API refuses a batch of one DELETE because the record set is not there.
bool says_not_found(const CallError& error);

/// True when a change that the API refuses is in force already, because an earlier try, whose
/// answer was lost, carried it out: "was not found" for a DELETE. (For a CREATE that "already
/// exists" the caller reads what is there and compares; an UPSERT is never refused for this.)
bool is_done_already(model::Action action, const CallError& error, bool answer_was_lost);

/// Called before each wait that comes: for messages. `attempt` counts from 1.
using OnRetry =
    std::function<void(const CallError& error, unsigned attempt, std::chrono::milliseconds delay)>;

/// Sleeps, but not beyond `deadline`.
/// @returns false when the deadline is reached before `delay` is over; does not sleep then.
bool wait_before_retry(std::chrono::milliseconds delay, BootTime deadline);

/// Calls until it succeeds, fails for good, or the deadline leaves no room for the next wait.
/// @param call  gives a CallResult; it is told whether an earlier try's outcome is unknown.
template <typename Call>
auto retry_call(Call&& call, BootTime deadline, Rng& rng, const OnRetry& on_retry = {},
                const Backoff& backoff = {}) -> std::invoke_result_t<Call&, bool> {
    bool answer_was_lost = false;
    for (unsigned attempt = 0;; ++attempt) {
        auto result = call(answer_was_lost);
        if (result || !result.error().error.retryable) {
            return result;
        }
        answer_was_lost = answer_was_lost || result.error().outcome_unknown;
        const std::chrono::milliseconds delay = backoff_delay(attempt, rng, backoff);
        const bool is_in_time = boot_now() + delay < deadline;
        if (on_retry && is_in_time) {
            on_retry(result.error(), attempt + 1, delay);
        }
        if (!is_in_time || !wait_before_retry(delay, deadline)) {
            return result;
        }
    }
}

}  // namespace rota::route53
