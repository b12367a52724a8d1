#pragma once

#include <atomic>
#include <thread>
#include <utility>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/server/answer_times.h"
#include "rota/server/counters.h"
#include "rota/server/publisher.h"

namespace rota::server {

/// One thread that answers one UDP socket: it waits in recvmmsg, answers what came as one batch
/// from one snapshot, and sends the answers with sendmmsg.
class UdpWorker {
public:
    /// @param is_wildcard  the socket is bound to all addresses and tells which one was asked.
    UdpWorker(Fd socket, bool is_wildcard, Publisher::Reader reader)
        : reader_{std::move(reader)}, socket_{std::move(socket)}, is_wildcard_{is_wildcard} {}

    UdpWorker(const UdpWorker&) = delete;
    UdpWorker& operator=(const UdpWorker&) = delete;
    UdpWorker(UdpWorker&&) = delete;
    UdpWorker& operator=(UdpWorker&&) = delete;

    ~UdpWorker() { stop(); }

    void start();

    /// Ends the thread once the batch at hand is sent.
    void stop();

    [[nodiscard]] const Fd& socket() const noexcept { return socket_; }

    [[nodiscard]] AnswerTimes& answer_times() noexcept { return answer_times_; }

    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    class Batch;

    void run();

    Counters counters_;  // aligned to cache lines, so first
    AnswerTimes answer_times_;
    Publisher::Reader reader_;
    std::jthread thread_;
    Fd socket_;
    bool is_wildcard_;
    std::atomic<bool> is_stopping_{false};
};

}  // namespace rota::server
