#include "rota/instance/spot_action.h"

#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/instance/address.h"
#include "rota/instance/item_json.h"

namespace rota::instance {
namespace {

SpotActionKind kind_of(std::string_view word) {
    return word == "terminate"   ? SpotActionKind::terminate
           : word == "stop"      ? SpotActionKind::stop
           : word == "hibernate" ? SpotActionKind::hibernate
                                 : SpotActionKind::other;
}

}  // namespace

bool is_spot_instance(const Metadata& metadata) {
    const auto life_cycle = metadata("meta-data/instance-life-cycle");
    return life_cycle && *life_cycle == "spot";
}

Result<SpotAction> parse_spot_action(std::string_view text) {
    const nlohmann::json value = ROTA_TRY(parse_item(kSpotActionPath, text));
    auto word = word_of(value, "action");
    const auto time = word_of(value, "time");
    const auto when = time ? parse_rfc3339(*time) : std::nullopt;
    if (!word || word->empty() || !when) {
        return not_understood(kSpotActionPath, "spot instance action", text);
    }
    const SpotActionKind kind = kind_of(*word);
    return SpotAction{.kind = kind, .word = *std::move(word), .time = *when};
}

}  // namespace rota::instance
