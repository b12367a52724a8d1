#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"
#include "support/route53_samples.h"

namespace rota::route53 {
namespace {

using samples::golden;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string change_document(std::string_view record_set_children,
                            std::string_view action = "CREATE") {
    return fmt::format(
        R"(<ChangeResourceRecordSetsRequest xmlns="{}"><ChangeBatch><Changes><Change>)"
        R"(<Action>{}</Action><ResourceRecordSet>{}</ResourceRecordSet></Change></Changes>)"
        R"(</ChangeBatch></ChangeResourceRecordSetsRequest>)",
        kNamespace, action, record_set_children);
}

constexpr std::string_view kWww = "<Name>www.example.com</Name><Type>A</Type>";
constexpr std::string_view kRecords =
    "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.10</Value></ResourceRecord>"
    "</ResourceRecords>";

std::string problem_of(std::string_view body) {
    const auto decoded = decode_change_request(body);
    if (decoded) {
        return "accepted";
    }
    EXPECT_EQ(decoded.error().status, 400);
    return fmt::format("{}: {}", decoded.error().code, decoded.error().message);
}

std::string problem_with(std::string_view record_set_children) {
    return problem_of(change_document(fmt::format("{}{}", kWww, record_set_children)));
}

TEST(Route53Requests, golden_requests_are_read_back) {
    const auto batch = decode_change_request(golden("change_request.xml"));
    ASSERT_TRUE(batch) << batch.error().message;
    const model::ChangeBatch expected = samples::batch();
    EXPECT_EQ(batch->comment, expected.comment);
    ASSERT_EQ(batch->changes.size(), expected.changes.size());
    for (std::size_t i = 0; i < expected.changes.size(); ++i) {
        EXPECT_EQ(batch->changes[i].action, expected.changes[i].action);
        EXPECT_EQ(batch->changes[i].record_set, expected.changes[i].record_set);
    }
    const auto zone = decode_create_hosted_zone_request(golden("create_hosted_zone_request.xml"));
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(zone->name, "example.com");
    EXPECT_EQ(zone->caller_reference, "2026-11-22-one");
    EXPECT_EQ(zone->comment, "the first zone");
    EXPECT_TRUE(zone->private_zone);
    EXPECT_FALSE(zone->has_vpc);
    EXPECT_EQ(zone->delegation_set_id, "N1PA6795SAMPLE");
}

TEST(Route53Requests, boto_2_in_its_own_layout_is_understood) {
    const auto batch = decode_change_request(golden("boto2_change_request.xml"));
    ASSERT_TRUE(batch) << batch.error().message;
    ASSERT_EQ(batch->changes.size(), 1U);
    EXPECT_EQ(batch->changes[0].record_set,
              samples::weighted("www.example.com", "i-0abc", 10, "192.0.2.10"));
    const auto zone =
        decode_create_hosted_zone_request(golden("boto2_create_hosted_zone_request.xml"));
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(zone->name, "example.com.");
    EXPECT_EQ(zone->comment, "");
}

TEST(Route53Requests, elements_may_come_in_any_order_and_with_a_prefix) {
    EXPECT_EQ(problem_of(change_document(
                  "<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord>"
                  "</ResourceRecords><TTL> 60 </TTL><Type>A</Type><Name>a.example.com</Name>")),
              "accepted");
    const std::string prefixed = fmt::format(
        "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8'?><!-- hello "
        "--><r:CreateHostedZoneRequest "
        "xmlns:r='{}'><r:Name>ex<!-- cut -->ample<![CDATA[.com]]></r:Name>"
        "<r:CallerReference>&#x61;&amp;</r:CallerReference></r:CreateHostedZoneRequest>\n",
        kNamespace);
    const auto zone = decode_create_hosted_zone_request(prefixed);
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(zone->name, "example.com");
    EXPECT_EQ(zone->caller_reference, "a&");
}

TEST(Route53Requests, what_is_no_document_is_malformed_input) {
    const std::string good = change_document(fmt::format("{}{}", kWww, kRecords));
    ASSERT_EQ(problem_of(good), "accepted");
    const std::vector<std::string> bad{
        "",
        "{}",
        "<",
        "<a",
        "<a b='",
        good.substr(0, good.size() - 1),
        good + "x",
        good + good,
        fmt::format("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", good),
        fmt::format("<?xml version='1.0' encoding='ISO-8859-1'?>{}", good),
        change_document("<Name>&x;</Name>"),
        change_document("<Name>&</Name>"),
        change_document("<Name>&#0;</Name>"),
        change_document("<Name>&#xD800;</Name>"),
        change_document("<Name>&#99999999999;</Name>"),
        change_document("<Name>\x01</Name>"),
        change_document("<Name>\xFF</Name>"),
        change_document("<Name>\xC0\x80</Name>"),
        change_document("<Name>\xED\xA0\x80</Name>"),
        change_document("<Name><![CDATA[</Name>"),
        change_document("<Name></Type>"),
        std::string(100000, '<'),
        fmt::format("{:{}}{}", "", 3U << 20U, good),
    };
    for (const std::string& body : bad) {
        EXPECT_THAT(problem_of(body), StartsWith("MalformedInput: The request body is not an XML"))
            << body.substr(0, 200);
    }
    std::string deep;
    for (int i = 0; i < 65; ++i) {
        deep += "<a>";
    }
    EXPECT_THAT(problem_of(deep), HasSubstr("more than 64 levels"));
}

TEST(Route53Requests, the_root_element_and_its_namespace_are_checked) {
    EXPECT_EQ(problem_of("<ChangeBatch/>"),
              "MalformedInput: ChangeBatch is not valid, expected ChangeResourceRecordSetsRequest");
    EXPECT_EQ(problem_of("<ChangeResourceRecordSetsRequest/>"),
              "InvalidInput: Invalid XML ; cvc-elt.1: Cannot find the declaration of element "
              "'ChangeResourceRecordSetsRequest'.");
}

TEST(Route53Requests, the_schema_is_held_in_its_own_words) {
    constexpr std::string_view kNs = "\"https://route53.amazonaws.com/doc/2013-04-01/\"";
    EXPECT_EQ(problem_of(fmt::format("<ChangeResourceRecordSetsRequest xmlns='{}'><HostedZoneId>Z"
                                     "</HostedZoneId></ChangeResourceRecordSetsRequest>",
                                     kNamespace)),
              fmt::format("InvalidInput: Invalid XML ; cvc-complex-type.2.4.a: Invalid content was "
                          "found starting with element 'HostedZoneId'. One of '{{{}:ChangeBatch}}' "
                          "is expected.",
                          kNs));
    EXPECT_EQ(problem_with("<TTL>60</TTL><ResourceRecords></ResourceRecords>"),
              fmt::format("InvalidInput: Invalid XML ; cvc-complex-type.2.4.b: The content of "
                          "element 'ResourceRecords' is not complete. One of "
                          "'{{{}:ResourceRecord}}' is expected.",
                          kNs));
    EXPECT_EQ(problem_of(change_document(kWww, "REPLACE")),
              "InvalidInput: Invalid XML ; cvc-enumeration-valid: Value 'REPLACE' is not "
              "facet-valid with respect to enumeration '[CREATE, DELETE, UPSERT]'. It must be a "
              "value from the enumeration.");
    EXPECT_THAT(problem_of(change_document("<Name>a.example.com</Name><Type>a</Type>")),
                HasSubstr("Value 'a' is not facet-valid with respect to enumeration '[SOA, A, "));
    EXPECT_THAT(problem_of(change_document("<Type>A</Type>")),
                HasSubstr("The content of element 'ResourceRecordSet' is not complete. One of "
                          "'{\"https://route53.amazonaws.com/doc/2013-04-01/\":Name}'"));
    EXPECT_THAT(problem_with("<Name>again.example.com</Name>"),
                HasSubstr("Invalid content was found starting with element 'Name'"));
    EXPECT_THAT(problem_with("<Colour>red</Colour>"),
                HasSubstr("Invalid content was found starting with element 'Colour'"));
    EXPECT_THAT(problem_with("words"), HasSubstr("cvc-complex-type.2.3: Element "
                                                 "'ResourceRecordSet' cannot have character"));
    EXPECT_THAT(problem_with("<TTL><b/></TTL>"), HasSubstr("cvc-type.3.1.2: Element 'TTL'"));
    EXPECT_THAT(problem_with("<AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>x</DNSName>"
                             "<EvaluateTargetHealth>no</EvaluateTargetHealth></AliasTarget>"),
                HasSubstr("'no' is not a valid value for 'boolean'"));
}

TEST(Route53Requests, numbers_out_of_range_are_refused_in_the_schema_s_words) {
    EXPECT_EQ(problem_with("<Weight>256</Weight>"),
              "InvalidInput: Invalid XML ; cvc-maxInclusive-valid: Value '256' is not facet-valid "
              "with respect to maxInclusive '255' for type 'RRWeight'.");
    EXPECT_EQ(problem_with("<Weight>-1</Weight>"),
              "InvalidInput: Invalid XML ; cvc-minInclusive-valid: Value '-1' is not facet-valid "
              "with respect to minInclusive '0' for type 'RRWeight'.");
    for (const std::string_view text : {"", "ten", "1.0", "+-1", "--1", "0x10", "1 0"}) {
        EXPECT_THAT(problem_with(fmt::format("<Weight>{}</Weight>", text)),
                    HasSubstr("is not a valid value for 'integer'"));
    }
    EXPECT_THAT(problem_with("<TTL>2147483648</TTL>"), HasSubstr("maxInclusive '2147483647'"));
    EXPECT_THAT(problem_with("<TTL>99999999999999999999999</TTL>"), HasSubstr("maxInclusive"));
    EXPECT_THAT(problem_with("<TTL>-99999999999999999999999</TTL>"), HasSubstr("minInclusive"));
    const auto batch = decode_change_request(change_document(
        "<Name>a.</Name><Type>A</Type><SetIdentifier>x</SetIdentifier><Weight>+007</Weight>"
        "<TTL>2147483647</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value>"
        "</ResourceRecord></ResourceRecords>"));
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_EQ(batch->changes[0].record_set.routing,
              model::RoutingPolicy{model::WeightedRouting{7}});
    EXPECT_EQ(batch->changes[0].record_set.ttl, 2147483647U);
}

TEST(Route53Requests, lengths_are_counted_in_characters) {
    const std::string longest(128, 'x');
    EXPECT_THAT(problem_with("<SetIdentifier></SetIdentifier>"),
                HasSubstr("cvc-minLength-valid: Value '' with length = '0'"));
    EXPECT_THAT(
        problem_with(fmt::format("<SetIdentifier>{}y</SetIdentifier>", longest)),
        HasSubstr("with length = '129' is not facet-valid with respect to maxLength '128'"));
    std::string accented;
    for (int i = 0; i < 128; ++i) {
        accented += "\xC3\xA9";
    }
    EXPECT_EQ(problem_with(fmt::format("<SetIdentifier>{}</SetIdentifier><Weight>0</Weight>{}",
                                       accented, kRecords)),
              "accepted");
}

TEST(Route53Requests, exactly_one_payload_is_wanted) {
    constexpr std::string_view kWhere =
        " in Change with [Action=CREATE, Name=www.example.com, Type=A, SetIdentifier=null]";
    constexpr std::string_view kChoice =
        "InvalidInput: Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and "
        "ResourceRecords], or TrafficPolicyInstanceId], but found ";
    EXPECT_EQ(problem_with(""), fmt::format("{}none{}", kChoice, kWhere));
    EXPECT_EQ(problem_with("<TTL>60</TTL>"), fmt::format("{}none{}", kChoice, kWhere));
    EXPECT_EQ(problem_with(
                  fmt::format("{}<TrafficPolicyInstanceId>t</TrafficPolicyInstanceId>", kRecords)),
              fmt::format("{}more than one{}", kChoice, kWhere));
}

TEST(Route53Requests, a_set_identifier_and_a_routing_policy_need_each_other) {
    EXPECT_EQ(problem_with(fmt::format("<Weight>10</Weight>{}", kRecords)),
              "InvalidInput: Invalid request: Missing field 'SetIdentifier' in Change with "
              "[Action=CREATE, Name=www.example.com, Type=A, SetIdentifier=null]");
    EXPECT_EQ(problem_with(fmt::format("<SetIdentifier>i-0abc</SetIdentifier>{}", kRecords)),
              "InvalidInput: Invalid request: Expected exactly one of [Weight, Region, Failover, "
              "GeoLocation, or MultiValueAnswer], but found none in Change with [Action=CREATE, "
              "Name=www.example.com, Type=A, SetIdentifier=i-0abc]");
    EXPECT_THAT(problem_with(fmt::format("<SetIdentifier>i</SetIdentifier><Weight>1</Weight>"
                                         "<Region>us-east-1</Region>{}",
                                         kRecords)),
                HasSubstr("but found more than one"));
}

TEST(Route53Requests, what_is_not_supported_yet_is_named_and_refused) {
    const auto unsupported = [](std::string_view name) {
        return fmt::format("{} is not supported by this server yet, found in Change with [Action=",
                           name);
    };
    const auto with_policy = [](std::string_view policy) {
        return problem_with(fmt::format("<SetIdentifier>i</SetIdentifier>{}{}", policy, kRecords));
    };
    EXPECT_THAT(problem_with("<AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>x.</DNSName>"
                             "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"),
                HasSubstr(unsupported("AliasTarget")));
    EXPECT_THAT(with_policy("<Region>us-east-1</Region>"), HasSubstr(unsupported("Region")));
    EXPECT_THAT(with_policy("<Failover>PRIMARY</Failover>"), HasSubstr(unsupported("Failover")));
    EXPECT_THAT(with_policy("<GeoLocation><CountryCode>*</CountryCode></GeoLocation>"),
                HasSubstr(unsupported("GeoLocation")));
    EXPECT_THAT(with_policy("<MultiValueAnswer>true</MultiValueAnswer>"),
                HasSubstr(unsupported("MultiValueAnswer")));
    EXPECT_THAT(with_policy("<Weight>1</Weight><HealthCheckId>h</HealthCheckId>"),
                HasSubstr(unsupported("HealthCheckId")));
    EXPECT_THAT(problem_with("<TrafficPolicyInstanceId>t</TrafficPolicyInstanceId>"),
                HasSubstr(unsupported("TrafficPolicyInstanceId")));
    EXPECT_THAT(with_policy("<CidrRoutingConfig><CollectionId>c</CollectionId><LocationName>*"
                            "</LocationName></CidrRoutingConfig>"),
                HasSubstr(unsupported("CidrRoutingConfig")));
    EXPECT_THAT(with_policy("<GeoProximityLocation><AWSRegion>us-east-1</AWSRegion>"
                            "</GeoProximityLocation>"),
                HasSubstr(unsupported("GeoProximityLocation")));
}

TEST(Route53Requests, names_that_are_none_are_told_in_route_53_s_words) {
    const auto with_name = [](std::string_view name) {
        return problem_of(
            change_document(fmt::format("<Name>{}</Name><Type>A</Type>{}", name, kRecords)));
    };
    EXPECT_EQ(with_name("www..example.com"),
              "InvalidChangeBatch: FATAL problem: DomainLabelEmpty (Domain label is empty) "
              "encountered with 'www..example.com'");
    EXPECT_THAT(with_name(fmt::format("{:a>64}.example.com", "")), HasSubstr("DomainLabelTooLong"));
    EXPECT_EQ(with_name("w w.example.com"),
              "InvalidChangeBatch: FATAL problem: UnsupportedCharacter (Value contains unsupported "
              "characters) encountered with ' '");
    EXPECT_THAT(with_name("b\xC3\xBC"
                          "cher.example.com"),
                HasSubstr("UnsupportedCharacter"));
    EXPECT_EQ(with_name(R"(\052.example.com)"), "accepted");
    EXPECT_EQ(with_name("*.example.com"), "accepted");
}

TEST(Route53Responses, golden_responses_are_read_back) {
    const auto created =
        decode_create_hosted_zone_response(golden("create_hosted_zone_response.xml"));
    ASSERT_TRUE(created) << created.error().message;
    EXPECT_EQ(encode_response(*created), golden("create_hosted_zone_response.xml"));
    const auto zone = decode_get_hosted_zone_response(golden("get_hosted_zone_response.xml"));
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(encode_response(*zone), golden("get_hosted_zone_response.xml"));
    EXPECT_EQ(zone->zone.zone.id, "Z1PA6795UKMFR9");
    EXPECT_EQ(zone->zone.record_set_count, 17U);
    const auto zones = decode_list_hosted_zones_response(golden("list_hosted_zones_response.xml"));
    ASSERT_TRUE(zones) << zones.error().message;
    EXPECT_EQ(encode_response(*zones), golden("list_hosted_zones_response.xml"));
    const auto by_name =
        decode_list_hosted_zones_by_name_response(golden("list_hosted_zones_by_name_response.xml"));
    ASSERT_TRUE(by_name) << by_name.error().message;
    EXPECT_EQ(encode_response(*by_name), golden("list_hosted_zones_by_name_response.xml"));
    const auto record_sets =
        decode_list_record_sets_response(golden("list_record_sets_response.xml"));
    ASSERT_TRUE(record_sets) << record_sets.error().message;
    EXPECT_EQ(encode_response(*record_sets), golden("list_record_sets_response.xml"));
    EXPECT_TRUE(record_sets->unsupported.empty());
    const auto count = decode_hosted_zone_count_response(golden("hosted_zone_count_response.xml"));
    ASSERT_TRUE(count) << count.error().message;
    EXPECT_EQ(*count, 3U);
    for (const char* file :
         {"delete_hosted_zone_response.xml", "change_response.xml", "get_change_response.xml"}) {
        const auto change = decode_change_info_response(golden(file));
        ASSERT_TRUE(change) << change.error().message;
        EXPECT_EQ(change->id, "C2682N5HXP0BZ4");
        EXPECT_EQ(change->submitted_at, samples::change(change->status).submitted_at);
    }
}

TEST(Route53Responses, record_sets_that_the_model_cannot_hold_are_kept_apart_not_dropped) {
    const std::string body = golden("foreign_record_sets_response.xml");
    const auto record_sets = decode_list_record_sets_response(body);
    ASSERT_TRUE(record_sets) << record_sets.error().message;
    EXPECT_EQ(record_sets->record_sets.size(), 1U);
    ASSERT_EQ(record_sets->unsupported.size(), 4U);
    EXPECT_EQ(record_sets->unsupported[0].alias->dns_name,
              "lb-1218761514.us-east-1.elb.amazonaws.com.");
    EXPECT_EQ(record_sets->unsupported[1].region, "us-east-1");
    EXPECT_EQ(record_sets->unsupported[2].geo_location, "CountryCode=US,SubdivisionCode=CA");
    EXPECT_EQ(record_sets->unsupported[3].health_check_id, "abc-1");
    const auto raw = decode_raw_list_record_sets_response(body);
    ASSERT_TRUE(raw);
    EXPECT_EQ(raw->record_sets.size(), 5U);
}

TEST(Route53Responses, what_cannot_be_understood_says_what_is_missing) {
    const auto message = [](std::string_view body) {
        const auto change = decode_change_info_response(body);
        return change ? std::string{"accepted"} : change.error().message;
    };
    EXPECT_EQ(message("<GetChangeResponse/>"), "the answer's GetChangeResponse has no ChangeInfo");
    EXPECT_EQ(message("<x><ChangeInfo><Id>/change/C1</Id><Status>DONE</Status></ChangeInfo></x>"),
              "change C1 has the status 'DONE', expected PENDING or INSYNC");
    EXPECT_THAT(message("<html>"), HasSubstr("not an XML document"));
    EXPECT_FALSE(decode_list_record_sets_response("<ListHostedZonesResponse/>"));
}

TEST(Route53Errors, both_forms_of_an_error_are_read) {
    const ApiError throttled = decode_error(400, golden("throttling_error.xml"));
    EXPECT_EQ(throttled.code, "Throttling");
    EXPECT_EQ(throttled.message, "Rate exceeded");
    EXPECT_EQ(throttled.request_id, "b25f48e8-84fd-11e6-80d9-574e0c4664cb");
    EXPECT_TRUE(throttled.messages.empty());
    const ApiError batch = decode_error(400, golden("invalid_change_batch_error.xml"));
    EXPECT_EQ(batch.messages, samples::invalid_batch().messages);
    const ApiError old = decode_error(400, golden("invalid_change_batch_old_error.xml"));
    EXPECT_EQ(old.code, "InvalidChangeBatch");
    EXPECT_EQ(old.messages, samples::invalid_batch().messages);
}

TEST(Route53Errors, a_body_that_is_no_error_still_tells_the_status_and_its_text) {
    const ApiError page = decode_error(502, "<html><body>Bad\nGateway");
    EXPECT_EQ(page.code, "HTTP 502");
    EXPECT_EQ(page.message, "the answer is no Route 53 error: <html><body>Bad Gateway");
    EXPECT_EQ(decode_error(503, "").message, "the answer has no body");
}

TEST(Route53Errors, messages_are_split_where_a_known_one_begins) {
    EXPECT_THAT(split_messages("[Tried to delete resource record set [name='a.', type='A'] but it "
                               "was not found, Tried to create resource record set [name='a.', "
                               "type='A', set-identifier='x, y'] but it already exists]"),
                ElementsAre("Tried to delete resource record set [name='a.', type='A'] but it was "
                            "not found",
                            "Tried to create resource record set [name='a.', type='A', "
                            "set-identifier='x, y'] but it already exists"));
    EXPECT_THAT(split_messages("no brackets, one text"), ElementsAre("no brackets, one text"));
    EXPECT_TRUE(split_messages("[]").empty());
}

TEST(Route53RecordSets, are_the_same_whatever_their_spelling) {
    RawRecordSet a;
    a.name = "www.example.com";
    a.type = "AAAA";
    a.ttl = "60";
    a.set_identifier = "i-0abc";
    a.weight = "10";
    a.values = {"2001:db8::1", "2001:db8::2"};
    RawRecordSet b = a;
    b.name = "WWW.example.com.";
    b.values = {"2001:DB8:0::2", "2001:db8::1"};
    EXPECT_TRUE(is_same(a, b));
    const auto differs = [&a](auto change) {
        RawRecordSet other = a;
        change(other);
        return !is_same(a, other);
    };
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.name = "www2.example.com"; }));
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.weight = "11"; }));
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.weight.reset(); }));
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.ttl = "61"; }));
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.values.pop_back(); }));
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.health_check_id = "h"; }));
    EXPECT_TRUE(differs([](RawRecordSet& other) { other.alias = AliasTarget{}; }));
    RawRecordSet alias;
    alias.alias = AliasTarget{"/hostedzone/Z2", "lb.example.net.", false};
    RawRecordSet same_alias;
    same_alias.alias = AliasTarget{"Z2", "LB.example.net", false};
    EXPECT_TRUE(is_same(alias, same_alias));
}

TEST(Route53Ids, prefixes_are_taken_off) {
    EXPECT_EQ(strip_id_prefix("/hostedzone/Z1"), "Z1");
    EXPECT_EQ(strip_id_prefix("hostedzone/Z1"), "Z1");
    EXPECT_EQ(strip_id_prefix("/change/C1"), "C1");
    EXPECT_EQ(strip_id_prefix("/delegationset/N1"), "N1");
    EXPECT_EQ(strip_id_prefix("Z1"), "Z1");
}

}  // namespace
}  // namespace rota::route53
