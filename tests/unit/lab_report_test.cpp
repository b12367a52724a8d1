#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "rota/lab/notify.h"
#include "rota/lab/record.h"
#include "rota/lab/report.h"
#include "rota/lab/svg.h"
#include "rota/lab/view.h"
#include "rota/lab/wire.h"

namespace rota::lab {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Member member_of(const std::string& id, unsigned number) {
    Member member;
    member.id = id;
    member.address = fmt::format("127.77.1.{}", 11 + number);
    member.number = number;
    return member;
}

/// Two members, one of which has left; 2,000 requests.
RunRecord sample_record() {
    RunRecord record;
    record.settings.name = "www.rota-lab.test";
    record.settings.seed = 42;
    record.settings.curve = {.low = 40, .high = 200, .period = 60s};
    record.settings.concentration = 0.04;
    record.elapsed = Elapsed{60};
    record.phase = "running";
    record.largest_group = 2;
    record.smallest_group = 1;
    record.desired = 1;
    Member stayed = member_of("i-0aaaaaaaaaaaaaaa0", 0);
    stayed.state = MemberState::in_service;
    stayed.joined = Elapsed{1};
    stayed.weight = 10;
    stayed.current_share = 1;
    stayed.traffic = {.requests = 1500};
    stayed.expected_requests = 1400;
    Member left = member_of("i-0bbbbbbbbbbbbbbb1", 1);
    left.state = MemberState::ended;
    left.joined = Elapsed{2};
    left.asked_to_leave = Elapsed{30};
    left.withdrawn = Elapsed{30.2};
    left.drained = Elapsed{36.25};
    left.ended = Elapsed{36.5};
    left.left_cleanly = true;
    left.traffic = {.requests = 500, .reconnects = 2, .last_connection = Elapsed{34.9}};
    left.expected_requests = 600;
    record.members = {stayed, left};
    for (int i = 1; i <= 120; ++i) {
        Sample sample;
        sample.at = Elapsed{i * 0.5};
        sample.offered = 100;
        sample.desired = 2;
        sample.in_service = 2;
        sample.requests = {{0, 10}, {1, 6}};
        record.samples.push_back(sample);
    }
    record.happenings.push_back({.at = Elapsed{2}, .text = "i-0bbb joined <&>"});
    return record;
}

TEST(Summary, is_one_json_object_on_one_line) {
    const std::string text = summary_json(sample_record(), "/tmp/report.html");
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    const auto json = nlohmann::json::parse(text);
    EXPECT_EQ(json["requests"], 2000);
    EXPECT_EQ(json["failed"], 0);
    EXPECT_EQ(json["failed_because_of_kill"], 0);
    EXPECT_EQ(json["joins"], 2);
    EXPECT_EQ(json["leaves"], 1);
    EXPECT_EQ(json["drain_seconds"], nlohmann::json::array({6.25}));
    EXPECT_EQ(json["largest_group"], 2);
    EXPECT_EQ(json["smallest_group"], 1);
    EXPECT_EQ(json["seed"], 42);
    EXPECT_EQ(json["ttl"], 5);
    EXPECT_EQ(json["margin"], 1);
    EXPECT_EQ(json["members"][0]["share"], 0.75);
    EXPECT_EQ(json["members"][0]["expected_share"], 0.7);
    EXPECT_EQ(json["members"][1]["drain_seconds"], 6.25);
    EXPECT_EQ(json["members"][1]["killed"], nullptr);
    EXPECT_EQ(json["report"], "/tmp/report.html");
}

TEST(Summary, a_leave_that_ended_on_its_deadline_is_not_complete) {
    RunRecord record = sample_record();
    record.members[1].left_cleanly = false;
    EXPECT_EQ(totals_of(record).leaves, 0U);
    EXPECT_TRUE(nlohmann::json::parse(summary_json(record, ""))["drain_seconds"].empty());
}

TEST(Summary, tells_people_the_same) {
    EXPECT_THAT(summary_text(sample_record()), HasSubstr("2000 requests in 60 s, 0 failed"));
    EXPECT_THAT(summary_text(sample_record()), HasSubstr("2 joins, 1 complete leave;"));
}

TEST(Summary, says_how_long_the_record_of_the_dead_dangled) {
    RunRecord record = sample_record();
    record.settings.chaos = true;
    record.elapsed = Elapsed{60};
    EXPECT_THAT(summary_text(record), HasSubstr("nobody was killed\n"));
    Member& dead = record.members[1];
    dead.state = MemberState::dead;
    dead.killed = Elapsed{25};
    EXPECT_THAT(summary_text(record), HasSubstr("its record dangled for 35.0 s, to the end\n"));
    EXPECT_EQ(nlohmann::json::parse(summary_json(record, ""))["members"][1]["swept"], nullptr);
    dead.swept = Elapsed{34};
    EXPECT_THAT(summary_text(record), HasSubstr("out of the rota after 9.0 s"));
    EXPECT_THAT(summary_text(record), HasSubstr("have dangled for 26.0 s more\n"));
    EXPECT_EQ(nlohmann::json::parse(summary_json(record, ""))["members"][1]["swept"], 34);
}

TEST(Samples, condensing_keeps_the_sums) {
    const RunRecord record = sample_record();
    const std::vector<Sample> few = condensed(record.samples, 50);
    EXPECT_LE(few.size(), 50U);
    std::uint64_t sum = 0;
    for (const Sample& sample : few) {
        sum += sample.requests.at(0);
    }
    EXPECT_EQ(sum, 1200U);
    EXPECT_EQ(few.back().at, Elapsed{60});
}

TEST(Report, stands_alone_and_escapes_what_it_quotes) {
    const std::string html = report_html(sample_record(), "2026-11-22T16:40:00Z");
    EXPECT_THAT(html, HasSubstr("joined &lt;&amp;&gt;"));
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, Not(HasSubstr("http://")));
    EXPECT_THAT(html, Not(HasSubstr("https://")));
    EXPECT_THAT(html, Not(HasSubstr("nan")));
    EXPECT_THAT(html, Not(HasSubstr("inf\"")));
    EXPECT_THAT(html, HasSubstr("6.25 s"));
}

TEST(Report, survives_a_run_in_which_nothing_happened) {
    RunRecord record;
    EXPECT_THAT(report_html(record, ""), Not(HasSubstr("nan")));
    EXPECT_FALSE(render(record, {}, {}).empty());
    EXPECT_FALSE(nlohmann::json::parse(summary_json(record, "")).empty());
}

TEST(Svg, escapes_for_text_and_attributes) {
    EXPECT_EQ(svg::escaped("a<b>&\"'\x01z"), "a&lt;b&gt;&amp;&quot;&#39;z");
}

TEST(Svg, ticks_are_round_and_reach_the_top) {
    EXPECT_THAT(svg::ticks(200, 5), ElementsAre(0, 50, 100, 150, 200));
    EXPECT_THAT(svg::ticks(6, 6), ElementsAre(0, 1, 2, 3, 4, 5, 6));
    EXPECT_GE(svg::ticks(263.7, 5).back(), 263.7);
    EXPECT_THAT(svg::ticks(0, 5), ElementsAre(0, 1));
}

TEST(View, fits_the_terminal_whatever_its_size) {
    RunRecord record = sample_record();
    for (unsigned i = 2; i < 40; ++i) {
        record.members.push_back(member_of("i-0ccccccccccccccc2", i));
    }
    for (const std::size_t width : {20U, 80U, 100U, 200U}) {
        for (const std::size_t height : {10U, 24U, 60U}) {
            const auto lines = render(record, {.width = width, .height = height}, {});
            EXPECT_LE(lines.size(), height);
            for (const std::string& line : lines) {
                EXPECT_LE(visible_width(line), width) << line;
            }
        }
    }
}

TEST(View, has_no_escape_sequences_without_colour) {
    for (const std::string& line : render(sample_record(), {.width = 100}, {.has_colour = false})) {
        EXPECT_THAT(line, Not(HasSubstr("\x1b")));
    }
}

TEST(View, groups_digits_by_three) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(Notification, reads_what_systemd_would) {
    const Notification notification =
        parse_notification("READY=1\nSTATUS=in service\nEXTEND_TIMEOUT_USEC=1000000\n");
    EXPECT_TRUE(notification.is_ready);
    EXPECT_FALSE(notification.is_stopping);
    EXPECT_EQ(notification.status, "in service");
    EXPECT_TRUE(parse_notification("STOPPING=1").is_stopping);
    EXPECT_FALSE(parse_notification("").is_ready);
}

TEST(Wire, reads_a_head_and_what_it_says_of_the_body) {
    const auto head =
        read_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCONNECTION: Close\r\n\r\nabc");
    ASSERT_TRUE(head);
    EXPECT_EQ(status_of(head->first_line), 200);
    EXPECT_EQ(head->content_length, 3U);
    EXPECT_TRUE(head->wants_close);
}

TEST(Wire, waits_for_the_rest_and_refuses_what_it_cannot_read) {
    EXPECT_EQ(read_head("GET / HTTP/1.1\r\nHost: a\r\n").error(), HeadError::incomplete);
    EXPECT_EQ(read_head("").error(), HeadError::incomplete);
    EXPECT_EQ(read_head("GET /\r\n\r\n").error(), HeadError::broken);
    EXPECT_EQ(read_head("GET / HTTP/1.1\r\nno colon\r\n\r\n").error(), HeadError::broken);
    EXPECT_EQ(read_head("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").error(), HeadError::broken);
    EXPECT_EQ(read_head("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").error(),
              HeadError::broken);
    EXPECT_EQ(read_head(std::string(9000, 'a')).error(), HeadError::broken);
    EXPECT_EQ(status_of("HTTP/1.1 2x0 OK"), 0);
}

}  // namespace
}  // namespace rota::lab
