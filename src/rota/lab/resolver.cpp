#include "rota/lab/resolver.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/lab/dns_question.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/resolver_cache.h"

namespace rota::lab {
namespace {

constexpr int kTries = 3;
constexpr std::chrono::seconds kTryTimeout{1};

Result<sockaddr_in> parse_server(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    sockaddr_in server{};
    server.sin_family = AF_INET;
    if (colon == std::string::npos ||
        ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &server.sin_addr) != 1) {
        return fail(ErrorKind::usage, "not an IPv4 ADDRESS:PORT: " + text);
    }
    const int port = std::atoi(text.c_str() + colon + 1);
    server.sin_port = htons(static_cast<std::uint16_t>(port));
    return server;
}

}  // namespace

Result<std::unique_ptr<Resolver>> Resolver::create(EventLoop& loop, const std::string& server,
                                                   dns::Name name, std::uint64_t seed) {
    const sockaddr_in peer = ROTA_TRY(parse_server(server));
    Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
        return fail_errno("cannot open a socket towards " + server, errno);
    }
    std::unique_ptr<Resolver> resolver{
        new Resolver{loop, std::move(socket), std::move(name), seed}};
    loop.watch(resolver->socket_.get(), EventLoop::kReadable,
               [self = resolver.get()](std::uint32_t) { self->on_readable(); });
    return resolver;
}

Resolver::Resolver(EventLoop& loop, Fd socket, dns::Name name, std::uint64_t seed)
    : loop_{loop}, socket_{std::move(socket)}, name_{std::move(name)}, rng_{seed} {}

void Resolver::resolve(Done done) {
    ++counters_.look_ups;
    auto [outcome, address] = cache_.look_up(boot_now());
    if (outcome == ResolverCache::Outcome::hit) {
        ++counters_.hits;
        done(std::move(address));
        return;
    }
    waiting_.push_back(std::move(done));
    if (outcome == ResolverCache::Outcome::miss) {
        tries_left_ = kTries;
        send_query();
    }
}

void Resolver::send_query() {
    --tries_left_;
    ++counters_.queries;
    query_id_ = static_cast<std::uint16_t>(rng_.next());
    timer_ = loop_.at(boot_now() + kTryTimeout, [this](BootTime) { on_timeout(); });
    const std::vector<std::uint8_t> query = address_query(query_id_, name_);
    // A refused datagram shows as the time-out that follows.
    ::send(socket_.get(), query.data(), query.size(), MSG_NOSIGNAL);
}

void Resolver::on_timeout() {
    timer_.reset();
    if (tries_left_ > 0) {
        send_query();
    } else {
        finish(fail(ErrorKind::timeout, "the name server did not answer"));
    }
}

void Resolver::on_readable() {
    std::array<std::uint8_t, 4096> buffer{};
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 || !timer_) {
        return;  // an ICMP error, or an answer that came too late
    }
    const auto answer =
        parse_answer(std::span{buffer}.first(static_cast<std::size_t>(count)), query_id_, name_);
    if (!answer) {
        return;  // not the answer to our question
    }
    if (!answer->address) {
        finish(fail(ErrorKind::not_found,
                    fmt::format("the name has no address ({})", dns::to_text(answer->rcode))));
        return;
    }
    cache_.store(*answer->address, answer->ttl, boot_now());
    finish(*answer->address);
}

void Resolver::finish(const Result<std::string>& address) {
    if (timer_) {
        loop_.cancel(*timer_);
        timer_.reset();
    }
    if (!address) {
        cache_.fail();
        ++counters_.failures;
    }
    // Those who wait may ask again at once; they then wait for the next answer.
    const std::vector<Done> waiting = std::exchange(waiting_, {});
    for (const Done& done : waiting) {
        done(address);
    }
}

}  // namespace rota::lab
