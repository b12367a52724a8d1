#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include "rota/agent/stop_timeout.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;

TEST(TimeSpan, is_read_as_systemd_writes_it) {
    EXPECT_EQ(parse_time_span("5min 30s\n"), 330s);
    EXPECT_EQ(parse_time_span("1min 30s"), 90s);
    EXPECT_EQ(parse_time_span("1h"), 3600s);
    EXPECT_EQ(parse_time_span("2d 1h 1s 500ms"), 176402s);
    EXPECT_EQ(parse_time_span("100us"), 1s);
    EXPECT_EQ(parse_time_span("0"), std::nullopt);
}

TEST(TimeSpan, without_an_end_or_a_meaning_is_none) {
    for (const char* const text :
         {"infinity", "", " ", "5", "min", "5 min", "-5s", "5fortnights"}) {
        EXPECT_EQ(parse_time_span(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace rota::agent
