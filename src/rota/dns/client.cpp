#include "rota/dns/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/text.h"
#include "rota/dns/message.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/dns/value_text.h"

namespace rota::dns {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxMessage = 65535;

struct Endpoint {
    sockaddr_storage address{};
    socklen_t size = 0;
};

std::unexpected<Error> refuse_server(std::string_view server) {
    return fail(ErrorKind::bad_input,
                fmt::format("'{}' is no DNS server; give ADDRESS:PORT or [ADDRESS]:PORT", server));
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    const auto port = rota::parse_number<std::uint16_t>(text);
    return port && *port != 0 ? port : std::nullopt;
}

template <typename Address>
Endpoint endpoint_of(const Address& address) {
    Endpoint endpoint;
    std::memcpy(&endpoint.address, &address, sizeof(address));
    endpoint.size = sizeof(address);
    return endpoint;
}

Result<Endpoint> parse_endpoint(std::string_view server) {
    std::string_view host = server;
    std::string_view port = "53";
    if (const std::size_t bracket = server.rfind(']');
        server.starts_with('[') && bracket != std::string_view::npos) {
        host = server.substr(1, bracket - 1);
        const std::string_view rest = server.substr(bracket + 1);
        if (!rest.empty() && !rest.starts_with(':')) {
            return refuse_server(server);
        }
        port = rest.empty() ? port : rest.substr(1);
    } else if (std::ranges::count(server, ':') == 1) {
        host = server.substr(0, server.find(':'));
        port = server.substr(server.find(':') + 1);
    }
    const auto number = port_of(port);
    if (!number) {
        return refuse_server(server);
    }
    if (const auto octets = parse_address(host, 4)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(*number);
        std::memcpy(&address.sin_addr, octets->data(), octets->size());
        return endpoint_of(address);
    }
    if (const auto octets = parse_address(host, 16)) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(*number);
        std::memcpy(&address.sin6_addr, octets->data(), octets->size());
        return endpoint_of(address);
    }
    return refuse_server(server);
}

/// One question to one server, over both transports.
class Asking {
public:
    Asking(std::string_view server, const Endpoint& endpoint, Message question, BootTime deadline)
        : server_{server},
          endpoint_{endpoint},
          question_{std::move(question)},
          octets_{encode_message(question_)},
          deadline_{deadline} {}

    [[nodiscard]] Result<Message> over_udp(milliseconds try_timeout) const {
        const Fd socket = ROTA_TRY(connected(SOCK_DGRAM));
        for (;;) {
            if (send(socket.get(), octets_.data(), octets_.size(), MSG_NOSIGNAL) < 0) {
                return failed("cannot be asked", errno);
            }
            const BootTime try_until = std::min(boot_now() + try_timeout, deadline_);
            auto answer = ROTA_TRY(receive_datagram(socket.get(), try_until));
            if (answer) {
                return *std::move(answer);
            }
            if (boot_now() >= deadline_) {
                return timed_out("UDP");
            }
        }
    }

    [[nodiscard]] Result<Message> over_tcp() const {
        const Fd socket = ROTA_TRY(connected(SOCK_STREAM));
        std::vector<std::uint8_t> out{static_cast<std::uint8_t>(octets_.size() >> 8U),
                                      static_cast<std::uint8_t>(octets_.size())};
        out.insert(out.end(), octets_.begin(), octets_.end());
        ROTA_CHECK(write_all(socket.get(), out));
        std::array<std::uint8_t, 2> length{};
        ROTA_CHECK(read_all(socket.get(), length));
        std::vector<std::uint8_t> in((std::size_t{length[0]} << 8U) | length[1]);
        ROTA_CHECK(read_all(socket.get(), in));
        auto answer = ROTA_TRY(parse_message(in));
        if (!is_answer(answer)) {
            return fail(ErrorKind::bad_input,
                        fmt::format("DNS server {} answered another question over TCP", server_));
        }
        return answer;
    }

private:
    [[nodiscard]] bool is_answer(const Message& message) const {
        // A server that cannot read the question may leave it out (RFC 1035 says nothing).
        const bool same_question = message.questions == question_.questions ||
                                   (message.questions.empty() && message.rcode != Rcode::noerror);
        return message.is_response && message.id == question_.id && same_question;
    }

    [[nodiscard]] std::unexpected<Error> failed(std::string_view what, int number) const {
        return fail(ErrorKind::unavailable,
                    fmt::format("DNS server {} {}: {}", server_, what,
                                std::generic_category().message(number)),
                    true);
    }

    [[nodiscard]] std::unexpected<Error> timed_out(std::string_view transport) const {
        const auto& question = question_.questions.front();
        return fail(ErrorKind::timeout,
                    fmt::format("DNS server {} did not answer {} {} over {} in time", server_,
                                question.name.to_text(), to_string(question.type), transport),
                    true);
    }

    /// Waits for the events; false when `until` came first.
    [[nodiscard]] Result<bool> wait(int fd, short events, BootTime until) const {
        for (;;) {
            const auto left = std::chrono::ceil<milliseconds>(until - boot_now());
            pollfd entry{.fd = fd, .events = events, .revents = 0};
            const int ready = poll(
                &entry, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
            if (ready > 0) {
                return true;
            }
            if (ready < 0 && errno != EINTR) {
                return fail_errno("poll", errno);
            }
            if (boot_now() >= until) {
                return false;
            }
        }
    }

    [[nodiscard]] Result<Fd> connected(int type) const {
        Fd socket{::socket(endpoint_.address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        if (!socket) {
            return fail_errno("socket", errno);
        }
        if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&endpoint_.address),
                    endpoint_.size) == 0) {
            return socket;
        }
        if (errno != EINPROGRESS) {
            return failed("cannot be reached", errno);
        }
        if (!ROTA_TRY(wait(socket.get(), POLLOUT, deadline_))) {
            return timed_out("TCP");
        }
        int error = 0;
        socklen_t size = sizeof(error);
        if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            return failed("cannot be reached", error);
        }
        return socket;
    }

    /// The answer, or nothing when none came until then.
    [[nodiscard]] Result<std::optional<Message>> receive_datagram(int fd, BootTime until) const {
        std::vector<std::uint8_t> buffer(kMaxMessage);
        while (ROTA_TRY(wait(fd, POLLIN, until))) {
            const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
            if (size < 0) {
                if (errno == EAGAIN || errno == EINTR) {
                    continue;
                }
                return failed("does not answer", errno);
            }
            auto message = parse_message(std::span{buffer}.first(static_cast<std::size_t>(size)));
            if (message && is_answer(*message)) {
                return *std::move(message);
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] Status write_all(int fd, std::span<const std::uint8_t> octets) const {
        while (!octets.empty()) {
            if (!ROTA_TRY(wait(fd, POLLOUT, deadline_))) {
                return timed_out("TCP");
            }
            const ssize_t written = send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
            if (written < 0 && errno != EAGAIN && errno != EINTR) {
                return failed("hung up", errno);
            }
            octets = octets.subspan(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
        }
        return {};
    }

    [[nodiscard]] Status read_all(int fd, std::span<std::uint8_t> octets) const {
        while (!octets.empty()) {
            if (!ROTA_TRY(wait(fd, POLLIN, deadline_))) {
                return timed_out("TCP");
            }
            const ssize_t size = recv(fd, octets.data(), octets.size(), 0);
            if (size == 0) {
                return failed("hung up", ECONNRESET);
            }
            if (size < 0 && errno != EAGAIN && errno != EINTR) {
                return failed("hung up", errno);
            }
            octets = octets.subspan(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        }
        return {};
    }

    std::string server_;
    Endpoint endpoint_;
    Message question_;
    std::vector<std::uint8_t> octets_;
    BootTime deadline_;
};

/// Unpredictable, with the kernel's random source port: what keeps strangers from answering.
Result<std::uint16_t> random_id() {
    std::uint16_t id = 0;
    if (getrandom(&id, sizeof(id), 0) != static_cast<ssize_t>(sizeof(id))) {
        return fail_errno("getrandom", errno);
    }
    return id;
}

}  // namespace

Result<Message> query(std::string_view server, const Name& name, Type type, BootTime deadline,
                      const QueryOptions& options) {
    const auto endpoint = ROTA_TRY(parse_endpoint(server));
    auto question = make_query(name, type, ROTA_TRY(random_id()), options.edns);
    question.recursion_desired = options.recursion_desired;
    const Asking asking{server, endpoint, std::move(question), deadline};
    auto answer = ROTA_TRY(asking.over_udp(options.try_timeout));
    return answer.truncated ? asking.over_tcp() : std::move(answer);
}

}  // namespace rota::dns
