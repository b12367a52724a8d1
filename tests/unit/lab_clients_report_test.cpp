#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "rota/base/clock.h"
#include "rota/lab/clients_report.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;

TEST(ClientsReport, is_read_as_it_was_written) {
    ClientsReport report;
    report.at = BootTime{90s};
    report.addresses["192.0.2.1"] = {.requests = 7,
                                     .failed = 1,
                                     .reconnects = 2,
                                     .opened = 4,
                                     .open = 3,
                                     .last_opened = BootTime{80s},
                                     .last_answer = BootTime{85s}};
    report.addresses["192.0.2.2"] = {};
    report.failures.push_back({.at = BootTime{84s}, .address = "192.0.2.1", .what = "status 500"});
    report.dns = {.look_ups = 9, .hits = 6, .queries = 3, .failures = 1};
    report.p50_ms = 1.5;
    report.p99_ms = 2.5;
    report.all_p50_ms = 3.5;
    report.all_p99_ms = 4.5;
    const std::string line = to_line(report);
    EXPECT_FALSE(line.contains('\n'));

    const auto read = parse_clients_report(line);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->at, report.at);
    ASSERT_EQ(read->addresses.size(), 2U);
    const AddressReport& one = read->addresses.at("192.0.2.1");
    EXPECT_EQ(one.requests, 7U);
    EXPECT_EQ(one.failed, 1U);
    EXPECT_EQ(one.reconnects, 2U);
    EXPECT_EQ(one.opened, 4U);
    EXPECT_EQ(one.open, 3U);
    EXPECT_EQ(one.last_opened, BootTime{80s});
    EXPECT_EQ(one.last_answer, BootTime{85s});
    EXPECT_FALSE(read->addresses.at("192.0.2.2").last_opened);
    EXPECT_FALSE(read->addresses.at("192.0.2.2").last_answer);
    ASSERT_EQ(read->failures.size(), 1U);
    EXPECT_EQ(read->failures.front().at, BootTime{84s});
    EXPECT_EQ(read->failures.front().address, "192.0.2.1");
    EXPECT_EQ(read->failures.front().what, "status 500");
    EXPECT_EQ(read->dns.look_ups, 9U);
    EXPECT_EQ(read->dns.hits, 6U);
    EXPECT_EQ(read->dns.queries, 3U);
    EXPECT_EQ(read->dns.failures, 1U);
    EXPECT_EQ(read->p50_ms, 1.5);
    EXPECT_EQ(read->p99_ms, 2.5);
    EXPECT_EQ(read->all_p50_ms, 3.5);
    EXPECT_EQ(read->all_p99_ms, 4.5);
}

TEST(ClientsReport, is_nothing_where_the_line_is_another) {
    for (const char* const line : {"", "null", "[]", "{}", "{\"now\":1}", "{\"addresses\":"}) {
        EXPECT_FALSE(parse_clients_report(line)) << line;
    }
}

}  // namespace
}  // namespace rota::lab
