#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/server/live_keys.h"
#include "rota/store/keys.h"
#include "support/eventually.h"

namespace rota::server {
namespace {

using test::eventually;
using testing::Optional;

class LiveKeysTest : public testing::Test {
protected:
    LiveKeysTest() {
        std::string pattern = testing::TempDir() + "rota-live-keys-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }

    ~LiveKeysTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::unique_ptr<LiveKeys> open() const {
        auto keys = LiveKeys::open(directory_);
        EXPECT_TRUE(keys) << (keys ? "" : keys.error().message);
        return keys ? *std::move(keys) : nullptr;
    }

    /// As `rota keys create` and `rota keys delete` do it, with a connection of their own.
    void add(const std::string& id, const std::string& secret) const {
        auto keys = store::Keys::open(directory_);
        ASSERT_TRUE(keys) << keys.error().message;
        const Status added = keys->add({id, secret, "", WallTime{}});
        ASSERT_TRUE(added) << added.error().message;
    }

    void remove(const std::string& id) const {
        auto keys = store::Keys::open(directory_);
        ASSERT_TRUE(keys) << keys.error().message;
        ASSERT_TRUE(keys->remove(id).value());
    }

    void run_sql(const std::string& sql) const {
        sqlite3* raw = nullptr;
        ASSERT_EQ(sqlite3_open((directory_ + "/keys.db").c_str(), &raw), SQLITE_OK);
        sqlite3_busy_timeout(raw, 5000);
        EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(raw);
        sqlite3_close(raw);
    }

    std::string directory_;
};

TEST_F(LiveKeysTest, begin_with_what_is_stored) {
    EXPECT_EQ(open()->count(), 0U);
    add("AKIAONE", "first");
    add("AKIATWO", "second");
    const auto keys = open();
    EXPECT_EQ(keys->count(), 2U);
    EXPECT_THAT(keys->secret_of("AKIAONE"), Optional(std::string{"first"}));
    EXPECT_THAT(keys->secret_of("AKIATWO"), Optional(std::string{"second"}));
    EXPECT_EQ(keys->secret_of("AKIATHREE"), std::nullopt);
    EXPECT_EQ(keys->secret_of("AKIA"), std::nullopt) << "a beginning is not the id";
    EXPECT_EQ(keys->secret_of(""), std::nullopt);
}

TEST_F(LiveKeysTest, follow_what_others_add_and_delete) {
    add("AKIAONE", "first");
    const auto keys = open();
    keys->start();
    add("AKIATWO", "second");
    EXPECT_TRUE(eventually([&] { return keys->secret_of("AKIATWO").has_value(); }));
    remove("AKIAONE");
    EXPECT_TRUE(eventually([&] { return !keys->secret_of("AKIAONE"); }));
    EXPECT_EQ(keys->count(), 1U);
}

TEST_F(LiveKeysTest, see_what_changed_between_opening_and_following) {
    const auto keys = open();
    add("AKIAONE", "first");
    EXPECT_EQ(keys->count(), 0U) << "nothing follows yet";
    keys->start();
    EXPECT_TRUE(eventually([&] { return keys->count() == 1; }));
}

TEST_F(LiveKeysTest, stay_as_they_were_while_the_file_cannot_be_read) {
    add("AKIAONE", "first");
    const auto keys = open();
    testing::internal::CaptureStderr();
    keys->start();
    run_sql("ALTER TABLE access_keys RENAME TO elsewhere");
    // A second change of the file is a second look at it, and not a second complaint.
    std::string said;
    const bool complained = eventually([&] {
        said += testing::internal::GetCapturedStderr();
        testing::internal::CaptureStderr();
        return said.find("access keys not read") != std::string::npos;
    });
    EXPECT_TRUE(complained);
    EXPECT_THAT(keys->secret_of("AKIAONE"), Optional(std::string{"first"}));
    run_sql(
        "ALTER TABLE elsewhere RENAME TO access_keys; UPDATE access_keys SET secret = 'changed'");
    EXPECT_TRUE(eventually([&] { return keys->secret_of("AKIAONE") == "changed"; }));
    said += testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.find("access keys not read"), said.rfind("access keys not read")) << said;
}

TEST_F(LiveKeysTest, that_cannot_be_read_are_an_error_at_the_start) {
    std::ofstream{directory_ + "/keys.db"} << std::string(4096, 'x');
    const auto keys = LiveKeys::open(directory_);
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().message, testing::HasSubstr("keys.db"));
}

TEST_F(LiveKeysTest, end_at_once_whether_they_follow_or_not) {
    open().reset();
    auto keys = open();
    keys->start();
    const auto before = std::chrono::steady_clock::now();
    keys.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{5});
}

}  // namespace
}  // namespace rota::server
