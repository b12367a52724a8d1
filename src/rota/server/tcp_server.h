#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/server/answer_times.h"
#include "rota/server/counters.h"
#include "rota/server/publisher.h"

namespace rota::server {

struct TcpLimits {
    std::size_t connections = 1024;
    std::size_t per_address = 64;
    std::chrono::milliseconds idle{10000};
};

/// One thread that answers DNS over TCP (RFC 7766) on all listening sockets. Queries may be
/// pipelined and are answered in order. A connection's clock starts anew only with a whole query
/// answered and sent, so that trickling octets does not keep it; when all places are taken, the
/// longest idle one goes.
class TcpServer {
public:
    /// @errors io: no epoll instance or event descriptor.
    static Result<std::unique_ptr<TcpServer>> make(std::vector<Fd> listeners, TcpLimits limits,
                                                   Publisher::Reader reader);

    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;
    TcpServer(TcpServer&&) = delete;
    TcpServer& operator=(TcpServer&&) = delete;

    ~TcpServer() { stop(); }

    void start();
    void stop();

    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

    [[nodiscard]] AnswerTimes& answer_times() noexcept { return answer_times_; }

    [[nodiscard]] const TcpCounters& tcp_counters() const noexcept { return tcp_counters_; }

private:
    class Loop;

    TcpServer(std::vector<Fd> listeners, TcpLimits limits, Publisher::Reader reader, Fd epoll,
              Fd stop_event);

    Counters counters_;  // aligned to cache lines, so first
    TcpCounters tcp_counters_;
    AnswerTimes answer_times_;
    std::vector<Fd> listeners_;
    TcpLimits limits_;
    Publisher::Reader reader_;
    Fd epoll_;
    Fd stop_event_;
    std::jthread thread_;
};

}  // namespace rota::server
