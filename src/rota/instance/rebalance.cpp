#include "rota/instance/rebalance.h"

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/instance/item_json.h"

namespace rota::instance {

Result<WallTime> parse_rebalance(std::string_view text) {
    const nlohmann::json value = ROTA_TRY(parse_item(kRebalancePath, text));
    const auto time = word_of(value, "noticeTime");
    const auto when = time ? parse_rfc3339(*time) : std::nullopt;
    if (!when) {
        return not_understood(kRebalancePath, "rebalance recommendation", text);
    }
    return *when;
}

}  // namespace rota::instance
