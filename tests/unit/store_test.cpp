#include "rota/store/store.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rota/store/directory.h"
#include "rota/store/keys.h"

namespace rota::store {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'795'366'800s};

dns::Name name(std::string_view text) {
    return dns::Name::parse(text).value();
}

model::HostedZone example_zone() {
    return {"Z1EXAMPLE", name("example.com"),
            "ref-1",     "a comment",
            false,       {name("ns1.example.com"), name("ns2.example.com")}};
}

model::RecordSet weighted(std::string_view identifier, std::uint8_t weight) {
    return {name("www.example.com"),        dns::Type::a, std::string{identifier},
            model::WeightedRouting{weight}, 60,           {"192.0.2.1"}};
}

model::RecordSet text_record() {
    return {name("\\052.example.com"),
            dns::Type::txt,
            "",
            model::SimpleRouting{},
            300,
            {"\"one\" \"t\\303\\244\"", "\"zwei ä\""}};
}

model::RecordSets sets(std::initializer_list<model::RecordSet> list) {
    model::RecordSets result;
    for (const model::RecordSet& one : list) {
        result.emplace(model::key_of(one), one);
    }
    return result;
}

model::ChangeInfo change(std::string id, WallTime at = kNow) {
    return {std::move(id), model::ChangeStatus::pending, at, "why"};
}

class StoreTest : public testing::Test {
protected:
    StoreTest() {
        std::string pattern = testing::TempDir() + "rota-store-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }

    ~StoreTest() override { std::filesystem::remove_all(directory_); }

    void run_sql(const std::string& file, const std::string& sql) const {
        sqlite3* raw = nullptr;
        ASSERT_EQ(sqlite3_open((directory_ + "/" + file).c_str(), &raw), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(raw);
        sqlite3_close(raw);
    }

    [[nodiscard]] mode_t mode_of(const std::string& file) const {
        struct stat status{};
        EXPECT_EQ(::stat((directory_ + "/" + file).c_str(), &status), 0) << file;
        return status.st_mode & 07777U;
    }

    std::string directory_;
};

TEST_F(StoreTest, gives_back_after_reopening_what_was_written) {
    const model::RecordSets record_sets =
        sets({weighted("i-1", 10), weighted("i-2", 0), text_record()});
    {
        auto store = Store::open(directory_).value();
        ASSERT_TRUE(store->create_zone(example_zone(), record_sets, change("C1")));
    }
    auto store = Store::open(directory_).value();
    const auto zones = store->load().value();
    ASSERT_EQ(zones.size(), 1U);
    EXPECT_EQ(zones[0].zone.id, "Z1EXAMPLE");
    EXPECT_EQ(zones[0].zone.name, name("example.com"));
    EXPECT_EQ(zones[0].zone.caller_reference, "ref-1");
    EXPECT_EQ(zones[0].zone.comment, "a comment");
    EXPECT_EQ(zones[0].zone.name_servers, example_zone().name_servers);
    EXPECT_EQ(zones[0].record_sets, record_sets);
    const auto known = store->find_change("C1").value();
    ASSERT_TRUE(known);
    EXPECT_EQ(known->status, model::ChangeStatus::insync);
    EXPECT_EQ(known->submitted_at, kNow);
    EXPECT_EQ(known->comment, "why");
}

TEST_F(StoreTest, writes_only_what_a_change_touches) {
    auto store = Store::open(directory_).value();
    ASSERT_TRUE(store->create_zone(example_zone(), sets({weighted("i-1", 10), weighted("i-2", 5)}),
                                   change("C1")));
    model::ZoneDelta delta;
    delta.emplace(model::key_of(weighted("i-1", 10)), std::nullopt);
    delta.emplace(model::key_of(weighted("i-3", 7)), weighted("i-3", 7));
    delta.emplace(model::key_of(weighted("i-2", 9)), weighted("i-2", 9));
    ASSERT_TRUE(store->change_record_sets("Z1EXAMPLE", delta, change("C2")));
    EXPECT_EQ(store->load().value()[0].record_sets, sets({weighted("i-2", 9), weighted("i-3", 7)}));
}

TEST_F(StoreTest, writes_nothing_of_a_change_that_fails) {
    auto store = Store::open(directory_).value();
    ASSERT_TRUE(store->create_zone(example_zone(), {}, change("C1")));
    model::ZoneDelta delta;
    delta.emplace(model::key_of(weighted("i-3", 7)), weighted("i-3", 7));
    EXPECT_FALSE(store->change_record_sets("Z1EXAMPLE", delta, change("C1")));  // the id is taken
    EXPECT_TRUE(store->load().value()[0].record_sets.empty());
    EXPECT_TRUE(store->change_record_sets("Z1EXAMPLE", delta, change("C2")));
}

TEST_F(StoreTest, gives_zones_back_in_the_order_of_their_creation) {
    {
        auto store = Store::open(directory_).value();
        for (const auto* const id : {"Z9", "Z1", "Z5"}) {
            auto zone = example_zone();
            zone.id = id;
            zone.caller_reference = id;
            ASSERT_TRUE(store->create_zone(zone, {}, change(std::string{"C"} + id)));
        }
    }
    auto store = Store::open(directory_).value();
    const auto zones = store->load().value();
    ASSERT_EQ(zones.size(), 3U);
    EXPECT_EQ(zones[0].zone.id, "Z9");
    EXPECT_EQ(zones[1].zone.id, "Z1");
    EXPECT_EQ(zones[2].zone.id, "Z5");
}

TEST_F(StoreTest, deletes_a_zone_with_its_record_sets) {
    auto store = Store::open(directory_).value();
    ASSERT_TRUE(store->create_zone(example_zone(), sets({weighted("i-1", 10)}), change("C1")));
    ASSERT_TRUE(store->delete_zone("Z1EXAMPLE", change("C2")));
    EXPECT_TRUE(store->load().value().empty());
    EXPECT_TRUE(store->find_change("C1").value());
}

TEST_F(StoreTest, forgets_changes_after_their_time) {
    auto store = Store::open(directory_).value();
    ASSERT_TRUE(store->create_zone(example_zone(), {}, change("C1", kNow)));
    ASSERT_TRUE(store->change_record_sets("Z1EXAMPLE", {}, change("C2", kNow + kChangesKept)));
    EXPECT_TRUE(store->find_change("C1").value());
    ASSERT_TRUE(store->change_record_sets("Z1EXAMPLE", {}, change("C3", kNow + kChangesKept + 1s)));
    EXPECT_FALSE(store->find_change("C1").value());
    EXPECT_TRUE(store->find_change("C2").value());
}

TEST_F(StoreTest, keeps_no_more_changes_than_it_may) {
    auto store = Store::open(directory_, 3).value();
    ASSERT_TRUE(store->create_zone(example_zone(), {}, change("C1")));
    for (const char* id : {"C2", "C3", "C4"}) {
        ASSERT_TRUE(store->change_record_sets("Z1EXAMPLE", {}, change(id)));
    }
    EXPECT_FALSE(store->find_change("C1").value());
    EXPECT_TRUE(store->find_change("C2").value());
    EXPECT_TRUE(store->find_change("C4").value());
}

TEST_F(StoreTest, refuses_a_newer_schema) {
    ASSERT_TRUE(Store::open(directory_));
    run_sql("rota.db", "PRAGMA user_version=2");
    const auto store = Store::open(directory_);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, ErrorKind::config);
    EXPECT_EQ(store.error().message,
              directory_ + "/rota.db has schema version 2, and this rota (" ROTA_VERSION
                           ") knows up to 1: use the rota that wrote it, or a newer one");
}

TEST_F(StoreTest, refuses_a_database_of_another_program) {
    run_sql("rota.db", "CREATE TABLE songs(title TEXT)");
    const auto store = Store::open(directory_);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().message, directory_ + "/rota.db is not a file of rota's");
}

TEST_F(StoreTest, refuses_a_file_that_is_no_database) {
    std::ofstream{directory_ + "/rota.db"} << std::string(4096, 'x');
    const auto store = Store::open(directory_);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().message, directory_ + "/rota.db: file is not a database");
}

TEST_F(StoreTest, names_a_damaged_row) {
    {
        auto store = Store::open(directory_).value();
        ASSERT_TRUE(store->create_zone(example_zone(), sets({weighted("i-1", 10)}), change("C1")));
    }
    run_sql("rota.db", "UPDATE record_sets SET body = '{\"ttl\":60,\"colour\":1}'");
    auto store = Store::open(directory_).value();
    EXPECT_EQ(store->load().error().message,
              "rota.db: record set www.example.com. A 'i-1' in Z1EXAMPLE: 'colour' in its body is "
              "not understood: restore the file from a backup");
}

TEST_F(StoreTest, keeps_its_files_private_whatever_the_umask) {
    const mode_t before = ::umask(0);
    auto store = Store::open(directory_).value();
    auto keys = Keys::open(directory_).value();
    ASSERT_TRUE(store->create_zone(example_zone(), {}, change("C1")));
    ASSERT_TRUE(keys.add(generate_key()));
    ::umask(before);
    for (const char* file : {"rota.db", "rota.db-wal", "keys.db", "keys.db-wal"}) {
        EXPECT_EQ(mode_of(file), 0600U) << file;
    }
}

TEST_F(StoreTest, survives_a_full_disk) {
    auto store = Store::open(directory_).value();
    ASSERT_TRUE(store->create_zone(example_zone(), {}, change("C1")));
    // No file may grow beyond what the log has now: the next write fails as on a full disk.
    struct rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit tight = before;
    tight.rlim_cur = 4096;
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &tight);
    model::ZoneDelta delta;
    delta.emplace(model::key_of(weighted("i-3", 7)), weighted("i-3", 7));
    const auto failed = store->change_record_sets("Z1EXAMPLE", delta, change("C2"));
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_FALSE(failed);
    EXPECT_TRUE(store->load().value()[0].record_sets.empty());
    EXPECT_TRUE(store->change_record_sets("Z1EXAMPLE", delta, change("C3")));
    EXPECT_FALSE(store->find_change("C2").value());
}

TEST_F(StoreTest, lets_one_process_serve_a_directory) {
    const auto first = DirectoryLock::take(directory_);
    ASSERT_TRUE(first);
    const auto second = DirectoryLock::take(directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
    EXPECT_EQ(second.error().message, directory_ + " is served by another rota already (pid " +
                                          std::to_string(::getpid()) +
                                          "): end that one, or give this one its own --data");
}

TEST_F(StoreTest, gives_the_lock_back) {
    {
        ASSERT_TRUE(DirectoryLock::take(directory_));
    }
    EXPECT_TRUE(DirectoryLock::take(directory_));
}

TEST_F(StoreTest, creates_a_private_directory) {
    ASSERT_TRUE(prepare_directory(directory_ + "/a/b", std::nullopt));
    EXPECT_EQ(mode_of("a/b"), 0700U);
}

TEST_F(StoreTest, makes_an_empty_directory_private) {
    std::filesystem::create_directory(directory_ + "/open");
    ::chmod((directory_ + "/open").c_str(), 0755);
    ASSERT_TRUE(prepare_directory(directory_ + "/open", std::nullopt));
    EXPECT_EQ(mode_of("open"), 0700U);
}

TEST_F(StoreTest, leaves_a_directory_of_other_things_alone) {
    std::filesystem::create_directory(directory_ + "/open");
    ::chmod((directory_ + "/open").c_str(), 0755);
    std::ofstream{directory_ + "/open/letter"} << "dear";
    const auto prepared = prepare_directory(directory_ + "/open", std::nullopt);
    ASSERT_FALSE(prepared);
    EXPECT_NE(prepared.error().message.find("holds other things (letter)"), std::string::npos);
    EXPECT_EQ(mode_of("open"), 0755U);
}

TEST_F(StoreTest, hands_files_of_root_over_to_the_user) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root";
    }
    ASSERT_TRUE(Store::open(directory_));
    std::ofstream{directory_ + "/letter"} << "dear";
    ASSERT_TRUE(prepare_directory(directory_, Owner{0, 0}));
    std::filesystem::remove(directory_ + "/letter");
    ASSERT_TRUE(prepare_directory(directory_, Owner{12345, 12345}));
    struct stat status{};
    ::stat((directory_ + "/rota.db").c_str(), &status);
    EXPECT_EQ(status.st_uid, 12345U);
    EXPECT_EQ(owner_of(directory_).value().user, 12345U);
}

TEST_F(StoreTest, keys_come_and_go) {
    Keys keys = Keys::open(directory_).value();
    Key key = generate_key();
    key.comment = "the deploy script";
    key.created_at = kNow;
    ASSERT_TRUE(keys.add(key));
    const auto all = keys.all().value();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].id, key.id);
    EXPECT_EQ(all[0].secret, key.secret);
    EXPECT_EQ(all[0].comment, "the deploy script");
    EXPECT_EQ(all[0].created_at, kNow);
    EXPECT_TRUE(keys.remove(key.id).value());
    EXPECT_FALSE(keys.remove(key.id).value());
    EXPECT_TRUE(keys.all().value().empty());
}

TEST_F(StoreTest, keys_are_not_replaced_silently) {
    Keys keys = Keys::open(directory_).value();
    ASSERT_TRUE(keys.add({"AKIATEST", "first-secret", "", kNow}));
    const auto again = keys.add({"AKIATEST", "other-secret", "", kNow});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::conflict);
    EXPECT_EQ(keys.all().value()[0].secret, "first-secret");
}

TEST_F(StoreTest, keys_tell_when_another_process_changed_them) {
    Keys reader = Keys::open(directory_).value();
    const auto before = reader.version().value();
    EXPECT_EQ(reader.version().value(), before);
    Keys writer = Keys::open(directory_).value();
    ASSERT_TRUE(writer.add(generate_key()));
    EXPECT_NE(reader.version().value(), before);
}

TEST(StoreKeys, look_like_the_ones_of_aws) {
    const Key key = generate_key();
    EXPECT_EQ(key.id.size(), 20U);
    EXPECT_TRUE(key.id.starts_with("AKIA"));
    EXPECT_EQ(key.secret.size(), 40U);
    EXPECT_TRUE(check_key_id(key.id));
    EXPECT_TRUE(check_secret(key.secret));
    EXPECT_NE(generate_key().secret, key.secret);
}

TEST(StoreKeys, refuse_ids_and_secrets_that_cannot_be_signed_with) {
    EXPECT_FALSE(check_key_id("AKIA/1"));
    EXPECT_FALSE(check_key_id("ab"));
    EXPECT_FALSE(check_secret("short"));
    EXPECT_FALSE(check_secret("with a space at its end "));
    EXPECT_TRUE(check_secret("with spaces inside"));
    EXPECT_FALSE(check_secret("with\nnewline"));
}

}  // namespace
}  // namespace rota::store
