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
#include "rota/server/counters.h"
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

    /// Reads, answers and sends as far as it goes without waiting.
    /// @param scratch  for one answer, at least 65,535 octets.
    State advance(const zone::Snapshot& snapshot, std::span<std::uint8_t> scratch, Rng& rng,
                  Counters& counters);

    /// True once after every time that all that was asked is sent.
    [[nodiscard]] bool take_progress() noexcept { return std::exchange(has_progress_, false); }

    State state = State::reading;
    BootTime deadline;

private:
    bool receive();
    bool answer_buffered(const zone::Snapshot& snapshot, std::span<std::uint8_t> scratch, Rng& rng,
                         Counters& counters);
    bool send();

    Fd socket_;
    std::string peer_;
    std::vector<std::uint8_t> in_;
    std::vector<std::uint8_t> out_;
    std::size_t sent_ = 0;
    bool has_ended_ = false;  // the client sends no more
    bool has_progress_ = false;
};

}  // namespace rota::server
