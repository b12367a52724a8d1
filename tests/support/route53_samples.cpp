#include "support/route53_samples.h"

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "rota/base/time_format.h"
#include "rota/dns/name.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/messages.h"

namespace rota::route53::samples {

std::string golden(const std::string& name) {
    const std::ifstream file{fmt::format("{}/route53/{}", ROTA_GOLDEN_DIR, name), std::ios::binary};
    std::ostringstream octets;
    octets << file.rdbuf();
    std::string text = octets.str();
    if (text.ends_with('\n')) {
        text.pop_back();
    }
    return text;
}

dns::Name name(std::string_view text) {
    return dns::Name::parse(text).value();
}

model::RecordSet weighted(std::string_view owner, std::string_view identifier, std::uint8_t weight,
                          std::string_view address) {
    return {
        name(owner), dns::Type::a,          std::string{identifier}, model::WeightedRouting{weight},
        60,          {std::string{address}}};
}

model::ChangeBatch batch() {
    model::ChangeBatch batch;
    batch.comment = "rota join i-0abc by root@web-1 & <friends>";
    batch.changes.push_back(
        {model::Action::upsert, weighted("www.example.com", "i-0abc", 10, "192.0.2.10")});
    batch.changes.push_back({model::Action::del,
                             {name("*.example.com"),
                              dns::Type::txt,
                              "",
                              model::SimpleRouting{},
                              300,
                              {"\"v=spf1 -all\"", R"("a<b & \"c\" \052")"}}});
    batch.changes.push_back({model::Action::create,
                             {name("example.com"),
                              dns::Type::mx,
                              "",
                              model::SimpleRouting{},
                              0,
                              {"10 mail.example.com"}}});
    return batch;
}

model::ChangeInfo change(model::ChangeStatus status) {
    return {"C2682N5HXP0BZ4", status, parse_rfc3339("2026-11-22T16:40:00.123Z").value(),
            "rota join i-0abc"};
}

HostedZoneView zone() {
    HostedZoneView view;
    view.zone.id = "Z1PA6795UKMFR9";
    view.zone.name = name("example.com");
    view.zone.caller_reference = "2026-11-22-one";
    view.zone.comment = "the first zone";
    view.record_set_count = 17;
    return view;
}

HostedZoneView zone_and_servers() {
    HostedZoneView view = zone();
    view.zone.name_servers = {name("ns1.example.net"), name("ns2.example.net")};
    return view;
}

HostedZoneView private_zone() {
    HostedZoneView view;
    view.zone.id = "Z3M3LMPEXAMPLE";
    view.zone.name = name("corp.example");
    view.zone.caller_reference = "x";
    view.zone.private_zone = true;
    view.record_set_count = 2;
    return view;
}

ListHostedZonesResponse zones() {
    ListHostedZonesResponse response;
    response.zones = {zone(), private_zone()};
    response.marker = "Z1PA6795UKMFR9";
    response.is_truncated = true;
    response.next_marker = "Z4N4NEXAMPLE";
    response.max_items = 2;
    return response;
}

ListHostedZonesByNameResponse zones_by_name() {
    ListHostedZonesByNameResponse response;
    response.zones = {zone()};
    response.dns_name = "example.com.";
    response.hosted_zone_id = "Z1PA6795UKMFR9";
    response.is_truncated = true;
    response.next_dns_name = "example.net.";
    response.next_hosted_zone_id = "Z5P5PEXAMPLE";
    response.max_items = 1;
    return response;
}

ListRecordSetsResponse record_sets() {
    ListRecordSetsResponse response;
    response.record_sets = {weighted("www.example.com", "i-0abc", 10, "192.0.2.10"),
                            weighted("www.example.com", "i-0abd", 0, "192.0.2.11"),
                            {name("xn--bcher-kva.example.com"),
                             dns::Type::aaaa,
                             "",
                             model::SimpleRouting{},
                             2147483647,
                             {"2001:db8::1", "2001:db8::2"}}};
    response.is_truncated = true;
    response.next_name = "www.example.com.";
    response.next_type = "A";
    response.next_identifier = "i-0abe";
    response.max_items = 3;
    return response;
}

ApiError throttled() {
    return {400, "Throttling", "Rate exceeded", {}, "b25f48e8-84fd-11e6-80d9-574e0c4664cb"};
}

ApiError invalid_batch() {
    ApiError error;
    error.code = "InvalidChangeBatch";
    error.messages = {
        "Tried to create resource record set [name='www.example.com.', type='A', "
        "set-identifier='i-0abc'] but it already exists",
        "RRSet with DNS name x.example.com., type CNAME cannot be created as other RRSets exist "
        "with the same name and type."};
    error.message = fmt::format("[{}, {}]", error.messages[0], error.messages[1]);
    error.request_id = "b25f48e8-84fd-11e6-80d9-574e0c4664cb";
    return error;
}

RawChangeBatch alias_batch() {
    RawRecordSet record_set;
    record_set.name = "alias.example.com";
    record_set.type = "A";
    record_set.set_identifier = "one";
    record_set.weight = "10";
    AliasTarget alias;
    alias.hosted_zone_id = "Z3DZXE0Q79N41H";
    alias.dns_name = "lb-1218761514.us-east-1.elb.amazonaws.com.";
    record_set.alias = alias;
    RawChangeBatch batch;
    batch.comment = "";
    batch.changes.push_back({model::Action::create, record_set});
    return batch;
}

}  // namespace rota::route53::samples
