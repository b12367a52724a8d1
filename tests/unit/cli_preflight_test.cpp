#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rota/agent/preflight.h"
#include "rota/cli/preflight.h"

namespace rota::cli {
namespace {

using agent::Level;
using testing::HasSubstr;

TEST(Preflight, sees_who_could_change_what_the_agent_believes) {
    const auto judge = [](FileRole role, FileOwnership file) {
        return judge_file("/etc/rota/agent.toml", role, file, 1000);
    };
    EXPECT_EQ(judge(FileRole::configuration, {.owner = 0, .mode = 0644}).level, Level::ok);
    EXPECT_EQ(judge(FileRole::configuration, {.owner = 1000, .mode = 0600}).level, Level::ok);
    EXPECT_THAT(judge(FileRole::configuration, {.owner = 0, .mode = 0664}).text,
                HasSubstr("(0664) may be written by others"));
    EXPECT_EQ(judge(FileRole::configuration, {.owner = 0, .mode = 0646}).level, Level::fail);
    EXPECT_THAT(judge(FileRole::configuration, {.owner = 1001, .mode = 0644}).text,
                HasSubstr("belongs to uid 1001"));
    EXPECT_EQ(judge(FileRole::keys, {.owner = 0, .mode = 0600}).level, Level::ok);
    EXPECT_EQ(judge(FileRole::keys, {.owner = 0, .mode = 0644}).level, Level::warn);
    EXPECT_EQ(judge(FileRole::keys, {.owner = 0, .mode = 0620}).level, Level::fail);
}

}  // namespace
}  // namespace rota::cli
