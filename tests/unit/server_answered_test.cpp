#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/api/member_age.h"
#include "rota/base/fd.h"
#include "rota/dns/reply.h"
#include "rota/model/change_batch.h"
#include "rota/server/dns_server.h"
#include "rota/server/endpoint.h"
#include "rota/server/member_ages.h"
#include "rota/zone/snapshot.h"
#include "support/dns_messages.h"
#include "support/eventually.h"

// Real workers and real queries against what is remembered of them.
namespace rota::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::eventually;
using test::Octets;

milliseconds now() {
    return std::chrono::duration_cast<milliseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
}

/// A rota of members 192.0.2.1, … that come and go in a server that answers.
class Answered : public testing::Test {
protected:
    Answered()
        : server_{DnsServer::bind({.addresses = {"127.0.0.1:0"}, .workers = 2}).value()},
          sets_{test::record_sets("example.com. 60 SOA ns. host. 1 1 1 1 60\n"
                                  "example.com. 60 NS ns.\n"
                                  "[i-0 1] www.example.com. 60 A 192.0.2.0\n")},
          snapshot_{with_zone(zone::empty_snapshot(), test::hosted_zone("example.com"), sets_)} {
        ages_ = std::make_unique<MemberAges>(server_->answer_times(), snapshot_,
                                             MemberAges::Limits{}, now());
        server_->on_acknowledged([this](std::uint64_t generation) {
            ages_->acknowledge(generation);
            acknowledged_ = generation;
        });
        EXPECT_TRUE(server_->start(snapshot_));
        address_ = server_->addresses().front();
    }

    ~Answered() override { server_->stop(); }

    static model::RecordKey key(int member) {
        return {dns::Name::parse("www.example.com").value(), dns::Type::a,
                fmt::format("i-{}", member)};
    }

    /// @returns the generation.
    std::uint64_t set(int member, bool is_there) {
        model::ZoneDelta delta;
        if (is_there) {
            delta[key(member)] = model::RecordSet{
                key(member).name,          dns::Type::a, key(member).set_identifier,
                model::WeightedRouting{1}, 60,           {fmt::format("192.0.2.{}", member)}};
        } else {
            delta[key(member)] = std::nullopt;
        }
        model::apply(sets_, delta);
        snapshot_ = with_changes(snapshot_, test::hosted_zone("example.com"), sets_, delta);
        return ages_->publish(
            snapshot_, "Z1", delta,
            [this](const zone::SnapshotPtr& next) { return server_->publish(next); }, now());
    }

    void wait_for(std::uint64_t generation) {
        EXPECT_TRUE(eventually([&] { return acknowledged_ >= generation; }));
    }

    api::MemberAge age(int member) { return ages_->age("Z1", key(member), now()).value(); }

    [[nodiscard]] Fd connect(int type) const {
        const Endpoint server = Endpoint::parse(address_).value();
        Fd fd{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
        const timeval patience{5, 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        EXPECT_EQ(::connect(fd.get(), server.get(), server.size()), 0);
        return fd;
    }

    /// The last octet of the address in the answer; -1 without one.
    static int ask(const Fd& fd, bool is_tcp) {
        Octets query = test::query("www.example.com", "A");
        if (is_tcp) {
            query.insert(query.begin(), {0, static_cast<std::uint8_t>(query.size())});
        }
        ::send(fd.get(), query.data(), query.size(), MSG_NOSIGNAL);
        Octets reply(512);
        const ssize_t size = ::recv(fd.get(), reply.data(), reply.size(), 0);
        return size > 16 ? reply[static_cast<std::size_t>(size) - 1] : -1;
    }

    std::unique_ptr<DnsServer> server_;
    model::RecordSets sets_;
    zone::SnapshotPtr snapshot_;
    std::unique_ptr<MemberAges> ages_;
    std::atomic<std::uint64_t> acknowledged_{0};
    std::string address_;
};

TEST_F(Answered, over_udp_and_over_tcp_is_remembered) {
    EXPECT_FALSE(age(0).since_last_answer);
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
        wait_for(set(1, true));
        wait_for(set(0, false));
        EXPECT_EQ(ask(connect(type), type == SOCK_STREAM), 1);
        wait_for(set(0, true));
        wait_for(set(1, false));
        EXPECT_TRUE(age(1).insync);
        EXPECT_EQ(age(1).state, api::MemberAge::State::gone);
        ASSERT_TRUE(age(1).since_last_answer);
        EXPECT_LT(*age(1).since_last_answer, seconds{5});
        EXPECT_FALSE(age(0).since_last_answer);  // nobody asked while it was alone
    }
}

/// Sends queries until the server has read none for so long, because nobody reads its answers.
/// @returns how many it has got whole.
std::size_t ask_without_reading(const Fd& fd, milliseconds patience) {
    const Octets query = test::query("www.example.com", "A");
    Octets stream;
    for (int i = 0; i < 1000; ++i) {
        stream.insert(stream.end(), {0, static_cast<std::uint8_t>(query.size())});
        stream.insert(stream.end(), query.begin(), query.end());
    }
    const auto whole = std::chrono::floor<seconds>(patience);
    const timeval wait{whole.count(), std::chrono::microseconds{patience - whole}.count()};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    std::size_t sent = 0;
    ssize_t done = 0;
    do {
        done = ::send(fd.get(), stream.data(), stream.size(), MSG_NOSIGNAL);
        sent += static_cast<std::size_t>(std::max<ssize_t>(done, 0));
    } while (done == static_cast<ssize_t>(stream.size()));
    return sent / (2 + query.size());
}

/// Reads to the end of the connection, or this many answers.
/// @returns the answers.
std::size_t read_answers(const Fd& fd, std::size_t most) {
    Octets stream;
    Octets part(65536);
    std::size_t answers = 0;
    while (answers < most) {
        const ssize_t got = ::recv(fd.get(), part.data(), part.size(), 0);
        if (got <= 0) {
            EXPECT_TRUE(got == 0 || errno == ECONNRESET) << errno;
            break;
        }
        stream.insert(stream.end(), part.begin(), part.begin() + got);
        std::size_t at = 0;
        while (stream.size() - at >= 2 && stream.size() - at - 2 >= dns::get_u16(&stream[at])) {
            at += std::size_t{2} + dns::get_u16(&stream[at]);
            ++answers;
        }
        stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return answers;
}

TEST_F(Answered, and_what_waits_for_a_slow_reader_is_thrown_away_after_a_change) {
    int there = 0;
    milliseconds patience{100};
    EXPECT_TRUE(eventually(
        [&] {
            const Fd fd = connect(SOCK_STREAM);
            const std::size_t asked = ask_without_reading(fd, patience);
            wait_for(set(there + 1, true));
            wait_for(set(there, false));
            ++there;
            patience *= 2;  // a server that was only busy for so long answers all
            return read_answers(fd, asked) < asked;
        },
        seconds{60}));
    EXPECT_EQ(ask(connect(SOCK_STREAM), true), there);
}

TEST_F(Answered, and_gone_members_grow_older_and_never_younger_under_load) {
    std::atomic<bool> goes_on{true};
    std::atomic<int> asked{0};
    const auto load = [&](int type) {
        const Fd fd = connect(type);
        while (goes_on) {
            EXPECT_GE(ask(fd, type == SOCK_STREAM), 0);
            ++asked;
        }
    };
    {
        std::vector<std::jthread> clients;
        for (const int type : {SOCK_DGRAM, SOCK_DGRAM, SOCK_STREAM}) {
            clients.emplace_back(load, type);
        }
        for (int round = 0; round < 300; ++round) {
            const int member = 1 + (round % 200);
            wait_for(set(member, true));
            const int before = asked;
            EXPECT_TRUE(eventually([&] { return asked > before + 3; }));
            wait_for(set(member, false));
            const auto first = age(member);
            const milliseconds when = now();
            EXPECT_TRUE(first.insync);
            EXPECT_EQ(first.state, api::MemberAge::State::gone);
            EXPECT_TRUE(eventually([&] { return asked > before + 10; }));
            // Given out after that, it would be younger than the time that has passed.
            const milliseconds passed = now() - when;
            const auto later = age(member);
            EXPECT_EQ(later.since_last_answer.has_value(), first.since_last_answer.has_value());
            if (later.since_last_answer) {
                EXPECT_GE(*later.since_last_answer, passed - milliseconds{110});
            }
        }
        goes_on = false;
    }
    EXPECT_GT(asked, 1000);
}

}  // namespace
}  // namespace rota::server
