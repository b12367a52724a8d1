#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/fd.h"
#include "rota/base/rng.h"
#include "rota/server/answer_times.h"
#include "rota/server/counters.h"
#include "rota/zone/answer.h"
#include "rota/zone/zone.h"

namespace rota::server {

/// One client's connection: a length and a query, a length and an answer, and so on. Holds at most
/// one query that is not whole yet and little more than one answer that is not sent yet.
class TcpConnection {
public:
    enum class State : std::uint8_t { reading, writing, closed };

    TcpConnection(Fd socket, std::string peer)
        : socket_{std::move(socket)}, peer_{std::move(peer)} {}

    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

    /// The address that the limit is counted for.
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

    /// What a thread answers all its connections with.
    struct Answering {
        const zone::Snapshot& snapshot;
        std::uint64_t generation;         ///< the snapshot's
        std::span<std::uint8_t> scratch;  ///< for one answer, at least 65,535 octets
        Rng& rng;
        Counters& counters;
        AnswerTimes& answer_times;
    };

    /// Reads, answers and sends as far as it goes without waiting. Closes the connection where
    /// answers with members wait for a client that does not read, while the zones have changed: a
    /// member is not given out after the change that took it away is INSYNC.
    State advance(const Answering& with);

    /// True once after every time that all that was asked is sent.
    [[nodiscard]] bool take_progress() noexcept { return std::exchange(has_progress_, false); }

    State state = State::reading;
    BootTime deadline;

private:
    bool receive();
    bool answer_buffered(const Answering& with);
    bool send();
    void remember(AnswerTimes& answer_times);

    Fd socket_;
    std::string peer_;
    std::vector<std::uint8_t> in_;
    std::vector<std::uint8_t> out_;
    std::size_t sent_ = 0;
    std::vector<zone::Answer> given_;  // with members, in out_
    std::uint64_t generation_ = 0;     // that given_ was answered from
    bool has_ended_ = false;           // the client sends no more
    bool has_progress_ = false;
};

}  // namespace rota::server
