#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rota/aws/autoscaling.h"
#include "rota/aws/ec2.h"
#include "rota/aws/query.h"
#include "rota/base/error.h"

// Any octets as any answer of the query APIs: read whole, or an error; and any error answer gives
// one line for people.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota::aws;
    const std::string_view body{reinterpret_cast<const char*>(octets), size};
    if (const auto page = decode_auto_scaling_instances(body)) {
        for (const auto& instance : page->items) {
            ROTA_ASSERT(!instance.instance_id.empty() && !instance.lifecycle_state.empty());
        }
    } else {
        ROTA_ASSERT(page.error().kind == rota::ErrorKind::bad_input);
    }
    if (const auto page = decode_auto_scaling_groups(body)) {
        for (const auto& group : page->items) {
            ROTA_ASSERT(!group.name.empty());
        }
    }
    if (const auto hooks = decode_lifecycle_hooks(body)) {
        for (const auto& hook : *hooks) {
            ROTA_ASSERT(!hook.name.empty() && hook.heartbeat_timeout.count() >= 0);
        }
    }
    if (const auto page = decode_instances(body)) {
        for (const auto& instance : page->items) {
            ROTA_ASSERT(!instance.instance_id.empty() && !instance.state_word.empty());
        }
    }
    static_cast<void>(decode_lifecycle_action_completed(body).has_value());
    static_cast<void>(decode_lifecycle_heartbeat_recorded(body).has_value());
    const auto error = explain(kEc2, {"DescribeInstances", ""}, "http://here", 400, body);
    ROTA_ASSERT(error.error.message.starts_with("DescribeInstances at http://here: "));
    ROTA_ASSERT(error.error.message.find_first_of("\r\n\t") == std::string_view::npos);
    ROTA_ASSERT(error.error.message.size() < 1500);
    return 0;
}
