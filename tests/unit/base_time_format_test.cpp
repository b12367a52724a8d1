#include <chrono>

#include <gtest/gtest.h>

#include "rota/base/time_format.h"

namespace rota {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

const WallTime kMoment{seconds{1795365600} + microseconds{123456}};

TEST(TimeFormat, writes_each_form_of_one_moment) {
    EXPECT_EQ(format_rfc3339(kMoment), "2026-11-22T16:40:00Z");
    EXPECT_EQ(format_rfc3339_millis(kMoment), "2026-11-22T16:40:00.123Z");
    EXPECT_EQ(format_basic(kMoment), "20261122T164000Z");
    EXPECT_EQ(format_http_date(kMoment), "Sun, 22 Nov 2026 16:40:00 GMT");
}

TEST(TimeFormat, reads_back_what_it_writes) {
    const WallTime whole = std::chrono::floor<seconds>(kMoment);
    EXPECT_EQ(parse_rfc3339(format_rfc3339(kMoment)), whole);
    EXPECT_EQ(parse_basic(format_basic(kMoment)), whole);
    EXPECT_EQ(parse_http_date(format_http_date(kMoment)), whole);
    EXPECT_EQ(parse_rfc3339("2026-11-22T16:40:00.123456Z"), kMoment);
}

TEST(TimeFormat, refuses_what_is_no_time) {
    for (const char* text :
         {"", "2026-11-22", "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T16:40:00",
          "2026-11-22T16:40:00.Z", "2026-11-22T16:40:00Zx"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
    for (const char* text : {"", "20261122T164000", "20261322T164000Z", "2026-11-22T16:40:00Z"}) {
        EXPECT_FALSE(parse_basic(text)) << text;
    }
    for (const char* text :
         {"", "Sun, 22 Nov 2026 16:40:00 UTC", "Sun, 22 Nox 2026 16:40:00 GMT"}) {
        EXPECT_FALSE(parse_http_date(text)) << text;
    }
}

}  // namespace
}  // namespace rota
