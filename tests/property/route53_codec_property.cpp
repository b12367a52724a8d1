#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "dns_generators.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::route53 {
namespace {

/// Text that tries to break out of XML: mark-up, references, white space, characters of every
/// length.
rc::Gen<std::string> hostile_text(std::size_t least, std::size_t most) {
    static const std::vector<std::string> kPieces{"<",
                                                  ">",
                                                  "&",
                                                  "\"",
                                                  "'",
                                                  "]]>",
                                                  "<![CDATA[",
                                                  "&amp;",
                                                  "&#0;",
                                                  "<!--",
                                                  "-->",
                                                  "<?x",
                                                  "</Value>",
                                                  " ",
                                                  "\t",
                                                  "\n",
                                                  "\r",
                                                  "\r\n",
                                                  "a",
                                                  "Z",
                                                  "0",
                                                  "\\052",
                                                  "\xC3\xA9",
                                                  "\xE2\x82\xAC",
                                                  "\xF0\x9F\x90\x8C",
                                                  "xmlns"};
    return rc::gen::exec([least, most] {
        const auto pieces = *rc::gen::inRange<std::size_t>(least, most / 9);
        std::string text;
        for (std::size_t i = 0; i < pieces; ++i) {
            text += *rc::gen::elementOf(kPieces);
        }
        return text;
    });
}

model::RecordSet any_record_set() {
    constexpr std::array kTypes{dns::Type::a,     dns::Type::aaaa,  dns::Type::txt,
                                dns::Type::cname, dns::Type::mx,    dns::Type::srv,
                                dns::Type::caa,   dns::Type::https, dns::Type::tlsa};
    model::RecordSet record_set;
    // Names outside printable ASCII travel as escapes, which any_name's text always is.
    record_set.name = *dns::any_name();
    record_set.type = *rc::gen::elementOf(kTypes);
    record_set.ttl = *rc::gen::inRange<std::uint32_t>(0, 2147483648U);
    const auto count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i) {
        record_set.values.push_back(*hostile_text(0, 300));
    }
    if (*rc::gen::arbitrary<bool>()) {
        record_set.set_identifier = *hostile_text(1, 120);
        record_set.routing = model::WeightedRouting{*rc::gen::arbitrary<std::uint8_t>()};
    }
    return record_set;
}

RC_GTEST_PROP(Route53Codec, change_batches_come_back_as_they_were, ()) {
    model::ChangeBatch batch;
    batch.comment = *hostile_text(0, 250);
    const auto count = *rc::gen::inRange(1, 5);
    for (int i = 0; i < count; ++i) {
        batch.changes.push_back(
            {*rc::gen::element(model::Action::create, model::Action::del, model::Action::upsert),
             any_record_set()});
    }
    const auto decoded = decode_change_request(encode_request(batch));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->comment == batch.comment);
    RC_ASSERT(decoded->changes.size() == batch.changes.size());
    for (std::size_t i = 0; i < batch.changes.size(); ++i) {
        RC_ASSERT(decoded->changes[i].action == batch.changes[i].action);
        RC_ASSERT(decoded->changes[i].record_set == batch.changes[i].record_set);
    }
}

RC_GTEST_PROP(Route53Codec, listings_come_back_as_they_were, ()) {
    ListRecordSetsResponse response;
    const auto count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) {
        response.record_sets.push_back(any_record_set());
    }
    response.is_truncated = *rc::gen::arbitrary<bool>();
    if (response.is_truncated) {
        response.next_name = (*dns::any_name()).to_text();
        response.next_type = "A";
        response.next_identifier = *hostile_text(0, 100);
    }
    const auto decoded = decode_list_record_sets_response(encode_response(response));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->unsupported.empty());
    RC_ASSERT(decoded->record_sets == response.record_sets);
    RC_ASSERT(decoded->next_name == response.next_name);
    RC_ASSERT(decoded->next_identifier == response.next_identifier);
}

RC_GTEST_PROP(Route53Codec, any_octets_are_written_as_a_document, ()) {
    CreateHostedZoneRequest request;
    request.name = *rc::gen::arbitrary<std::string>();
    request.caller_reference = "x";
    const auto octets =
        *rc::gen::container<std::vector<std::uint8_t>>(60, rc::gen::arbitrary<std::uint8_t>());
    request.comment.assign(octets.begin(), octets.end());
    RC_ASSERT(decode_create_hosted_zone_request(encode_request(request)).has_value());
}

}  // namespace
}  // namespace rota::route53
