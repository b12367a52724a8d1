#include <string>

#include <gtest/gtest.h>

#include "rota/model/hosted_zone.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"
#include "support/route53_samples.h"

namespace rota::route53 {
namespace {

using samples::golden;

TEST(Route53Encoding, requests_are_those_of_the_golden_files) {
    CreateHostedZoneRequest create;
    create.name = "example.com";
    create.caller_reference = "2026-11-22-one";
    EXPECT_EQ(encode_request(create), golden("create_hosted_zone_minimal_request.xml"));
    create.comment = "the first zone";
    create.private_zone = true;
    create.delegation_set_id = "/delegationset/N1PA6795SAMPLE";
    EXPECT_EQ(encode_request(create), golden("create_hosted_zone_request.xml"));
    EXPECT_EQ(encode_request(samples::batch()), golden("change_request.xml"));
    EXPECT_EQ(encode_request(samples::alias_batch()), golden("change_alias_request.xml"));
}

TEST(Route53Encoding, responses_are_those_of_the_golden_files) {
    EXPECT_EQ(encode_response(CreateHostedZoneResponse{
                  samples::zone_and_servers(), samples::change(model::ChangeStatus::pending)}),
              golden("create_hosted_zone_response.xml"));
    EXPECT_EQ(encode_response(GetHostedZoneResponse{samples::zone_and_servers()}),
              golden("get_hosted_zone_response.xml"));
    EXPECT_EQ(encode_response(samples::zones()), golden("list_hosted_zones_response.xml"));
    EXPECT_EQ(encode_response(samples::zones_by_name()),
              golden("list_hosted_zones_by_name_response.xml"));
    EXPECT_EQ(encode_response(samples::record_sets()), golden("list_record_sets_response.xml"));
    EXPECT_EQ(encode_hosted_zone_count_response(3), golden("hosted_zone_count_response.xml"));
    EXPECT_EQ(encode_delete_hosted_zone_response(samples::change(model::ChangeStatus::pending)),
              golden("delete_hosted_zone_response.xml"));
    EXPECT_EQ(encode_change_record_sets_response(samples::change(model::ChangeStatus::pending)),
              golden("change_response.xml"));
    EXPECT_EQ(encode_get_change_response(samples::change(model::ChangeStatus::insync)),
              golden("get_change_response.xml"));
}

TEST(Route53Encoding, a_page_that_is_the_last_names_no_next_one) {
    ListHostedZonesResponse zones = samples::zones();
    zones.zones.clear();
    zones.marker.clear();
    zones.is_truncated = false;
    EXPECT_EQ(encode_response(zones), golden("list_hosted_zones_empty_response.xml"));
    ListRecordSetsResponse record_sets = samples::record_sets();
    record_sets.is_truncated = false;
    EXPECT_FALSE(encode_response(record_sets).contains("NextRecord"));
    ListHostedZonesByNameResponse by_name = samples::zones_by_name();
    by_name.is_truncated = false;
    EXPECT_FALSE(encode_response(by_name).contains("Next"));
}

TEST(Route53Encoding, a_private_zone_has_no_delegation_set) {
    EXPECT_FALSE(
        encode_response(GetHostedZoneResponse{samples::private_zone()}).contains("DelegationSet"));
}

TEST(Route53Encoding, errors_are_those_of_the_golden_files) {
    EXPECT_EQ(encode_error(samples::throttled()), golden("throttling_error.xml"));
    EXPECT_EQ(encode_error(samples::invalid_batch()), golden("invalid_change_batch_error.xml"));
    ApiError internal{500, "InternalFailure", "a bug", {}, "x"};
    EXPECT_TRUE(encode_error(internal).contains("<Type>Receiver</Type>"));
}

TEST(Route53Encoding, characters_that_xml_cannot_carry_become_replacement_characters) {
    CreateHostedZoneRequest request;
    request.name =
        "a\x01"
        "b\xFF"
        "c\xC3\xA9";
    request.caller_reference = "line\r\nbreak\ttab \xEF\xBF\xBF]]>";
    const std::string text = encode_request(request);
    EXPECT_TRUE(
        text.contains("<Name>a\xEF\xBF\xBD"
                      "b\xEF\xBF\xBD"
                      "c\xC3\xA9</Name>"));
    EXPECT_TRUE(text.contains("line&#13;\nbreak\ttab \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD]]&gt;"));
}

}  // namespace
}  // namespace rota::route53
