#include "rota/server/udp_worker.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/rng.h"
#include "rota/dns/reply.h"
#include "rota/server/answer_times.h"
#include "rota/server/counters.h"
#include "rota/server/thread_name.h"
#include "rota/zone/answer.h"
#include "rota/zone/batch.h"
#include "rota/zone/zone.h"

namespace rota::server {

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMaxQuery = 4096;  // the rest of a longer one is lost, and it gets FORMERR
constexpr std::size_t kMaxReply = dns::kMaxUdpPayload;
constexpr std::size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo));

std::uint16_t port_of(const sockaddr_storage& address) noexcept {
    return reinterpret_cast<const sockaddr_in*>(&address)->sin_port;
}

/// Turns "arrived at" into "send from": the interface is left to the routing table, except for
/// link-local addresses, which mean nothing without it.
void reuse_control(msghdr& message) noexcept {
    cmsghdr* const control = CMSG_FIRSTHDR(&message);
    if (control == nullptr) {
        return;
    }
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        reinterpret_cast<in_pktinfo*>(CMSG_DATA(control))->ipi_ifindex = 0;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        auto* const info = reinterpret_cast<in6_pktinfo*>(CMSG_DATA(control));
        if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) {
            info->ipi6_ifindex = 0;
        }
    }
}

}  // namespace

/// The memory of a batch, made once.
class UdpWorker::Batch {
public:
    Batch(bool is_wildcard, Counters& counters, AnswerTimes& answer_times)
        : is_wildcard_{is_wildcard}, counters_{counters}, answer_times_{answer_times} {
        for (std::size_t i = 0; i < kBatch; ++i) {
            query_parts_[i] = {queries_[i].data(), kMaxQuery};
            reply_parts_[i] = {replies_[i].data(), 0};
            received_[i].msg_hdr.msg_name = &peers_[i];
            received_[i].msg_hdr.msg_iov = &query_parts_[i];
            received_[i].msg_hdr.msg_iovlen = 1;
        }
        reset(kBatch);
    }

    /// Waits for at least one message. @returns how many there are, or -1 and errno.
    int receive(int fd) noexcept {
        return ::recvmmsg(fd, received_.data(), kBatch, MSG_WAITFORONE, nullptr);
    }

    void answer(const zone::Snapshot& snapshot, std::size_t count, Rng& rng) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            // A reply to port 0 cannot be delivered; whoever asks from there is not a resolver.
            const std::size_t size = port_of(peers_[i]) == 0 ? 0 : received_[i].msg_len;
            items_[i] = {std::span{queries_[i]}.first(size), std::span{replies_[i]}, {}};
        }
        zone::answer_batch(snapshot, std::span{items_}.first(count), prepared_,
                           zone::Transport::udp, rng);
    }

    void send(int fd, std::size_t count) noexcept {
        std::size_t replies = 0;
        for (std::size_t i = 0; i < count; ++i) {
            counters_.count(items_[i].answer);
            if (items_[i].answer.size != 0) {
                reply_parts_[i].iov_len = items_[i].answer.size;
                sent_[replies].msg_hdr = received_[i].msg_hdr;
                sent_[replies].msg_hdr.msg_iov = &reply_parts_[i];
                if (is_wildcard_) {
                    reuse_control(sent_[replies].msg_hdr);
                }
                ++replies;
            }
        }
        send_all(fd, replies);
        remember(count);
        reset(count);
    }

private:
    void send_all(int fd, std::size_t replies) noexcept {
        for (std::size_t at = 0; at < replies;) {
            const int done =
                ::sendmmsg(fd, &sent_[at], static_cast<unsigned>(replies - at), MSG_NOSIGNAL);
            if (done > 0) {
                at += static_cast<std::size_t>(done);
            } else if (done == 0 || errno != EINTR) {
                counters_.send_errors.add();  // no route, a firewall: the others can still go
                ++at;
            }
        }
    }

    /// After the sending, so that no answer is taken for older than it is.
    void remember(std::size_t count) noexcept {
        const Tick now = tick_now();
        for (const zone::BatchItem& item : std::span{items_}.first(count)) {
            answer_times_.mark(item.answer, now);
        }
    }

    /// Sets again what recvmmsg overwrites.
    void reset(std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            received_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
            received_[i].msg_hdr.msg_control = is_wildcard_ ? controls_[i].data() : nullptr;
            received_[i].msg_hdr.msg_controllen = is_wildcard_ ? kControl : 0;
        }
    }

    bool is_wildcard_;
    Counters& counters_;
    AnswerTimes& answer_times_;
    std::array<mmsghdr, kBatch> received_{};
    std::array<mmsghdr, kBatch> sent_{};
    std::array<iovec, kBatch> query_parts_{};
    std::array<iovec, kBatch> reply_parts_{};
    std::array<sockaddr_storage, kBatch> peers_{};
    alignas(cmsghdr) std::array<std::array<char, kControl>, kBatch> controls_{};
    std::array<zone::BatchItem, kBatch> items_{};
    std::array<zone::Prepared, kBatch> prepared_{};
    alignas(64) std::array<std::array<std::uint8_t, kMaxQuery>, kBatch> queries_{};
    // One line more than the largest reply: strides that are no multiple of 4 KB spread over the
    // cache's sets.
    alignas(64) std::array<std::array<std::uint8_t, kMaxReply>, kBatch> replies_{};
};

void UdpWorker::start() {
    thread_ = std::jthread{[this] {
        name_thread("rota-udp");
        run();
    }};
}

void UdpWorker::stop() {
    is_stopping_.store(true);
    // Fails with ENOTCONN, and yet wakes whoever waits in recvmmsg: Linux's inet_shutdown says so.
    ::shutdown(socket_.get(), SHUT_RDWR);
    if (thread_.joinable()) {
        thread_.join();
    }
}

void UdpWorker::run() {
    const auto batch = std::make_unique<Batch>(is_wildcard_, counters_, answer_times_);
    Rng rng = Rng::from_entropy();
    while (!is_stopping_.load(std::memory_order_relaxed)) {
        reader_.rest();
        const int received = batch->receive(socket_.get());
        if (received <= 0) {
            // An interrupted wait, or a passing error of the socket; never a reason to spin.
            if (errno != EINTR && !is_stopping_.load()) {
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
            continue;
        }
        const zone::Snapshot& snapshot = reader_.wake();
        const auto count = static_cast<std::size_t>(received);
        counters_.queries.add(count);
        batch->answer(snapshot, count, rng);
        batch->send(socket_.get(), count);
    }
    reader_.rest();
}

}  // namespace rota::server
