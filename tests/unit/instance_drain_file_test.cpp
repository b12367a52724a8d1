#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>

#include "rota/base/time_format.h"
#include "rota/instance/drain_file.h"

namespace rota::instance {
namespace {

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
