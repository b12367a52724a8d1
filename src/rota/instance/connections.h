#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rota/base/error.h"

// Who is connected to the service on this instance. A drain watches the number fall, a load source
// sets it against a limit, and what is left at the end names the clients that did not let go.
namespace rota::instance {

struct PeerConnections {
    std::string address;  ///< an IPv4 peer of a dual-stack socket is written as IPv4
    std::size_t count = 0;
    bool operator==(const PeerConnections&) const = default;
};

/// Established TCP connections; those half closed, in TIME-WAIT and not yet complete are not in it.
struct Connections {
    std::size_t total = 0;
    std::vector<PeerConnections> peers;  ///< the busiest, at most kMostPeers, most first
    std::size_t distinct_peers = 0;      ///< at most kMostPeersSeen
    /// Octets that they have received and seen acknowledged since the last count of the same
    /// ConnectionWatch; nothing at its first, and where the kernel does not tell.
    std::optional<std::uint64_t> moved = std::nullopt;
    bool operator==(const Connections&) const = default;
};

inline constexpr std::size_t kMostPeers = 20;
inline constexpr std::size_t kMostPeersSeen = 4096;

/// The most ports that one count takes: each costs a walk over the kernel's table.
inline constexpr std::size_t kMostPorts = 16;

/// Counts the established connections whose local port is one of `ports`, of both families, in this
/// network namespace; at both ends of a connection within it only the end that has the port counts.
/// Asks sock_diag, where the kernel filters by port and state, and reads /proc/net/tcp and tcp6
/// where sock_diag may not be asked.
/// @errors config: no port, port 0 or too many; io: the system lets us see neither.
Result<Connections> count_connections(std::span<const std::uint16_t> ports);

/// Counts again and again, and sees what moves in between. One thread at a time.
class ConnectionWatch {
public:
    /// As count_connections, with `moved`. What a connection moved that came and went between two
    /// counts is not in it.
    Result<Connections> count(std::span<const std::uint16_t> ports);

private:
    /// Octets by the kernel's cookie of a connection; nothing before the first count.
    std::optional<std::unordered_map<std::uint64_t, std::uint64_t>> before_;
};

/// The most connections that a ConnectionWatch follows; with more it does not tell what moves.
inline constexpr std::size_t kMostWatched = std::size_t{1} << 17U;

/// The same from /proc alone. `proc` is where it is mounted.
Result<Connections> count_connections_in_proc(std::span<const std::uint16_t> ports,
                                              const std::string& proc = "/proc");

/// An established connection as a line of /proc/net/tcp or tcp6 has it.
struct ProcConnection {
    std::uint16_t local_port = 0;
    std::string peer;
};

/// @returns nothing for a heading, another state and whatever is not such a line.
std::optional<ProcConnection> parse_proc_connection(std::string_view line);

}  // namespace rota::instance
