#include "rota/route53/retry.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

#include "rota/base/clock.h"
#include "rota/base/rng.h"
#include "rota/model/change_batch.h"
#include "rota/route53/client.h"

namespace rota::route53 {
namespace {

bool refused_with(const CallError& error, std::string_view beginning, std::string_view end) {
    if (!error.api || error.api->code != "InvalidChangeBatch" || error.api->messages.size() != 1) {
        return false;
    }
    const std::string_view message = error.api->messages.front();
    return message.starts_with(beginning) && message.ends_with(end);
}

}  // namespace

std::chrono::milliseconds backoff_delay(unsigned attempt, Rng& rng, const Backoff& backoff) {
    std::chrono::milliseconds most = backoff.base;
    for (unsigned i = 0; i < attempt && most < backoff.cap; ++i) {
        most *= 2;
    }
    most = std::min(most, backoff.cap);
    return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(
        rng.unit() * static_cast<double>(most.count() + 1))};
}

bool says_already_exists(const CallError& error) {
    return refused_with(error, "Tried to create ", "but it already exists");
}

bool says_not_found(const CallError& error) {
    return refused_with(error, "Tried to delete ", "but it was not found");
}

bool is_done_already(model::Action action, const CallError& error, bool answer_was_lost) {
    return answer_was_lost && action == model::Action::del && says_not_found(error);
}

bool wait_before_retry(std::chrono::milliseconds delay, BootTime deadline) {
    if (boot_now() + delay >= deadline) {
        return false;
    }
    std::this_thread::sleep_for(delay);
    return true;
}

}  // namespace rota::route53
