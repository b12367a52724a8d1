#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/instance/drain_file.h"

namespace rota::instance {
namespace {

using namespace std::chrono_literals;

const WallTime kNoon = parse_rfc3339("2026-11-22T12:00:00Z").value();

/// An hour after the boot of that name it is noon, but for the error of the wall clock.
Moment moment(BootTime::duration since_noon, BootTime::duration wall_error = {},
              std::string boot = "this-boot") {
    return {.boot = std::move(boot),
            .steady = BootTime{1h + since_noon},
            .wall = std::chrono::floor<WallTime::duration>(kNoon + since_noon + wall_error)};
}

/// As it is read after it was written at noon, by a right clock.
DrainOrder order_of_noon(std::chrono::seconds length) {
    DrainOrder order;
    end_after(order, length, moment(0s));
    return parse_drain_order(to_text(order));
}

class DrainFile : public ::testing::Test {
protected:
    DrainFile() {
        std::string name = (std::filesystem::temp_directory_path() / "rota-drain-XXXXXX").string();
        directory = ::mkdtemp(name.data());
        path = directory + "/deeper/drain";
    }

    ~DrainFile() override { std::filesystem::remove_all(directory); }

    std::string directory;
    std::string path;
};

TEST(DrainOrder, is_read_back_as_it_was_written) {
    const DrainOrder order{.until = parse_rfc3339("2026-11-22T23:00:00Z"),
                           .takes_last = true,
                           .reason = "kernel upgrade by uid 0"};
    EXPECT_EQ(to_text(order),
              "until=2026-11-22T23:00:00Z\nlast=remove\nreason=kernel upgrade by uid 0\n");
    EXPECT_EQ(parse_drain_order(to_text(order)), order);
    EXPECT_EQ(parse_drain_order(""), DrainOrder{});
}

TEST(DrainOrder, takes_any_other_line_for_a_reason) {
    EXPECT_EQ(parse_drain_order("disk is full\r\n").reason, "disk is full");
    EXPECT_EQ(parse_drain_order("until=tomorrow\n").reason, "until=tomorrow");
    EXPECT_FALSE(parse_drain_order("until=tomorrow\n").until);
    EXPECT_FALSE(parse_drain_order("last=refuse\n").takes_last);
    EXPECT_EQ(parse_drain_order("a\x1b[31mb").reason, "a [31mb");
}

TEST(DrainOrder, holds_its_end_on_both_clocks) {
    const DrainOrder order = order_of_noon(30min);
    EXPECT_EQ(to_text(order),
              "until=2026-11-22T12:30:00Z\nboot=this-boot 5400 2026-11-22T12:30:00Z\n");
    EXPECT_EQ(parse_drain_order(to_text(order)), order);
    DrainOrder nowhere;
    end_after(nowhere, 30min, moment(0s, 0s, ""));
    EXPECT_EQ(to_text(nowhere), "until=2026-11-22T12:30:00Z\n");
}

TEST(DrainOrder, ends_by_the_clock_that_does_not_step_within_its_boot) {
    const DrainOrder order = order_of_noon(30min);
    for (const auto error : {0h, 1h, -1h, 24h * 365 * 50}) {
        const Moment now = moment(10min, error);
        const auto end = end_of(order, now);
        ASSERT_TRUE(end);
        EXPECT_EQ(end->steady, now.steady + 20min);
        EXPECT_EQ(end->wall, now.wall + 20min);
    }
}

TEST(DrainOrder, ends_by_the_wall_clock_in_another_boot) {
    const DrainOrder order = order_of_noon(30min);
    for (const char* const boot : {"another-boot", ""}) {
        const Moment now = moment(10min, 1min, boot);
        const auto end = end_of(order, now);
        ASSERT_TRUE(end);
        EXPECT_EQ(end->steady, now.steady + 19min);
        EXPECT_EQ(end->wall, order.until);
        const Moment later = moment(10min, 1h, boot);
        EXPECT_LE(end_of(order, later)->steady, later.steady);
    }
}

TEST(DrainOrder, ends_by_the_wall_clock_where_a_hand_has_written_or_changed_it) {
    const Moment now = moment(10min);
    EXPECT_EQ(end_of(parse_drain_order("until=2026-11-22T12:30:00Z\n"), now)->steady,
              now.steady + 20min);
    std::string text = to_text(order_of_noon(30min));
    text.replace(text.find("12:30"), 5, "12:45");
    EXPECT_EQ(end_of(parse_drain_order(text), now)->steady, now.steady + 35min);
    text.erase(0, text.find('\n') + 1);
    EXPECT_EQ(parse_drain_order(text), DrainOrder{});  // without its until=
    EXPECT_FALSE(end_of(parse_drain_order(text), now));
    EXPECT_FALSE(end_of(parse_drain_order("last=remove\n"), now));
}

TEST(DrainOrder, never_ends_early_however_short_its_seconds_are_cut) {
    DrainOrder order;
    end_after(order, 10s, moment(999ms));
    const DrainOrder read = parse_drain_order(to_text(order));
    EXPECT_EQ(end_of(read, moment(1s))->steady, BootTime{1h + 11s});
}

TEST(DrainOrder, may_end_in_any_year) {
    const Moment now = moment(0s);
    EXPECT_GE(end_of(parse_drain_order("until=9999-12-31T23:59:59Z\n"), now)->steady,
              now.steady + 24h * 365 * 50);
    EXPECT_LE(end_of(parse_drain_order("until=1600-01-01T00:00:00Z\n"), now)->steady, now.steady);
    DrainOrder longest;
    end_after(longest, std::chrono::seconds::max(), now);
    EXPECT_GE(end_of(parse_drain_order(to_text(longest)), now)->steady,
              now.steady + 24h * 365 * 50);
}

TEST(DrainOrder, takes_a_broken_boot_line_for_a_reason) {
    for (const std::string line :
         {"boot=", "boot=this-boot", "boot=this-boot 5400", "boot=this-boot  2026-11-22T12:30:00Z",
          "boot=this-boot -1 2026-11-22T12:30:00Z", "boot=this-boot 5400.5 2026-11-22T12:30:00Z",
          "boot= 5400 2026-11-22T12:30:00Z", "boot=this-boot 5400 tomorrow",
          "boot=this-boot 99999999999999999999 2026-11-22T12:30:00Z",
          "boot=this-boot 9999999999 2026-11-22T12:30:00Z",
          "boot=this-boot 5400 2026-11-22T12:30:00Z x"}) {
        const DrainOrder order = parse_drain_order("until=2026-11-22T12:30:00Z\n" + line + "\n");
        EXPECT_FALSE(order.boot_end) << line;
        EXPECT_EQ(order.reason, line);
        EXPECT_EQ(order.until, kNoon + 30min);
    }
}

TEST(DrainOrder, is_dated_by_this_machine) {
    const Moment first = this_moment();
    const Moment second = this_moment();
    EXPECT_FALSE(first.boot.empty());
    EXPECT_EQ(first.boot, second.boot);
    EXPECT_LE(first.steady, second.steady);
    DrainOrder order;
    end_after(order, 1h, first);
    EXPECT_TRUE(parse_drain_order(to_text(order)).boot_end);
}

TEST_F(DrainFile, is_there_when_written_and_not_when_removed) {
    EXPECT_FALSE(read_drain_file(path).value());
    ASSERT_TRUE(write_drain_file(path, {.reason = "why"}));
    EXPECT_EQ(read_drain_file(path).value()->reason, "why");
    ASSERT_TRUE(write_drain_file(path, {}));
    EXPECT_EQ(*read_drain_file(path).value(), DrainOrder{});
    ASSERT_TRUE(remove_drain_file(path));
    ASSERT_TRUE(remove_drain_file(path));
    EXPECT_FALSE(read_drain_file(path).value());
}

TEST_F(DrainFile, that_cannot_be_read_or_written_is_named) {
    std::filesystem::create_directories(path);  // a directory in its place
    EXPECT_NE(read_drain_file(path).error().message.find(path), std::string::npos);
    EXPECT_NE(write_drain_file(path, {}).error().message.find(path), std::string::npos);
    EXPECT_NE(remove_drain_file(path).error().message.find(path), std::string::npos);
}

TEST_F(DrainFile, that_does_not_fit_is_named_and_the_old_one_stays) {
    ASSERT_TRUE(write_drain_file(path, {.reason = "first"}));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    const Status written = write_drain_file(path, {.reason = "second"});
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_action);
    ASSERT_FALSE(written);
    EXPECT_NE(written.error().message.find(path), std::string::npos) << written.error().message;
    EXPECT_EQ(read_drain_file(path).value()->reason, "first");
}

TEST_F(DrainFile, is_watched) {
    const auto watch = DirectoryWatch::open(path);
    ASSERT_TRUE(watch);
    const auto is_told = [&watch] {
        pollfd waiting{.fd = watch->descriptor(), .events = POLLIN, .revents = 0};
        const bool told = ::poll(&waiting, 1, 0) == 1;
        watch->clear();
        return told;
    };
    EXPECT_FALSE(is_told());
    ASSERT_TRUE(write_drain_file(path, {}));
    EXPECT_TRUE(is_told());
    EXPECT_FALSE(is_told());
    ASSERT_TRUE(remove_drain_file(path));
    EXPECT_TRUE(is_told());
    std::ofstream{path}.close();
    EXPECT_TRUE(is_told());
}

}  // namespace
}  // namespace rota::instance
