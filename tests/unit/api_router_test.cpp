#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "fake_http_service.h"
#include "rota/api/hosted_zones.h"
#include "rota/api/member_age.h"
#include "rota/api/rota_api.h"
#include "rota/api/router.h"
#include "rota/api/routes.h"
#include "rota/aws/credentials.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/log.h"
#include "rota/http/message.h"
#include "rota/http/url.h"
#include "rota/model/limits.h"
#include "rota/route53/codec.h"
#include "rota/route53/rota_client.h"
#include "rota/store/store.h"

namespace rota::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const http::Peer kPeer{"192.0.2.99", 4711};

dns::Name name(std::string_view text) {
    return dns::Name::parse(text).value();
}

/// A server without sockets: real store, real zones, a name server that acknowledges when told.
class Api : public testing::Test {
protected:
    Api() {
        log::configure(log::Level::error, log::Format::key_value);
        std::string pattern = testing::TempDir() + "rota-api-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
        open();
    }

    ~Api() override {
        close();
        std::filesystem::remove_all(directory_);
    }

    void open() {
        store_ = store::Store::open(directory_).value();
        zones_ = std::make_unique<HostedZones>(
            *store_, store_->load().value(),
            Publication{
                .add = [this](const auto&, const auto&) { return ++generation_; },
                .change = [this](const auto&, const auto&, const auto&) { return ++generation_; },
                .remove = [this](const auto&) { return ++generation_; }},
            std::vector{name("ns1.example.net"), name("ns2.example.net")},
            model::kMaxRecordSetsPerZone);
        own_ = std::make_unique<RotaApi>(
            *zones_, leases_, [this](std::string_view zone_id, const model::RecordKey& key) {
                asked_ = fmt::format("{} {} {} {}", zone_id, key.name.to_text(),
                                     dns::to_string(key.type), key.set_identifier);
                return age_;
            });
        router_ = std::make_unique<Router>(
            *zones_, *own_,
            [this](const http::Request&, WallTime) -> std::expected<std::string, aws::AuthError> {
                if (refusal_) {
                    return std::unexpected(*refusal_);
                }
                return "AKIATEST";
            },
            [](MetricsText&) {});
    }

    void close() {
        router_.reset();
        own_.reset();
        zones_.reset();
        store_.reset();
    }

    void restart() {
        close();
        open();
    }

    http::Response send(std::string method, const std::string& path, std::string body = {}) {
        return router_->handle(
            {std::move(method), path, {{"Host", "127.0.0.1:8053"}}, std::move(body)}, kPeer);
    }

    http::Response get(const std::string& path) { return send("GET", "/2013-04-01/" + path); }

    http::Response create_zone(const std::string& zone_name, const std::string& reference) {
        route53::CreateHostedZoneRequest request;
        request.name = zone_name;
        request.caller_reference = reference;
        return send("POST", "/2013-04-01/hostedzone", route53::encode_request(request));
    }

    /// Makes a zone and gives its id.
    std::string zone(const std::string& zone_name) {
        const auto response = create_zone(zone_name, "ref " + zone_name);
        EXPECT_EQ(response.status, 201) << response.body;
        return route53::decode_create_hosted_zone_response(response.body).value().zone.zone.id;
    }

    static model::Change weighted(model::Action action, const std::string& set_name,
                                  const std::string& identifier,
                                  const std::string& address = "192.0.2.1") {
        return {
            action,
            {name(set_name), dns::Type::a, identifier, model::WeightedRouting{10}, 60, {address}}};
    }

    http::Response change(const std::string& id, std::vector<model::Change> changes,
                          http::Headers headers = {}) {
        headers.emplace_back("Host", "127.0.0.1:8053");
        return router_->handle(
            {"POST", "/2013-04-01/hostedzone/" + id + "/rrset/", std::move(headers),
             route53::encode_request(model::ChangeBatch{"a comment", std::move(changes)})},
            kPeer);
    }

    static http::Headers keep(std::string members) {
        return {{"x-rota-keep-members", std::move(members)}};
    }

    std::string accepted(const http::Response& response) {
        EXPECT_EQ(response.status, 200) << response.body;
        return route53::decode_change_info_response(response.body).value().id;
    }

    model::ChangeStatus status_of(const std::string& change_id) {
        const auto response = get("change/" + change_id);
        EXPECT_EQ(response.status, 200) << response.body;
        return route53::decode_change_info_response(response.body).value().status;
    }

    route53::ListRecordSetsResponse record_sets(const std::string& id,
                                                const std::string& query = "") {
        const auto response = get("hostedzone/" + id + "/rrset" + query);
        EXPECT_EQ(response.status, 200) << response.body;
        return route53::decode_list_record_sets_response(response.body).value();
    }

    static std::vector<std::string> names(const route53::ListRecordSetsResponse& list) {
        std::vector<std::string> result;
        for (const model::RecordSet& set : list.record_sets) {
            result.push_back(fmt::format("{} {} {}", set.name.to_text(), dns::to_string(set.type),
                                         set.set_identifier));
        }
        return result;
    }

    static void expect_error(const http::Response& response, int status, const std::string& code,
                             const std::string& message) {
        const route53::ApiError error = route53::decode_error(response.status, response.body);
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(error.code, code);
        EXPECT_EQ(error.message, message);
        ASSERT_NE(http::find(response.headers, "x-amzn-requestid"), nullptr);
        EXPECT_EQ(error.request_id, *http::find(response.headers, "x-amzn-requestid"));
    }

    std::string directory_;
    std::uint64_t generation_ = 1;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<HostedZones> zones_;
    Leases leases_;
    std::unique_ptr<RotaApi> own_;
    std::unique_ptr<Router> router_;
    std::optional<aws::AuthError> refusal_;
    std::optional<MemberAge> age_;
    std::string asked_;
};

TEST_F(Api, makes_a_zone_with_soa_and_ns) {
    const auto response = create_zone("Example.COM", "ref 1");
    EXPECT_EQ(response.status, 201);
    const auto created = route53::decode_create_hosted_zone_response(response.body).value();
    EXPECT_EQ(created.zone.zone.name, name("example.com"));
    EXPECT_EQ(created.zone.record_set_count, 2U);
    EXPECT_EQ(created.zone.zone.id.front(), 'Z');
    EXPECT_EQ(created.change.status, model::ChangeStatus::pending);
    ASSERT_NE(http::find(response.headers, "location"), nullptr);
    EXPECT_EQ(*http::find(response.headers, "location"),
              "http://127.0.0.1:8053/2013-04-01/hostedzone/" + created.zone.zone.id);

    const auto list = record_sets(created.zone.zone.id);
    ASSERT_EQ(list.record_sets.size(), 2U);
    EXPECT_EQ(list.record_sets[0].type, dns::Type::ns);
    EXPECT_EQ(list.record_sets[0].ttl, 172800U);
    EXPECT_THAT(list.record_sets[0].values, ElementsAre("ns1.example.net.", "ns2.example.net."));
    EXPECT_EQ(list.record_sets[1].ttl, 900U);
    EXPECT_THAT(list.record_sets[1].values,
                ElementsAre("ns1.example.net. hostmaster.example.com. 1 7200 900 1209600 86400"));
}

TEST_F(Api, refuses_a_reused_caller_reference) {
    EXPECT_EQ(create_zone("example.com", "ref").status, 201);
    expect_error(create_zone("example.org", "ref"), 409, "HostedZoneAlreadyExists",
                 "A hosted zone has already been created with the specified caller reference.");
}

TEST_F(Api, refuses_a_second_zone_of_the_same_name) {
    const std::string id = zone("example.com");
    expect_error(create_zone("example.com.", "other"), 400, "ConflictingDomainExists",
                 "The hosted zone " + id +
                     " has the name example.com. already, and hosted zones of the same name "
                     "cannot share name servers");
}

TEST_F(Api, refuses_names_that_are_none) {
    const auto response = create_zone("a..b", "ref");
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(route53::decode_error(400, response.body).code, "InvalidDomainName");
    EXPECT_EQ(route53::decode_error(400, create_zone(".", "ref").body).code, "InvalidDomainName");
}

TEST_F(Api, refuses_private_zones_by_name) {
    route53::CreateHostedZoneRequest request;
    request.name = "example.com";
    request.caller_reference = "ref";
    request.private_zone = true;
    const auto response = send("POST", "/2013-04-01/hostedzone", route53::encode_request(request));
    EXPECT_EQ(response.status, 400);
    EXPECT_THAT(response.body, HasSubstr("Private hosted zones are not supported by rota serve"));
}

TEST_F(Api, gets_a_zone_in_every_spelling_of_its_path) {
    const std::string id = zone("example.com");
    for (const std::string& path :
         {"hostedzone/" + id, "hostedzone/" + id + "/", "hostedzone/%2Fhostedzone%2F" + id,
          "hostedzone//hostedzone/" + id}) {
        EXPECT_EQ(get(path).status, 200) << path;
    }
}

TEST_F(Api, says_which_zone_is_not_there) {
    expect_error(get("hostedzone/Z0NONE"), 404, "NoSuchHostedZone",
                 "No hosted zone found with ID: Z0NONE");
    expect_error(get("hostedzone/Z0NONE/rrset"), 404, "NoSuchHostedZone",
                 "No hosted zone found with ID: Z0NONE");
    expect_error(change("Z0NONE", {weighted(model::Action::create, "www.example.com", "i-1")}), 404,
                 "NoSuchHostedZone", "No hosted zone found with ID: Z0NONE");
    expect_error(send("DELETE", "/2013-04-01/hostedzone/Z0NONE"), 404, "NoSuchHostedZone",
                 "No hosted zone found with ID: Z0NONE");
}

TEST_F(Api, deletes_a_zone_with_nothing_but_soa_and_ns) {
    const std::string id = zone("example.com");
    ASSERT_EQ(change(id, {weighted(model::Action::create, "www.example.com", "i-1")}).status, 200);
    expect_error(send("DELETE", "/2013-04-01/hostedzone/" + id), 400, "HostedZoneNotEmpty",
                 "The specified hosted zone contains non-required resource record sets  and so "
                 "cannot be deleted.");
    ASSERT_EQ(change(id, {weighted(model::Action::del, "www.example.com", "i-1")}).status, 200);
    const std::string change_id = accepted(send("DELETE", "/2013-04-01/hostedzone/" + id));
    EXPECT_EQ(get("hostedzone/" + id).status, 404);
    EXPECT_EQ(status_of(change_id), model::ChangeStatus::pending);
    EXPECT_EQ(create_zone("example.com", "again").status, 201);
}

TEST_F(Api, says_insync_when_every_worker_answers_with_the_change) {
    const std::string id = zone("example.com");
    const std::string first =
        accepted(change(id, {weighted(model::Action::create, "www.example.com", "i-1")}));
    const std::uint64_t generation = generation_;
    const std::string second =
        accepted(change(id, {weighted(model::Action::create, "www.example.com", "i-2")}));
    EXPECT_EQ(status_of(first), model::ChangeStatus::pending);
    EXPECT_EQ(zones_->totals().pending_changes, 3U);  // the zone's own change is the third
    zones_->acknowledge(generation);
    EXPECT_EQ(status_of(first), model::ChangeStatus::insync);
    EXPECT_EQ(status_of(second), model::ChangeStatus::pending);
    zones_->acknowledge(generation - 1);  // late and out of order: nothing goes back
    EXPECT_EQ(status_of(first), model::ChangeStatus::insync);
    zones_->acknowledge(generation_);
    EXPECT_EQ(status_of("%2Fchange%2F" + second), model::ChangeStatus::insync);
    EXPECT_EQ(zones_->totals().pending_changes, 0U);
}

TEST_F(Api, knows_changes_and_zones_after_a_restart) {
    const std::string id = zone("example.com");
    const std::string change_id =
        accepted(change(id, {weighted(model::Action::create, "www.example.com", "i-1")}));
    restart();
    EXPECT_EQ(status_of(change_id), model::ChangeStatus::insync);
    EXPECT_THAT(names(record_sets(id)),
                ElementsAre("example.com. NS ", "example.com. SOA ", "www.example.com. A i-1"));
    EXPECT_EQ(create_zone("example.org", "ref example.com").status, 409);
}

TEST_F(Api, says_which_change_is_not_there) {
    expect_error(get("change/C0NONE"), 404, "NoSuchChange",
                 "Could not find resource with ID: C0NONE");
}

TEST_F(Api, refuses_a_batch_whole_and_gives_every_reason) {
    const std::string id = zone("example.com");
    const auto response = change(id, {weighted(model::Action::create, "www.example.com", "i-1"),
                                      weighted(model::Action::del, "web.example.com", "i-9"),
                                      weighted(model::Action::create, "www.example.org", "i-1")});
    EXPECT_EQ(response.status, 400);
    const auto error = route53::decode_error(400, response.body);
    EXPECT_EQ(error.code, "InvalidChangeBatch");
    EXPECT_THAT(response.body,
                HasSubstr("Tried to delete resource record set [name='web.example.com.', "
                          "type='A', set-identifier='i-9'] but it was not found"));
    EXPECT_THAT(response.body,
                HasSubstr("RRSet with DNS name www.example.org. is not permitted in zone "
                          "example.com."));
    EXPECT_EQ(record_sets(id).record_sets.size(), 2U);
}

TEST_F(Api, keeps_as_many_members_as_the_request_asks_for) {
    const std::string id = zone("example.com");
    const auto remove = [](const std::string& identifier) {
        return weighted(model::Action::del, "www.example.com", identifier);
    };
    ASSERT_EQ(change(id,
                     {weighted(model::Action::create, "www.example.com", "i-1"),
                      weighted(model::Action::create, "www.example.com", "i-2")},
                     keep("9"))
                  .status,
              200);
    ASSERT_EQ(change(id, {remove("i-1")}, keep("1")).status, 200);
    expect_error(change(id, {remove("i-2")}, keep("1")), 400, "PreconditionFailed",
                 "The rota www.example.com. A would hold 0 members after this change, and at least "
                 "1 is required.");
    EXPECT_EQ(record_sets(id).record_sets.size(), 3U);
    EXPECT_EQ(zones_->totals().changes, 3U);
    EXPECT_EQ(change(id, {remove("i-2")}).status, 200);
}

TEST_F(Api, tells_what_is_wrong_with_the_batch_before_the_precondition) {
    const std::string id = zone("example.com");
    const auto response =
        change(id, {weighted(model::Action::del, "www.example.com", "i-1")}, keep("1"));
    EXPECT_EQ(route53::decode_error(400, response.body).code, "InvalidChangeBatch");
}

TEST_F(Api, refuses_a_number_of_members_that_is_none) {
    const std::string id = zone("example.com");
    const auto create = weighted(model::Action::create, "www.example.com", "i-1");
    for (const std::string text : {"0", "-1", "", "1x", " 1", "4294967296", "1,2"}) {
        expect_error(change(id, {create}, keep(text)), 400, "InvalidInput",
                     "The header X-Rota-Keep-Members takes one whole number from 1 to 4294967295, "
                     "got '" +
                         text + "'");
    }
    http::Headers twice = keep("1");
    twice.emplace_back("X-Rota-Keep-Members", "2");
    EXPECT_EQ(change(id, {create}, twice).status, 400);
    EXPECT_EQ(record_sets(id).record_sets.size(), 2U);
}

TEST_F(Api, lets_one_of_two_leave_who_both_keep_one) {
    const std::string id = zone("example.com");
    for (int round = 0; round < 50; ++round) {
        ASSERT_EQ(change(id, {weighted(model::Action::upsert, "www.example.com", "i-0"),
                              weighted(model::Action::upsert, "www.example.com", "i-1")})
                      .status,
                  200);
        std::array<int, 2> statuses{};
        {
            std::barrier both{2};
            std::vector<std::jthread> leaving;
            for (std::size_t i = 0; i < 2; ++i) {
                leaving.emplace_back([&, i] {
                    both.arrive_and_wait();
                    statuses[i] = change(id,
                                         {weighted(model::Action::del, "www.example.com",
                                                   "i-" + std::to_string(i))},
                                         keep("1"))
                                      .status;
                });
            }
        }
        EXPECT_THAT(statuses, testing::UnorderedElementsAre(200, 400));
        EXPECT_EQ(record_sets(id).record_sets.size(), 3U);
    }
}

TEST_F(Api, lists_record_sets_in_route_53s_order_and_by_pages) {
    const std::string id = zone("example.com");
    ASSERT_EQ(change(id, {weighted(model::Action::create, "www.example.com", "i-2"),
                          weighted(model::Action::create, "www.example.com", "i-1"),
                          weighted(model::Action::create, "*.example.com", "w"),
                          weighted(model::Action::create, "a.www.example.com", "i-3"),
                          weighted(model::Action::create, "a-b.example.com", "i-4")})
                  .status,
              200);
    const std::vector<std::string> all{
        "example.com. NS ",         "example.com. SOA ",      "\\052.example.com. A w",
        "a-b.example.com. A i-4",   "www.example.com. A i-1", "www.example.com. A i-2",
        "a.www.example.com. A i-3",
    };
    EXPECT_EQ(names(record_sets(id)), all);

    std::vector<std::string> paged;
    std::string query = "?maxitems=2";
    for (int page = 0; page < 10; ++page) {
        const auto list = record_sets(id, query);
        EXPECT_EQ(list.max_items, 2U);
        const auto some = names(list);
        paged.insert(paged.end(), some.begin(), some.end());
        if (!list.is_truncated) {
            break;
        }
        query =
            fmt::format("?maxitems=2&name={}&type={}&identifier={}",
                        http::percent_encode(list.next_name), list.next_type, list.next_identifier);
    }
    EXPECT_EQ(paged, all);
}

TEST_F(Api, begins_a_listing_anywhere) {
    const std::string id = zone("example.com");
    ASSERT_EQ(change(id, {weighted(model::Action::create, "www.example.com", "i-2"),
                          weighted(model::Action::create, "www.example.com", "i-1")})
                  .status,
              200);
    EXPECT_THAT(names(record_sets(id, "?name=WWW.example.com")),
                ElementsAre("www.example.com. A i-1", "www.example.com. A i-2"));
    EXPECT_THAT(names(record_sets(id, "?name=www.example.com&type=A&identifier=i-11")),
                ElementsAre("www.example.com. A i-2"));
    EXPECT_THAT(names(record_sets(id, "?name=www.example.com&type=AAAA")), ElementsAre());
    EXPECT_THAT(
        names(record_sets(id, "?name=example.com&type=SOA")),
        ElementsAre("example.com. SOA ", "www.example.com. A i-1", "www.example.com. A i-2"));
}

TEST_F(Api, refuses_listings_that_begin_nowhere) {
    const std::string id = zone("example.com");
    for (const char* query : {"?type=A", "?identifier=i-1", "?name=www.example.com&identifier=x",
                              "?name=www.example.com&type=a", "?name=a..b", "?maxitems=0",
                              "?maxitems=x", "?maxitems=-1"}) {
        const auto response = get("hostedzone/" + id + "/rrset" + query);
        EXPECT_EQ(response.status, 400) << query;
        EXPECT_EQ(route53::decode_error(400, response.body).code, "InvalidInput") << query;
    }
}

TEST_F(Api, gives_at_most_what_the_api_gives_at_once) {
    const std::string id = zone("example.com");
    EXPECT_EQ(record_sets(id, "?maxitems=1000").max_items, 300U);
    EXPECT_EQ(record_sets(id, "?maxitems=99999999999999999999999").max_items, 300U);
    const auto zones =
        route53::decode_list_hosted_zones_response(get("hostedzone?maxitems=500").body);
    EXPECT_EQ(zones.value().max_items, 100U);
}

TEST_F(Api, lists_zones_by_pages) {
    std::vector<std::string> made;
    for (const char* zone_name : {"a.test", "b.test", "c.test"}) {
        made.push_back(zone(zone_name));
    }
    std::sort(made.begin(), made.end());
    const auto first =
        route53::decode_list_hosted_zones_response(get("hostedzone?maxitems=2").body).value();
    ASSERT_EQ(first.zones.size(), 2U);
    EXPECT_TRUE(first.is_truncated);
    EXPECT_EQ(first.next_marker, made[2]);
    const auto second = route53::decode_list_hosted_zones_response(
                            get("hostedzone?maxitems=2&marker=" + first.next_marker).body)
                            .value();
    ASSERT_EQ(second.zones.size(), 1U);
    EXPECT_EQ(second.zones[0].zone.id, made[2]);
    EXPECT_EQ(second.marker, made[2]);
    EXPECT_FALSE(second.is_truncated);
    EXPECT_THAT(get("hostedzonecount").body, HasSubstr("<HostedZoneCount>3</HostedZoneCount>"));
}

TEST_F(Api, lists_zones_by_name) {
    const std::string example_org = zone("example.org");
    zone("example.com");
    zone("sub.example.com");
    const auto all =
        route53::decode_list_hosted_zones_by_name_response(get("hostedzonesbyname").body).value();
    ASSERT_EQ(all.zones.size(), 3U);
    EXPECT_EQ(all.zones[0].zone.name, name("example.com"));
    EXPECT_EQ(all.zones[1].zone.name, name("sub.example.com"));
    EXPECT_EQ(all.zones[2].zone.name, name("example.org"));
    const auto page = route53::decode_list_hosted_zones_by_name_response(
                          get("hostedzonesbyname?dnsname=sub.example.com&maxitems=1").body)
                          .value();
    ASSERT_EQ(page.zones.size(), 1U);
    EXPECT_EQ(page.zones[0].zone.name, name("sub.example.com"));
    EXPECT_EQ(page.dns_name, "sub.example.com");
    EXPECT_TRUE(page.is_truncated);
    EXPECT_EQ(page.next_dns_name, "example.org.");
    EXPECT_EQ(page.next_hosted_zone_id, example_org);
    EXPECT_EQ(get("hostedzonesbyname?hostedzoneid=Z1").status, 400);
}

TEST_F(Api, names_the_operations_that_are_not_built) {
    expect_error(send("POST", "/2013-04-01/healthcheck"), 501, "NotImplemented",
                 "The operation CreateHealthCheck is not implemented by rota serve " ROTA_VERSION
                 ".");
    const auto response = get("testdnsanswer?hostedzoneid=Z1");
    EXPECT_EQ(response.status, 501);
    EXPECT_THAT(response.body, HasSubstr("TestDNSAnswer"));
}

TEST_F(Api, says_that_a_path_is_no_operation) {
    for (const char* path : {"/", "/2013-04-01/", "/2012-12-12/hostedzone", "/2013-04-01/nothing",
                             "/2013-04-01/hostedzone/%zz"}) {
        const auto response = send("GET", path);
        EXPECT_EQ(response.status, 404) << path;
        EXPECT_EQ(route53::decode_error(404, response.body).code, "UnknownOperationException");
    }
}

TEST_F(Api, refuses_those_who_cannot_sign) {
    refusal_ = aws::AuthError{403, "InvalidClientTokenId",
                              "The security token included in the request is invalid."};
    expect_error(get("hostedzone"), 403, "InvalidClientTokenId",
                 "The security token included in the request is invalid.");
    EXPECT_EQ(send("POST", "/2013-04-01/healthcheck").status, 403);
    EXPECT_EQ(send("GET", "/nothing").status, 403);
    EXPECT_EQ(send("GET", "/healthz").status, 200);
    EXPECT_EQ(send("GET", "/metrics").status, 200);
}

TEST_F(Api, answers_get_and_head_of_health_and_metrics_to_anybody) {
    refusal_ = aws::AuthError{403, "MissingAuthenticationToken", "Missing Authentication Token"};
    for (const char* path : {"/healthz", "/healthz/", "/metrics", "/metrics/", "/healthz?now"}) {
        for (const char* method : {"GET", "HEAD"}) {
            EXPECT_EQ(send(method, path).status, 200) << method << ' ' << path;
        }
        for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
            const auto response = send(method, path);
            EXPECT_EQ(response.status, 405) << method << ' ' << path;
            ASSERT_NE(http::find(response.headers, "allow"), nullptr);
            EXPECT_EQ(*http::find(response.headers, "allow"), "GET, HEAD");
        }
    }
    EXPECT_EQ(send("GET", "/healthzz").status, 403);
}

TEST_F(Api, counts_for_prometheus) {
    const std::string id = zone("example.com");
    change(id, {weighted(model::Action::create, "www.example.com", "i-1")});
    get("hostedzone/Z0NONE");
    const auto response = send("GET", "/metrics");
    EXPECT_EQ(*http::find(response.headers, "content-type"),
              "text/plain; version=0.0.4; charset=utf-8");
    for (const char* line :
         {"# TYPE rota_zones gauge\nrota_zones 1\n", "rota_record_sets 3\n",
          "# TYPE rota_changes_total counter\nrota_changes_total 2\n", "rota_changes_pending 2\n",
          "rota_api_requests_total{operation=\"CreateHostedZone\",status=\"201\"} 1\n",
          "rota_api_requests_total{operation=\"GetHostedZone\",status=\"404\"} 1\n",
          "rota_build_info{version=\"" ROTA_VERSION "\"} 1\n", "process_open_fds ",
          "process_cpu_seconds_total "}) {
        EXPECT_THAT(response.body, HasSubstr(line));
    }
}

TEST_F(Api, tells_the_age_of_a_member) {
    const std::string id = zone("example.com");
    const std::string query = "?name=www.example.com&set-identifier=i-1&type=A&zone=" + id;
    const auto unknown = send("GET", "/rota/v1/ages" + query);
    EXPECT_EQ(unknown.status, 404);
    EXPECT_THAT(unknown.body, HasSubstr(R"({"code":"NoSuchRecordSet","message":)"));
    age_ = MemberAge{.state = MemberAge::State::gone,
                     .insync = true,
                     .since_last_answer = std::chrono::milliseconds{12345},
                     .largest_ttl = std::chrono::seconds{60},
                     .watched_since = std::chrono::seconds{100}};
    const auto response = send("GET", "/rota/v1/ages/" + query);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(*http::find(response.headers, "content-type"), "application/json");
    EXPECT_EQ(response.body, R"({"state":"gone","insync":true,"last_answered_seconds_ago":12.345,)"
                             R"("largest_ttl":60,"watched_since_seconds":100.0,)"
                             R"("authoritative_for_all_answers":true})");
    EXPECT_EQ(asked_, id + " www.example.com. A i-1");
    age_->since_last_answer.reset();
    age_->state = MemberAge::State::present;
    EXPECT_THAT(send("GET", "/rota/v1/ages" + query).body,
                HasSubstr(R"({"state":"present","insync":true,"last_answered_seconds_ago":null,)"));
}

TEST_F(Api, takes_heartbeats_of_members_and_lists_their_leases) {
    const std::string id = zone("example.com");
    ASSERT_EQ(change(id, {weighted(model::Action::create, "www.example.com", "i-1"),
                          weighted(model::Action::create, "www.example.com", "i-2")})
                  .status,
              200);
    const auto beat = [&](const std::string& more, const std::string& identifier = "i-1") {
        return send("POST", "/rota/v1/heartbeats",
                    R"({"zone":"/hostedzone/)" + id +
                        R"(","name":"WWW.example.com","type":"A","set_identifier":")" + identifier +
                        "\"" + more + "}");
    };
    EXPECT_EQ(beat("").body,
              R"({"lease_seconds":9,"members":2,"reporting":0,"mean_utilisation":null,)"
              R"("reports":[]})");
    const auto second = beat(
        R"(,"lease_seconds":300,"probe":{"port":80,"path":"/up"},)"
        R"("load":{"utilisation":0.5,"in_flight":7,"in_service_seconds":12.5,"draining":false,"new":[]})",
        "i-2");
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(second.body,
              R"({"lease_seconds":300,"members":2,"reporting":1,"mean_utilisation":0.5,)"
              R"("reports":[{"set_identifier":"i-2","age_seconds":0.0,"utilisation":0.5,)"
              R"("requests_per_second":null,"errors_per_second":null,"in_flight":7.0,)"
              R"("in_service_seconds":12.5,"draining":false}]})");
    const auto list = [&](const std::string& query) {
        return send("GET", "/rota/v1/leases?zone=" + id + query).body;
    };
    EXPECT_THAT(list(""), testing::StartsWith(R"({"server_uptime_seconds":)"));
    EXPECT_THAT(list("&name=www.example.com&type=A"),
                HasSubstr(R"("leases":[{"name":"www.example.com.","type":"A",)"
                          R"("set_identifier":"i-1","held":true,"expires_in_seconds":)"));
    EXPECT_THAT(list(""), HasSubstr(R"("draining":false,"probe":{"port":80,"path":"/up"}}])"));
    EXPECT_THAT(list("&type=AAAA"), HasSubstr(R"("leases":[])"));
    EXPECT_THAT(list("&name=example.com"), HasSubstr(R"("leases":[])"));
    EXPECT_EQ(beat("", "i-3").status, 404);
    for (const std::string wrong :
         {R"(,"lease_seconds":0)", R"(,"lease_seconds":301)", R"(,"lease_seconds":1.5)",
          R"(,"lease_seconds":18446744073709551615)", R"(,"lease_seconds":"9")", R"(,"probe":80)",
          R"(,"probe":{})", R"(,"probe":{"port":65536})", R"(,"probe":{"port":80,"path":"up"})",
          R"(,"load":[])", R"(,"load":{"utilisation":-1})", R"(,"load":{"utilisation":1e999})",
          R"(,"load":{"utilisation":"1"})", R"(,"load":{"draining":1})", R"(,"type":"AB")",
          R"(,"name":"a..b")", R"(,"zone":"")", "}"}) {
        const auto refusal = beat(wrong);
        EXPECT_EQ(refusal.status, 400) << wrong;
        EXPECT_THAT(refusal.body, testing::StartsWith(R"({"code":"InvalidInput")")) << wrong;
    }
    EXPECT_EQ(beat(R"(,"x":")" + std::string(20000, 'x') + "\"").status, 413);
    for (const std::string& body : {std::string{}, std::string{"[]"}, std::string(9000, '[')}) {
        EXPECT_EQ(send("POST", "/rota/v1/heartbeats", body).status, 400);
    }
    EXPECT_EQ(send("GET", "/rota/v1/leases").status, 400);
    EXPECT_EQ(send("GET", "/rota/v1/leases?zone=Z0NONE").status, 404);
    EXPECT_EQ(send("GET", "/rota/v1/heartbeats").status, 405);
}

TEST_F(Api, is_understood_by_its_own_client) {
    const std::string id = zone("example.com");
    ASSERT_EQ(change(id, {weighted(model::Action::create, "www.example.com", "i-1"),
                          weighted(model::Action::create, "www.example.com", "i 2&")})
                  .status,
              200);
    aws::Environment environment;
    environment.static_credentials = aws::Credentials{"AKIATEST", "secret", "", {}};
    const FakeHttpService service{[&](const http::Request& request) {
        const auto who =
            aws::verify(request, [](std::string_view) { return "secret"; }, wall_now(), {});
        EXPECT_TRUE(who) << who.error().message;
        return router_->handle(request, kPeer);
    }};
    route53::RotaClient client{
        {service.url(), "us-east-1"},
        std::make_shared<aws::CredentialProvider>(std::move(environment), nullptr),
        {}};
    const auto member = [&](std::string identifier) {
        return route53::MemberId{"/hostedzone/" + id, name("www.example.com"), dns::Type::a,
                                 std::move(identifier)};
    };
    age_ = MemberAge{.state = MemberAge::State::gone,
                     .insync = true,
                     .since_last_answer = std::chrono::milliseconds{12345},
                     .largest_ttl = std::chrono::seconds{60},
                     .watched_since = std::chrono::seconds{100}};
    const auto age = client.age(member("i 2&"));
    ASSERT_TRUE(age) << age.error().error.message;
    EXPECT_EQ(asked_, id + " www.example.com. A i 2&");
    EXPECT_TRUE(age->is_gone && age->insync && age->authoritative_for_all_answers);
    EXPECT_EQ(age->since_last_answer, std::chrono::milliseconds{12345});
    EXPECT_EQ(age->largest_ttl, std::chrono::seconds{60});
    EXPECT_EQ(age->watched_since, std::chrono::seconds{100});
    age_.reset();
    const auto unknown = client.age(member("i-3"));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, "NoSuchRecordSet");
    EXPECT_EQ(unknown.error().error.kind, ErrorKind::not_found);
    EXPECT_FALSE(unknown.error().is_unsupported);

    route53::Heartbeat heartbeat{
        .lease = std::chrono::seconds{30},
        .probe = route53::ProbeTarget{8080, "/up"},
        .load = route53::LoadReport{.utilisation = 0.5, .in_flight = 7, .in_service_seconds = 9}};
    const auto report = client.heartbeat(member("i-1"), heartbeat);
    ASSERT_TRUE(report) << report.error().error.message;
    EXPECT_EQ(report->members, 2U);
    EXPECT_EQ(report->reporting, 1U);
    EXPECT_EQ(report->mean_utilisation, 0.5);
    ASSERT_EQ(report->reports.size(), 1U);
    EXPECT_EQ(report->reports[0].set_identifier, "i-1");
    EXPECT_EQ(report->reports[0].load.in_flight, 7);
    EXPECT_EQ(report->reports[0].load.in_service_seconds, 9);
    EXPECT_FALSE(report->reports[0].load.requests_per_second);
    ASSERT_TRUE(client.heartbeat(member("i 2&"), {}));
    const auto list = client.leases(id, name("www.example.com"), dns::Type::a);
    ASSERT_TRUE(list) << list.error().error.message;
    ASSERT_EQ(list->leases.size(), 2U);
    EXPECT_EQ(list->leases[0].set_identifier, "i 2&");
    EXPECT_FALSE(list->leases[0].probe);
    EXPECT_TRUE(list->leases[1].is_held);
    EXPECT_GT(list->leases[1].expires_in, std::chrono::seconds{20});
    EXPECT_EQ(list->leases[1].probe->port, 8080);
    EXPECT_EQ(list->leases[1].probe->path, "/up");
    EXPECT_EQ(list->leases[1].name, name("www.example.com"));
    EXPECT_GE(list->server_uptime, std::chrono::milliseconds{0});
}

TEST_F(Api, explains_its_own_errors_in_json) {
    const auto expect = [&](const http::Response& response, int status, const std::string& begin) {
        EXPECT_EQ(response.status, status) << response.body;
        EXPECT_THAT(response.body, testing::StartsWith(begin));
        EXPECT_NE(http::find(response.headers, "x-amzn-requestid"), nullptr);
    };
    expect(send("GET", "/rota/v1/ages"), 400,
           R"({"code":"InvalidInput","message":"The parameter 'zone' is missing)");
    expect(send("GET", "/rota/v1/ages?zone=Z0NONE&name=x.test&type=A&set-identifier=i"), 404,
           R"({"code":"NoSuchHostedZone")");
    expect(send("GET", "/rota/v1/ages?zone=Z&name=a..b&type=A&set-identifier=i"), 400,
           R"({"code":"InvalidInput","message":"'a..b' is not a domain name)");
    expect(send("GET", "/rota/v1/ages?zone=Z&name=b&type=AB&set-identifier=i"), 400,
           R"({"code":"InvalidInput","message":"'AB' is no type)");
    expect(send("POST", "/rota/v1/ages"), 405, R"({"code":"MethodNotAllowed")");
    expect(send("GET", "/rota/v1/else"), 404, R"({"code":"NoSuchResource")");
    refusal_ = aws::AuthError{403, "SignatureDoesNotMatch", "no \xff"};
    expect(send("GET", "/rota/v1/ages"), 403,
           "{\"code\":\"SignatureDoesNotMatch\",\"message\":\"no \xef\xbf\xbd\"}");
}

TEST_F(Api, answers_what_is_no_http_in_the_apis_form) {
    expect_error(router_->refuse_malformed(413), 413, "RequestEntityTooLarge",
                 "The body of the request is larger than this server takes.");
}

TEST_F(Api, gives_every_answer_an_id_of_its_own) {
    const auto first = get("hostedzone");
    const auto second = get("hostedzone");
    EXPECT_EQ(http::find(first.headers, "x-amzn-requestid")->size(), 36U);
    EXPECT_NE(*http::find(first.headers, "x-amzn-requestid"),
              *http::find(second.headers, "x-amzn-requestid"));
}

TEST_F(Api, makes_no_change_that_the_disk_refuses) {
    const std::string id = zone("example.com");
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit tight = before;
    tight.rlim_cur = 4096;
    std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &tight);
    const auto failed = change(id, {weighted(model::Action::create, "www.example.com", "i-1")});
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(failed.status, 503);
    EXPECT_EQ(route53::decode_error(503, failed.body).code, "ServiceUnavailable");
    EXPECT_THAT(failed.body, Not(HasSubstr("rota.db")));
    EXPECT_EQ(record_sets(id).record_sets.size(), 2U);
    EXPECT_EQ(change(id, {weighted(model::Action::create, "www.example.com", "i-1")}).status, 200);
    EXPECT_EQ(record_sets(id).record_sets.size(), 3U);
}

TEST(Routes, know_every_operation_by_method_and_path) {
    const auto found = match("POST", "/2013-04-01/hostedzone/Z1/rrset/");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->operation, Operation::change_record_sets);
    EXPECT_THAT(found->variables, ElementsAre("Z1"));
    EXPECT_EQ(match("GET", "/2013-04-01/trafficpolicyinstances/hostedzone")->name,
              "ListTrafficPolicyInstancesByHostedZone");
    EXPECT_EQ(match("GET", "/2013-04-01/tags/healthcheck/x")->name, "ListTagsForResource");
    EXPECT_EQ(match("POST", "/2013-04-01/hostedzone/Z1")->name, "UpdateHostedZoneComment");
    EXPECT_FALSE(match("PATCH", "/2013-04-01/hostedzone/Z1"));
    EXPECT_FALSE(match("GET", "/2013-04-01/hostedzone/Z1/rrset/x/y"));
}

}  // namespace
}  // namespace rota::api
