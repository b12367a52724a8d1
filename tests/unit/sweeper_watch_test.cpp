#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fake_http_service.h"
#include "rota/aws/credentials.h"
#include "rota/base/clock.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/message.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/watch.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

using namespace std::chrono_literals;

/// An API with six members that answers as the test says, and a watch of it. The time is made up.
struct Edge {
    enum class Says { all, page, denied, nothing };

    std::atomic<Says> leases = Says::all;
    std::atomic<Says> changes = Says::all;
    FakeHttpService service{[this](const http::Request& request) { return answer(request); }};
    aws::Environment environment;
    Access access;
    std::optional<Watch> watch;
    BootTime now{24h};

    Edge() {
        environment.static_credentials = aws::Credentials{"AKIATEST", "secret", "", {}};
        access = {
            .endpoint = {service.url(), "us-east-1"},
            .credentials = std::make_shared<aws::CredentialProvider>(environment, nullptr),
            .http = {},
            .find_zone = [](route53::Client&, std::string_view) { return std::string{"Z1"}; }};
        watch.emplace(Rota{.zone = "Z1", .name = dns::Name::parse("www.example.com").value()},
                      access, Settings{}, std::nullopt);
    }

    [[nodiscard]] http::Response answer(const http::Request& request) const {
        if (request.target.contains("/leases")) {
            return leases == Says::all
                       ? http::Response{200, {}, R"({"server_uptime_seconds":99,"leases":[]})"}
                       : http::Response{404, {}, "<html>404 page not found</html>"};
        }
        if (request.method == "GET") {
            return {200, {}, listing()};
        }
        if (changes == Says::nothing) {
            return {503, {}, ""};
        }
        return {403,
                {},
                "<?xml version=\"1.0\"?><ErrorResponse><Error><Code>AccessDenied</Code><Message>"
                "no</Message></Error></ErrorResponse>"};
    }

    static std::string listing() {
        std::string sets;
        for (int i = 1; i <= 6; ++i) {
            sets += fmt::format(
                "<ResourceRecordSet><Name>www.example.com.</Name><Type>A</Type>"
                "<SetIdentifier>i-{}</SetIdentifier><Weight>10</Weight><TTL>60</TTL>"
                "<ResourceRecords><ResourceRecord><Value>192.0.2.{}</Value></ResourceRecord>"
                "</ResourceRecords></ResourceRecordSet>",
                i, i);
        }
        return fmt::format(
            "<?xml version=\"1.0\"?><ListResourceRecordSetsResponse><ResourceRecordSets>{}"
            "</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>"
            "</ListResourceRecordSetsResponse>",
            sets);
    }

    [[nodiscard]] std::size_t asked(std::string_view what) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            service.lines(), [what](const std::string& line) { return line.contains(what); }));
    }

    /// Two of the six are terminated.
    void kill_two() {
        ASSERT_TRUE(watch->read(now));
        const Fleet fleet{{"i-1", InstanceState::terminated}, {"i-2", InstanceState::terminated},
                          {"i-3", InstanceState::running},    {"i-4", InstanceState::running},
                          {"i-5", InstanceState::running},    {"i-6", InstanceState::running}};
        watch->see(fleet, now);
        watch->see(fleet, now + 1s);
    }

    std::vector<Sweeping> sweep_after(std::chrono::seconds time) {
        now += time;
        return watch->sweep(false, now);
    }
};

TEST(Watch, asks_an_api_without_leases_again_gently) {
    Edge edge;
    edge.leases = Edge::Says::page;
    ASSERT_TRUE(edge.watch->read(edge.now));
    for (int i = 0; i < 20; ++i, edge.now += 3s) {
        EXPECT_TRUE(edge.watch->ask_leases(edge.now));
    }
    EXPECT_TRUE(edge.watch->lacks_leases());
    EXPECT_EQ(edge.asked("/leases"), 1U);
    edge.now += 5min;
    edge.leases = Edge::Says::all;
    EXPECT_TRUE(edge.watch->ask_leases(edge.now));
    EXPECT_FALSE(edge.watch->lacks_leases());
}

TEST(Watch, takes_a_foreign_answer_for_a_failure_once_leases_were_told) {
    Edge edge;
    ASSERT_TRUE(edge.watch->read(edge.now));
    ASSERT_TRUE(edge.watch->ask_leases(edge.now));
    edge.leases = Edge::Says::page;
    for (int i = 0; i < 3; ++i, edge.now += 3s) {
        const auto asked = edge.watch->ask_leases(edge.now);
        ASSERT_FALSE(asked);
        EXPECT_TRUE(asked.error().message.contains("status 404")) << asked.error().message;
        EXPECT_FALSE(edge.watch->lacks_leases());
    }
    edge.leases = Edge::Says::all;
    EXPECT_TRUE(edge.watch->ask_leases(edge.now));
    EXPECT_EQ(edge.asked("/leases"), 5U);
}

TEST(Watch, takes_a_foreign_answer_for_a_failure_where_a_lease_is_remembered) {
    Edge edge;
    RotaMemory memory;
    memory.members["i-1"] = {.values = {"192.0.2.1"}, .held_lease = true};
    edge.watch->recall(memory);
    ASSERT_TRUE(edge.watch->read(edge.now));
    edge.leases = Edge::Says::page;
    EXPECT_FALSE(edge.watch->ask_leases(edge.now));
}

TEST(Watch, tells_of_the_dead_while_it_waits_after_a_refusal) {
    Edge edge;
    edge.changes = Edge::Says::denied;
    edge.kill_two();
    for (int i = 0; i < 3; ++i) {
        const auto tried = edge.sweep_after(5s);
        ASSERT_EQ(tried.size(), 2U);
        EXPECT_EQ(tried[0].outcome, Outcome::failed);
        EXPECT_EQ(tried[0].decision.verdict, Verdict::remove) << "a refusal removed nobody";
        EXPECT_EQ(tried[1].decision.verdict, Verdict::cap);
        const auto waiting = edge.sweep_after(1s);
        ASSERT_EQ(waiting.size(), 2U);
        EXPECT_EQ(waiting[0].outcome, Outcome::waiting);
        EXPECT_EQ(std::ranges::count_if(waiting, is_dead_and_stays), 2);
    }
    EXPECT_EQ(edge.asked("POST"), 3U);
}

TEST(Watch, counts_a_removal_without_an_answer_against_the_cap) {
    Edge edge;
    edge.changes = Edge::Says::nothing;
    edge.kill_two();
    const auto tried = edge.sweep_after(5s);
    EXPECT_EQ(tried[0].outcome, Outcome::failed);
    EXPECT_TRUE(tried[0].may_be_gone);
    const auto next = edge.sweep_after(5s);
    ASSERT_EQ(next.size(), 2U);
    EXPECT_EQ(next[0].decision.verdict, Verdict::next_pass);
    EXPECT_EQ(next[0].decision.wait, 25s);
    EXPECT_EQ(edge.asked("POST"), 1U);
}

}  // namespace
}  // namespace rota::sweeper
