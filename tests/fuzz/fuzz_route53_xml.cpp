#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

using namespace rota::route53;

namespace {

/// What was read must come out the same when it is written and read again.
template <typename Decode, typename Encode>
void check_round_trip(std::string_view body, Decode decode, Encode encode) {
    if (const auto message = decode(body)) {
        const std::string written = encode(*message);
        const auto again = decode(written);
        ROTA_ASSERT(again.has_value());
        ROTA_ASSERT(encode(*again) == written);
    }
}

}  // namespace

// Every kind of request and response is tried on every input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const std::string_view body{reinterpret_cast<const char*>(octets), size};
    const auto request = [](const auto& message) { return encode_request(message); };
    const auto response = [](const auto& message) { return encode_response(message); };
    check_round_trip(body, decode_create_hosted_zone_request, request);
    check_round_trip(body, decode_raw_change_request,
                     [](const auto& message) { return encode_request(message); });
    check_round_trip(body, decode_change_request, request);
    check_round_trip(body, decode_create_hosted_zone_response, response);
    check_round_trip(body, decode_get_hosted_zone_response, response);
    check_round_trip(body, decode_list_hosted_zones_response, response);
    check_round_trip(body, decode_list_hosted_zones_by_name_response, response);
    check_round_trip(body, decode_list_record_sets_response, response);
    check_round_trip(body, decode_hosted_zone_count_response, encode_hosted_zone_count_response);
    check_round_trip(body, decode_change_info_response, encode_get_change_response);
    const ApiError error = decode_error(400, body);
    ROTA_ASSERT(decode_error(400, encode_error(error)).code == error.code);
    ROTA_ASSERT(!error.code.empty());
    static_cast<void>(name_problem(body.substr(0, 300)));
    return 0;
}
