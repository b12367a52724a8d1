#include "rota/server/tcp_connection.h"

#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include <sys/socket.h>
#include <sys/types.h>

#include "rota/dns/query.h"
#include "rota/dns/reply.h"
#include "rota/server/answer_times.h"
#include "rota/server/counters.h"
#include "rota/zone/answer.h"

namespace rota::server {

namespace {

constexpr std::size_t kLength = 2;
constexpr std::size_t kMaxQuery = 4096;        // no honest query is longer
constexpr std::size_t kEnoughAnswers = 16384;  // send these before answering more

}  // namespace

TcpConnection::State TcpConnection::advance(const Answering& with) {
    if (!given_.empty() && generation_ != with.generation) {
        return state = State::closed;
    }
    generation_ = with.generation;
    bool is_fine = state == State::writing || receive();
    while (is_fine) {
        is_fine = answer_buffered(with) && send();
        remember(with.answer_times);
        if (is_fine && !out_.empty()) {
            return state = State::writing;
        }
        const bool has_whole_query =
            in_.size() >= kLength && in_.size() >= kLength + dns::get_u16(in_.data());
        if (is_fine && !has_whole_query) {
            return state = has_ended_ ? State::closed : State::reading;
        }
    }
    return state = State::closed;
}

/// @returns false when the connection is broken.
bool TcpConnection::receive() {
    const std::size_t had = in_.size();
    in_.resize(kLength + kMaxQuery);
    const ssize_t got = ::recv(socket_.get(), in_.data() + had, in_.size() - had, 0);
    in_.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) {
        has_ended_ = true;
    }
    return got >= 0 || errno == EAGAIN || errno == EINTR;
}

/// @returns false for a length that no query has.
bool TcpConnection::answer_buffered(const Answering& with) {
    std::size_t at = 0;
    while (out_.size() < kEnoughAnswers && in_.size() - at >= kLength) {
        const std::size_t size = dns::get_u16(&in_[at]);
        if (size < dns::kHeaderSize || size > kMaxQuery) {
            return false;
        }
        if (in_.size() - at < kLength + size) {
            break;
        }
        with.counters.queries.add();
        const zone::Answer answer =
            zone::answer(with.snapshot, std::span{in_}.subspan(at + kLength, size), with.scratch,
                         zone::Transport::tcp, with.rng);
        with.counters.count(answer);
        if (answer.member != zone::kNoMember || answer.has_others) {
            given_.push_back(answer);
        }
        if (answer.size != 0) {
            const std::size_t end = out_.size();
            out_.resize(end + kLength);
            dns::put_u16(&out_[end], answer.size);
            out_.insert(out_.end(), with.scratch.begin(),
                        with.scratch.begin() + static_cast<std::ptrdiff_t>(answer.size));
        }
        at += kLength + size;
        has_progress_ = true;
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
    if (in_.empty()) {
        in_ = {};  // an idle connection keeps no buffer
    }
    return true;
}

/// @returns false when the connection is broken.
bool TcpConnection::send() {
    while (sent_ < out_.size()) {
        const ssize_t done =
            ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            has_progress_ = false;
            return errno == EAGAIN;
        }
        sent_ += static_cast<std::size_t>(done);
        has_progress_ = true;
    }
    out_ = {};
    sent_ = 0;
    return true;
}

/// After each sending, so that no answer is taken for older than it is; until all are sent each
/// time counts for all.
void TcpConnection::remember(AnswerTimes& answer_times) {
    if (given_.empty()) {
        return;
    }
    const Tick now = tick_now();
    for (const zone::Answer& answer : given_) {
        answer_times.mark(answer, now);
    }
    if (out_.empty()) {
        given_ = {};
    }
}

}  // namespace rota::server
