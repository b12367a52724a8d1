#include "rota/instance/connections.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/text.h"

namespace rota::instance {
namespace {

std::string text_of(int family, const void* octets) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    return ::inet_ntop(family, octets, text.data(), text.size()) == nullptr ? std::string{}
                                                                            : text.data();
}

/// 16 octets as IPv6, or as the IPv4 address that they stand for.
std::string text_of_ipv6(const in6_addr& address) {
    constexpr std::size_t kMappedPrefix = 12;  // of ::ffff:0:0/96
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        return text_of(AF_INET, &address.s6_addr[kMappedPrefix]);
    }
    return text_of(AF_INET6, &address);
}

/// Octets by the cookie of a connection.
using OctetsByCookie = std::unordered_map<std::uint64_t, std::uint64_t>;

/// Counts by peer, in bounded memory.
class Tally {
public:
    /// What the connections have moved so far, as far as it was asked for and told.
    std::optional<OctetsByCookie> octets;

    void add(const std::string& peer) {
        ++total_;
        if (const auto found = peers_.find(peer); found != peers_.end()) {
            ++found->second;
        } else if (peers_.size() < kMostPeersSeen) {
            peers_.emplace(peer, 1);
        }
    }

    [[nodiscard]] Connections result() const {
        Connections out{.total = total_, .peers = {}, .distinct_peers = peers_.size()};
        for (const auto& [address, count] : peers_) {
            out.peers.push_back({.address = address, .count = count});
        }
        std::ranges::stable_sort(out.peers, [](const auto& a, const auto& b) {
            return a.count > b.count;  // then by address, as the map has them
        });
        out.peers.resize(std::min(out.peers.size(), kMostPeers));
        return out;
    }

private:
    std::size_t total_ = 0;
    std::map<std::string, std::size_t> peers_;
};

bool has(std::span<const std::uint16_t> ports, std::uint16_t port) {
    return std::ranges::find(ports, port) != ports.end();
}

Status check_ports(std::span<const std::uint16_t> ports) {
    if (ports.empty() || ports.size() > kMostPorts || has(ports, 0)) {
        return fail(ErrorKind::config,
                    fmt::format("connections are counted on 1 to {} local ports from 1 to 65535",
                                kMostPorts));
    }
    return {};
}

/// A structure that may lie unaligned in `octets` at `at`; nothing when they end before it.
template <typename Structure>
std::optional<Structure> structure_at(std::span<const std::byte> octets, std::size_t at) {
    if (at > octets.size() || octets.size() - at < sizeof(Structure)) {
        return std::nullopt;
    }
    Structure out{};
    std::memcpy(&out, octets.data() + at, sizeof out);
    return out;
}

/// TCP_ESTABLISHED, whose header does not go with that of tcp_info.
constexpr unsigned kEstablished = 1;

/// @param wants_traffic  asks for tcp_info too: 230 octets more a connection.
Status ask_diag(int socket, int family, std::uint16_t port, bool wants_traffic) {
    struct Question {
        nlmsghdr header;
        inet_diag_req_v2 request;
    };

    Question question{};
    question.header.nlmsg_len = sizeof question;
    question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    question.request.sdiag_family = static_cast<std::uint8_t>(family);
    question.request.sdiag_protocol = IPPROTO_TCP;
    question.request.idiag_states = 1U << kEstablished;
    question.request.id.idiag_sport = htons(port);
    if (wants_traffic) {
        question.request.idiag_ext = 1U << (INET_DIAG_INFO - 1U);
    }
    if (::send(socket, &question, sizeof question, 0) < 0) {
        return fail_errno("sock_diag", errno);
    }
    return {};
}

std::size_t aligned(std::size_t size) noexcept {
    constexpr std::size_t kAlignment = 4;  // of NLMSG_ALIGN and RTA_ALIGN
    return (size + kAlignment - 1) / kAlignment * kAlignment;
}

/// Octets received and acknowledged, from the tcp_info among a message's attributes; nothing where
/// there is none, as before Linux 4.1.
std::optional<std::uint64_t> octets_in(std::span<const std::byte> message) {
    std::size_t at = sizeof(nlmsghdr) + aligned(sizeof(inet_diag_msg));
    while (const auto attribute = structure_at<rtattr>(message, at)) {
        if (attribute->rta_len < sizeof(rtattr)) {
            return std::nullopt;
        }
        if (attribute->rta_type == INET_DIAG_INFO) {
            constexpr std::size_t kNeeded =
                offsetof(tcp_info, tcpi_bytes_received) + sizeof(tcp_info::tcpi_bytes_received);
            const std::size_t begin = at + sizeof(rtattr);
            const std::size_t size = attribute->rta_len - sizeof(rtattr);
            if (size < kNeeded || message.size() - begin < kNeeded) {
                return std::nullopt;
            }
            tcp_info info{};
            std::memcpy(&info, message.data() + begin, kNeeded);
            return info.tcpi_bytes_acked + info.tcpi_bytes_received;
        }
        at += aligned(attribute->rta_len);
    }
    return std::nullopt;
}

void note_traffic(const inet_diag_msg& connection, std::span<const std::byte> message,
                  Tally& tally) {
    if (!tally.octets) {
        return;
    }
    const auto octets = octets_in(message);
    if (!octets || tally.octets->size() >= kMostWatched) {
        tally.octets.reset();
        return;
    }
    constexpr unsigned kHalf = 32;
    const std::uint64_t cookie =
        (std::uint64_t{connection.id.idiag_cookie[1]} << kHalf) | connection.id.idiag_cookie[0];
    tally.octets->emplace(cookie, *octets);
}

/// @returns whether the answer ends here.
Result<bool> take_datagram(std::span<const std::byte> datagram, std::uint16_t port, Tally& tally) {
    std::size_t at = 0;
    while (const auto header = structure_at<nlmsghdr>(datagram, at)) {
        if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size() - at) {
            return fail(ErrorKind::io, "sock_diag: a message that is cut");
        }
        const auto message = datagram.subspan(at, header->nlmsg_len);
        if (header->nlmsg_type == NLMSG_DONE) {
            return true;
        }
        if (header->nlmsg_type == NLMSG_ERROR) {
            const auto problem = structure_at<nlmsgerr>(message, sizeof(nlmsghdr));
            return fail_errno("sock_diag", problem ? -problem->error : EPROTO);
        }
        if (const auto found = structure_at<inet_diag_msg>(message, sizeof(nlmsghdr));
            found && ntohs(found->id.idiag_sport) == port) {
            if (found->idiag_family == AF_INET) {
                tally.add(text_of(AF_INET, &found->id.idiag_dst[0]));
            } else {
                tally.add(text_of_ipv6(std::bit_cast<in6_addr>(found->id.idiag_dst)));
            }
            note_traffic(*found, message, tally);
        }
        at += aligned(message.size());
    }
    return false;
}

Status read_answer(int socket, std::uint16_t port, Tally& tally) {
    constexpr std::size_t kLongest = 32768;  // the kernel's largest part of a dump
    std::vector<std::byte> buffer(kLongest);
    while (true) {
        const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return fail_errno("sock_diag", errno);
        }
        const auto datagram = std::span{buffer}.first(static_cast<std::size_t>(size));
        if (ROTA_TRY(take_datagram(datagram, port, tally))) {
            return {};
        }
    }
}

template <typename Number>
std::optional<Number> parse_hex(std::string_view text) {
    constexpr int kHexadecimal = 16;
    return parse_number<Number>(text, kHexadecimal);
}

/// The kernel prints the octets of an address as 32-bit words in its own order of octets.
std::string peer_text(std::string_view hex) {
    constexpr std::size_t kWordDigits = 8;
    std::array<std::uint32_t, 4> words{};
    const std::size_t count = hex.size() / kWordDigits;
    if (hex.size() % kWordDigits != 0 || (count != 1 && count != words.size())) {
        return {};
    }
    for (std::size_t i = 0; i < count; ++i) {
        const auto word = parse_hex<std::uint32_t>(hex.substr(i * kWordDigits, kWordDigits));
        if (!word) {
            return {};
        }
        words.at(i) = *word;
    }
    return count == 1 ? text_of(AF_INET, words.data())
                      : text_of_ipv6(std::bit_cast<in6_addr>(words));
}

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const auto word = line.substr(0, line.find_first_of(" \t\n"));
    line.remove_prefix(word.size());
    return word;
}

/// @returns whether the file is there.
bool read_proc_file(const std::string& path, std::span<const std::uint16_t> ports, Tally& tally) {
    std::ifstream file{path};
    if (!file) {
        return false;
    }
    std::string line;
    while (std::getline(file, line)) {
        const auto connection = parse_proc_connection(line);
        if (connection && has(ports, connection->local_port)) {
            tally.add(connection->peer);
        }
    }
    return true;
}

Result<Tally> count_in_proc(std::span<const std::uint16_t> ports, const std::string& proc) {
    Tally tally;
    const bool has_ipv4 = read_proc_file(proc + "/net/tcp", ports, tally);
    const bool has_ipv6 = read_proc_file(proc + "/net/tcp6", ports, tally);
    if (!has_ipv4 && !has_ipv6) {
        return fail(ErrorKind::io, fmt::format("{}/net/tcp cannot be read", proc));
    }
    return tally;
}

Result<Tally> count_by_diag(std::span<const std::uint16_t> ports, bool wants_traffic) {
    const Fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
    if (!socket) {
        return fail_errno("sock_diag", errno);
    }
    constexpr timeval kPatience{.tv_sec = 2, .tv_usec = 0};
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0) {
        return fail_errno("sock_diag", errno);
    }
    Tally tally;
    if (wants_traffic) {
        tally.octets.emplace();
    }
    for (const auto port : ports) {
        for (const int family : {AF_INET, AF_INET6}) {
            ROTA_CHECK(ask_diag(socket.get(), family, port, wants_traffic));
            ROTA_CHECK(read_answer(socket.get(), port, tally));
        }
    }
    return tally;
}

/// By sock_diag, else from /proc, which tells no traffic.
Result<Tally> count_somehow(std::span<const std::uint16_t> ports, bool wants_traffic) {
    ROTA_CHECK(check_ports(ports));
    auto counted = count_by_diag(ports, wants_traffic);
    if (counted) {
        return counted;
    }
    auto read = count_in_proc(ports, "/proc");
    if (!read) {
        return fail(ErrorKind::io, fmt::format("connections cannot be counted: {}; {}",
                                               counted.error().message, read.error().message));
    }
    return read;
}

}  // namespace

std::optional<ProcConnection> parse_proc_connection(std::string_view line) {
    static_cast<void>(next_word(line));  // its number
    const std::string_view local = next_word(line);
    const std::string_view remote = next_word(line);
    const auto local_colon = local.rfind(':');
    if (next_word(line) != "01" || local_colon == std::string_view::npos) {
        return std::nullopt;
    }
    const auto port = parse_hex<std::uint16_t>(local.substr(local_colon + 1));
    std::string peer = peer_text(remote.substr(0, remote.rfind(':')));
    if (!port || peer.empty()) {
        return std::nullopt;
    }
    return ProcConnection{.local_port = *port, .peer = std::move(peer)};
}

Result<Connections> count_connections_in_proc(std::span<const std::uint16_t> ports,
                                              const std::string& proc) {
    ROTA_CHECK(check_ports(ports));
    return ROTA_TRY(count_in_proc(ports, proc)).result();
}

Result<Connections> count_connections(std::span<const std::uint16_t> ports) {
    return ROTA_TRY(count_somehow(ports, false)).result();
}

Result<Connections> ConnectionWatch::count(std::span<const std::uint16_t> ports) {
    Tally tally = ROTA_TRY(count_somehow(ports, true));
    Connections counted = tally.result();
    if (tally.octets && before_) {
        std::uint64_t moved = 0;
        for (const auto& [cookie, octets] : *tally.octets) {
            const auto former = before_->find(cookie);
            moved += octets - std::min(octets, former == before_->end() ? 0 : former->second);
        }
        counted.moved = moved;
    }
    before_ = std::move(tally.octets);
    return counted;
}

}  // namespace rota::instance
