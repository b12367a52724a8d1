#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"
#include "rota/sweeper/memory.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

using namespace std::chrono_literals;
using Memories = std::map<std::string, const RotaMemory*, std::less<>>;

constexpr std::string_view kKey = "example.com www.example.com. A";

route53::RawRecordSet member(int number) {
    route53::RawRecordSet made;
    made.name = "www.example.com.";
    made.type = "A";
    made.set_identifier = fmt::format("i-{}", number);
    made.weight = "10";
    made.ttl = "60";
    made.values = {fmt::format("192.0.2.{}", number)};
    return made;
}

/// Three members; i-2 was seen alive, held a lease and was terminated in one poll.
class SweeperMemory : public ::testing::Test {
protected:
    SweeperMemory() {
        list(memory_);
        now_ += 1h;
        see_probe(memory_, "i-2", true, "", now_);
        see_leases(memory_,
                   {.server_uptime = 1h,
                    .leases = {{.set_identifier = "i-2", .is_held = true, .expires_in = 9s}}},
                   now_);
        now_ += 1min;
        see_fleet(memory_, {{"i-1", InstanceState::running}, {"i-2", InstanceState::terminated}},
                  now_);
        note_removals(memory_, 1, now_);
    }

    void list(RotaMemory& memory) const {
        see_record_sets(memory, {member(1), member(2), member(3)}, now_);
    }

    [[nodiscard]] std::string text(std::string_view boot = "this") const {
        return memory_text({{std::string{kKey}, &memory_}}, now_, boot);
    }

    /// Over a restart at `now_`.
    RotaMemory back(std::string_view boot = "this") {
        auto remembered = parse_memory(text("this"), boot, now_);
        EXPECT_TRUE(remembered) << remembered.error().message;
        RotaMemory memory = remembered->rotas.at(std::string{kKey});
        list(memory);
        return memory;
    }

    BootTime now_{240h};
    RotaMemory memory_;
};

TEST_F(SweeperMemory, comes_back_as_it_was) {
    const BootTime first_seen = memory_.members.at("i-2").first_seen;
    const BootTime gone_since = memory_.members.at("i-2").gone_since;
    now_ += 10s;
    const RotaMemory memory = back();
    const MemberMemory& dead = memory.members.at("i-2");
    EXPECT_TRUE(dead.was_alive);
    EXPECT_TRUE(dead.held_lease);
    EXPECT_EQ(dead.terminated_polls, 1U);
    EXPECT_EQ(dead.gone_polls, 1U);
    EXPECT_EQ(dead.first_seen, first_seen);
    EXPECT_EQ(dead.gone_since, gone_since);
    EXPECT_FALSE(memory.members.at("i-1").was_alive);
    EXPECT_EQ(memory.removals, memory_.removals);
    EXPECT_EQ(memory.longest_lease, 9s);
    EXPECT_EQ(parse_memory(text(), "this", now_).value().polled, now_);
}

TEST_F(SweeperMemory, lets_the_second_poll_after_a_restart_remove) {
    now_ += 30s;
    RotaMemory memory = back();
    EXPECT_TRUE(plan(memory, {}, now_).batch.changes.empty());
    see_fleet(memory, {{"i-1", InstanceState::running}, {"i-2", InstanceState::terminated}}, now_);
    now_ += 30s;
    const Plan after = plan(memory, {}, now_);
    ASSERT_EQ(after.batch.changes.size(), 1U);
    EXPECT_EQ(after.batch.changes[0].record_set.set_identifier, "i-2");
}

TEST_F(SweeperMemory, lets_the_cap_hold_over_a_restart) {
    RotaMemory memory = back();
    see_fleet(memory, {{"i-1", InstanceState::running}, {"i-2", InstanceState::terminated}}, now_);
    now_ += 1s;
    EXPECT_TRUE(plan(memory, {}, now_).batch.changes.empty()) << "one went within the interval";
    now_ += 30s;
    EXPECT_EQ(plan(memory, {}, now_).batch.changes.size(), 1U);
}

TEST_F(SweeperMemory, knows_no_member_with_another_address) {
    auto remembered = parse_memory(text(), "this", now_).value();
    RotaMemory& memory = remembered.rotas.at(std::string{kKey});
    route53::RawRecordSet other = member(2);
    other.values = {"192.0.2.99"};
    see_record_sets(memory, {member(1), other}, now_);
    EXPECT_FALSE(memory.members.at("i-2").was_alive);
    EXPECT_EQ(memory.members.at("i-2").terminated_polls, 0U);
    EXPECT_FALSE(memory.members.contains("i-3"));
}

TEST_F(SweeperMemory, has_no_times_after_a_reboot) {
    see_fleet(memory_, {{"i-1", InstanceState::running}}, now_);  // i-3: not known
    ASSERT_EQ(memory_.members.at("i-3").gone_polls, 2U);
    now_ = BootTime{20s};
    const RotaMemory memory = back("another");
    EXPECT_TRUE(memory.members.at("i-2").was_alive);
    EXPECT_TRUE(memory.members.at("i-2").held_lease);
    EXPECT_EQ(memory.members.at("i-2").first_seen, now_);
    EXPECT_EQ(memory.members.at("i-3").gone_polls, 0U);
    EXPECT_TRUE(memory.removals.empty());
    EXPECT_FALSE(parse_memory(text(), "another", now_).value().polled);
}

TEST_F(SweeperMemory, holds_nothing_of_the_future) {
    const std::string written = text();
    now_ -= 2h;  // a clock namespace, or a forged file
    const auto remembered = parse_memory(written, "this", now_).value();
    for (const auto& [identifier, one] : remembered.rotas.at(std::string{kKey}).members) {
        EXPECT_LE(one.first_seen, now_) << identifier;
        EXPECT_LE(one.gone_since, now_) << identifier;
    }
    EXPECT_LE(remembered.rotas.at(std::string{kKey}).removals.back(), now_);
    EXPECT_LE(remembered.polled.value(), now_);
}

TEST_F(SweeperMemory, is_taken_whole_or_not_at_all) {
    const std::string good = text();
    ASSERT_TRUE(parse_memory(good, "this", now_));
    for (std::size_t length = 0; length + 2 < good.size(); length += 7) {
        EXPECT_FALSE(parse_memory(std::string_view{good}.substr(0, length), "this", now_));
    }
    const std::string deep(std::size_t{1} << 20U, '[');
    for (
        const std::string_view wrong : std::initializer_list<std::string_view>{
            "", "{}", "[]", "null", deep, R"({"version":2,"boot":"","polled":null,"rotas":[]})",
            R"({"version":1,"boot":"","polled":null,"rotas":{}})",
            R"({"version":1,"boot":7,"polled":null,"rotas":[]})",
            R"({"version":1,"boot":"x","polled":null,"rotas":[{"rota":"k","longest_lease":0,"removals":[],"members":[{"set_identifier":"","values":[],"first_seen":0,"alive":true,"lease":true}]}]})"}) {
        const auto parsed = parse_memory(wrong, "this", now_);
        if (wrong.find("\"rotas\":{}") == std::string_view::npos) {
            EXPECT_FALSE(parsed) << wrong.substr(0, 80);
        }
    }
}

TEST_F(SweeperMemory, is_a_file_of_ones_own) {
    char name[] = "/tmp/rota-memory-XXXXXX";
    ASSERT_NE(::mkdtemp(&name[0]), nullptr);
    const std::filesystem::path directory{&name[0]};
    const std::string path = directory / "deep" / "memory.json";
    MemoryFile file{path};
    EXPECT_TRUE(file.read(now_).value().rotas.empty()) << "there is none";
    const Memories memories{{std::string{kKey}, &memory_}};
    ASSERT_TRUE(file.write(memories, now_));
    EXPECT_EQ(file.read(now_).value().rotas.size(), 1U);
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
    struct stat found{};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);

    ASSERT_EQ(::chmod(path.c_str(), 0622), 0);
    EXPECT_EQ(file.read(now_).error().kind, ErrorKind::permission);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    std::ofstream{path} << "nonsense";
    const auto wrong = file.read(now_);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().message.find(path), 0U);
    std::filesystem::remove(path);
    std::filesystem::create_symlink("/etc/hostname", path);
    EXPECT_FALSE(file.read(now_)) << "a link";
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(file.read(now_).error().kind, ErrorKind::bad_input) << "a FIFO";
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace rota::sweeper
