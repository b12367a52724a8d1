// bench_dns_load ADDRESS PORT WORKLOAD SECONDS [RATE]: asks a DNS server over 16 connected sockets
// and prints what came back as one JSON object. Closed loop with 128 queries outstanding, or an
// open loop of RATE queries/s, evenly spaced. One busy thread. A reply counts only if its ID,
// question, RCODE and number of answers are right.
//
// Workloads, all below bench.test: w1 1,000 names with one A; w2 www with 100 weighted members; w3
// 10,000 names with 10 weighted members each; w4 100,000 names that do not exist. "echo" asks w1
// and checks nothing but the ID and the question.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "rota/base/rng.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kSockets = 16;
constexpr std::size_t kOutstandingEach = 8;  // 128 over all sockets
constexpr std::size_t kBatch = 64;
constexpr std::size_t kHeader = 12;
constexpr std::chrono::milliseconds kLost{200};

struct Workload {
    std::vector<std::string> questions;  ///< wire form: QNAME, QTYPE A, QCLASS IN
    std::uint8_t rcode = 0;
    std::uint16_t answers = 1;
    bool check = true;
};

std::string question(std::string_view label) {
    std::string wire(1, static_cast<char>(label.size()));
    wire += label;
    wire += std::string_view{"\5bench\4test\0\0\1\0\1", 16};
    return wire;
}

Workload make_workload(std::string_view name) {
    Workload load;
    std::size_t count = 1;
    const char* format = "www";
    if (name == "w1" || name == "echo") {
        count = 1000;
        format = "n%04zu";
        load.check = name == "w1";
    } else if (name == "w3") {
        count = 10000;
        format = "s%05zu";
    } else if (name == "w4") {
        count = 100000;
        format = "x%06zu";
        load.rcode = 3;
        load.answers = 0;
    } else if (name != "w2") {
        std::fputs("bench_dns_load: workloads are w1, w2, w3, w4 and echo\n", stderr);
        std::exit(64);
    }
    for (std::size_t i = 0; i < count; ++i) {
        std::array<char, 32> label{};
        std::snprintf(label.data(), label.size(), format,
                      i);  // NOLINT: format is one of the literals above
        load.questions.push_back(question(label.data()));
    }
    return load;
}

struct InFlight {
    std::uint32_t question = 0;
    bool busy = false;
    Clock::time_point sent;
};

/// One connected socket; the query's ID is its index here plus a generation in the upper bits.
struct Lane {
    int socket = -1;
    std::vector<InFlight> slots;
    std::vector<std::uint16_t> free;
    std::vector<std::uint16_t> ids;
};

struct Totals {
    std::uint64_t sent = 0, correct = 0, wrong = 0, lost = 0;
    std::vector<float> latency_us;
};

class Load {
public:
    Load(Workload workload, const char* address, const char* port, std::size_t slots_each)
        : workload_{std::move(workload)} {
        sockaddr_in server{};
        server.sin_family = AF_INET;
        server.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
        ::inet_pton(AF_INET, address, &server.sin_addr);
        for (Lane& lane : lanes_) {
            lane.socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            constexpr int kBuffer = 1 << 20;
            ::setsockopt(lane.socket, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
            sockaddr generic{};
            std::memcpy(&generic, &server, sizeof server);
            if (::connect(lane.socket, &generic, sizeof generic) != 0) {
                std::perror("bench_dns_load: connect");
                std::exit(71);
            }
            lane.slots.resize(slots_each);
            lane.ids.resize(slots_each);
            for (std::size_t i = slots_each; i > 0; --i) {
                lane.free.push_back(static_cast<std::uint16_t>(i - 1));
            }
        }
        totals.latency_us.reserve(std::size_t{1} << 22U);
    }

    /// Sends up to `count` queries on a lane as far as it has free slots; gives the number sent.
    std::size_t send(Lane& lane, std::size_t count, Clock::time_point now) {
        std::array<std::array<char, 300>, kBatch> octets;  // NOLINT: filled below as far as used
        std::array<iovec, kBatch> vectors{};
        std::array<mmsghdr, kBatch> messages{};
        count = std::min({count, lane.free.size(), kBatch});
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint16_t slot = lane.free.back();
            lane.free.pop_back();
            const auto which = rng_.below(static_cast<std::uint32_t>(workload_.questions.size()));
            const std::string& wire = workload_.questions[which];
            lane.slots[slot] = {which, true, now};
            const auto id = static_cast<std::uint16_t>(slot | (rng_.next() & 0xf000U));
            lane.ids[slot] = id;
            char* out = octets[i].data();
            const std::array<char, kHeader> header{static_cast<char>(id >> 8U),
                                                   static_cast<char>(id & 0xffU),
                                                   0,
                                                   0,
                                                   0,
                                                   1,
                                                   0,
                                                   0,
                                                   0,
                                                   0,
                                                   0,
                                                   0};
            std::memcpy(out, header.data(), kHeader);
            std::memcpy(out + kHeader, wire.data(), wire.size());
            vectors[i] = {out, kHeader + wire.size()};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int sent =
            count == 0 ? 0
                       : ::sendmmsg(lane.socket, messages.data(), static_cast<unsigned>(count), 0);
        totals.sent += static_cast<std::uint64_t>(std::max(sent, 0));
        return count;
    }

    /// Takes what has arrived on a lane; gives the number of replies.
    std::size_t receive(Lane& lane, Clock::time_point now) {
        static std::array<std::array<char, 1500>, kBatch> octets;
        std::array<iovec, kBatch> vectors{};
        std::array<mmsghdr, kBatch> messages{};
        for (std::size_t i = 0; i < kBatch; ++i) {
            vectors[i] = {octets[i].data(), octets[i].size()};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int got = ::recvmmsg(lane.socket, messages.data(), kBatch, 0, nullptr);
        for (int i = 0; i < got; ++i) {
            const auto at = static_cast<std::size_t>(i);
            judge(lane, {octets[at].data(), messages[at].msg_len}, now);
        }
        return got > 0 ? static_cast<std::size_t>(got) : 0;
    }

    void expire(Clock::time_point now) {
        for (Lane& lane : lanes_) {
            for (std::size_t i = 0; i < lane.slots.size(); ++i) {
                InFlight& slot = lane.slots[i];
                if (slot.busy && now - slot.sent > kLost) {
                    slot.busy = false;
                    ++totals.lost;
                    lane.free.push_back(static_cast<std::uint16_t>(i));
                }
            }
        }
    }

    void wait() {
        std::array<pollfd, kSockets> polls{};
        for (std::size_t i = 0; i < kSockets; ++i) {
            polls[i] = {lanes_[i].socket, POLLIN, 0};
        }
        ::poll(polls.data(), kSockets, 1);
    }

    std::array<Lane, kSockets>& lanes() { return lanes_; }

    Totals totals;

private:
    void judge(Lane& lane, std::string_view reply, Clock::time_point now) {
        if (reply.size() < kHeader) {
            ++totals.wrong;
            return;
        }
        const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(reply[i]); };
        const auto id = static_cast<std::uint16_t>(octet(0) << 8U | octet(1));
        const std::size_t index = id & 0x0fffU;
        if (index >= lane.slots.size() || !lane.slots[index].busy || lane.ids[index] != id) {
            ++totals.wrong;
            return;
        }
        InFlight& slot = lane.slots[index];
        slot.busy = false;
        lane.free.push_back(static_cast<std::uint16_t>(index));
        const std::string& wire = workload_.questions[slot.question];
        const auto answers = static_cast<std::uint16_t>(octet(6) << 8U | octet(7));
        const bool right = reply.substr(kHeader, wire.size()) == wire && (octet(2) & 0x80U) != 0 &&
                           (!workload_.check || ((octet(3) & 0x0fU) == workload_.rcode &&
                                                 answers == workload_.answers));
        if (!right) {
            ++totals.wrong;
            return;
        }
        ++totals.correct;
        if (totals.latency_us.size() < totals.latency_us.capacity()) {
            totals.latency_us.push_back(
                std::chrono::duration<float, std::micro>(now - slot.sent).count());
        }
    }

    Workload workload_;
    std::array<Lane, kSockets> lanes_;
    rota::Rng rng_{0x726f7461};
};

void run_closed(Load& load, std::chrono::duration<double> seconds) {
    const auto end = Clock::now() + seconds;
    auto checked = Clock::now();
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
        std::size_t moved = 0;
        for (Lane& lane : load.lanes()) {
            moved += load.receive(lane, now);
            load.send(lane, kOutstandingEach, now);
        }
        if (moved == 0) {
            load.wait();
        }
        if (now - checked > std::chrono::milliseconds{50}) {
            load.expire(now);
            checked = now;
        }
    }
}

void run_open(Load& load, std::chrono::duration<double> seconds, double rate) {
    const auto start = Clock::now();
    const auto end = start + seconds;
    double due = 0;
    std::size_t turn = 0;
    auto checked = start;
    for (auto now = start; now < end; now = Clock::now()) {
        due = std::chrono::duration<double>(now - start).count() * rate;
        while (static_cast<double>(load.totals.sent) + 1 <= due) {
            Lane& lane = load.lanes()[turn++ % kSockets];
            if (load.send(lane, 1, now) == 0) {
                ++load.totals.lost;
                ++load.totals.sent;
            }
        }
        for (Lane& lane : load.lanes()) {
            load.receive(lane, now);
        }
        if (now - checked > std::chrono::milliseconds{50}) {
            load.expire(now);
            checked = now;
        }
    }
    const auto patience = Clock::now() + std::chrono::milliseconds{50};
    for (auto now = Clock::now(); now < patience; now = Clock::now()) {
        for (Lane& lane : load.lanes()) {
            load.receive(lane, now);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fputs("usage: bench_dns_load ADDRESS PORT w1|w2|w3|w4|echo SECONDS [RATE]\n", stderr);
        return 64;
    }
    const std::chrono::duration<double> seconds{
        std::clamp(std::strtod(argv[4], nullptr), 0.01, 120.0)};
    const double rate = argc > 5 ? std::strtod(argv[5], nullptr) : 0;
    Load load{make_workload(argv[3]), argv[1], argv[2], rate > 0 ? 4096 : kOutstandingEach};
    const auto start = Clock::now();
    if (rate > 0) {
        run_open(load, seconds, rate);
    } else {
        run_closed(load, seconds);
    }
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    auto& latency = load.totals.latency_us;
    std::sort(latency.begin(), latency.end());
    double sum = 0;
    for (const float us : latency) {
        sum += static_cast<double>(us);
    }
    const double mean = latency.empty() ? 0 : sum / static_cast<double>(latency.size());
    const double p99 =
        latency.empty() ? 0 : static_cast<double>(latency[latency.size() * 99 / 100]);
    std::printf(
        "{\"seconds\":%.4f,\"sent\":%llu,\"correct\":%llu,\"wrong\":%llu,\"lost\":%llu,\"mean_us\":"
        "%.1f,\"p99_us\":%.1f}\n",
        took, static_cast<unsigned long long>(load.totals.sent),
        static_cast<unsigned long long>(load.totals.correct),
        static_cast<unsigned long long>(load.totals.wrong),
        static_cast<unsigned long long>(load.totals.lost), mean, p99);
}
