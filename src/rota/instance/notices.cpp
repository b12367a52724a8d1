#include "rota/instance/notices.h"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/error.h"
#include "rota/instance/address.h"
#include "rota/instance/lifecycle_state.h"
#include "rota/instance/rebalance.h"
#include "rota/instance/scheduled_events.h"
#include "rota/instance/spot_action.h"

namespace rota::instance {
namespace {

/// One round of questions.
class Round {
public:
    explicit Round(const Metadata& metadata) : metadata_{metadata} {}

    /// Asks for an item and parses it; the value is left as it is when either fails.
    template <typename Value, typename Parsed>
    void ask(std::string_view path, Parsed (*parse)(std::string_view), Value& value) {
        if (first_failure_) {
            return;  // each further question would wait for the same timeout
        }
        auto text = metadata_(path);
        if (!text) {
            first_failure_ = std::move(text).error();
            return;
        }
        ++answers_;
        const std::optional<std::string>& item = *text;
        if (!item) {
            value = Value{};
            return;
        }
        auto parsed = parse(*item);
        if (parsed) {
            value = *std::move(parsed);
        } else {
            problems_.push_back(std::move(parsed).error().message);
        }
    }

    Result<std::vector<std::string>> problems() && {
        if (first_failure_ && answers_ == 0) {
            return std::unexpected(*std::move(first_failure_));
        }
        if (first_failure_) {
            problems_.push_back(std::move(first_failure_->message));
        }
        return std::move(problems_);
    }

private:
    const Metadata& metadata_;
    std::optional<Error> first_failure_;
    std::size_t answers_ = 0;
    std::vector<std::string> problems_;
};

}  // namespace

Result<Notices> read_notices(const Metadata& metadata, const Notices& before) {
    Notices notices = before;
    Round round{metadata};
    round.ask(kSpotActionPath, parse_spot_action, notices.spot);
    round.ask(kLifecycleStatePath, parse_lifecycle_state, notices.lifecycle);
    round.ask(kScheduledEventsPath, parse_scheduled_events, notices.events);
    round.ask(kRebalancePath, parse_rebalance, notices.rebalance);
    notices.problems = ROTA_TRY(std::move(round).problems());
    return notices;
}

}  // namespace rota::instance
