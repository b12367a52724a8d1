#include "rota/server/port_holder.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/server/endpoint.h"

namespace rota::server {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";  // TCP_LISTEN in /proc/net/tcp

/// An address as the tables write it: each 32 bits of it as the machine's own number.
std::string table_address(std::span<const std::byte> octets) {
    std::string text;
    for (; octets.size() >= sizeof(std::uint32_t); octets = octets.subspan(sizeof(std::uint32_t))) {
        std::uint32_t word = 0;
        std::memcpy(&word, octets.data(), sizeof(word));
        text += fmt::format("{:08X}", word);
    }
    return text;
}

std::string table_address(const Endpoint& endpoint) {
    if (endpoint.family() == AF_INET) {
        const auto& address = reinterpret_cast<const sockaddr_in*>(endpoint.get())->sin_addr;
        return table_address(std::as_bytes(std::span{&address, 1}));
    }
    const auto& address = reinterpret_cast<const sockaddr_in6*>(endpoint.get())->sin6_addr;
    return table_address(std::as_bytes(std::span{&address, 1}));
}

bool is_any(std::string_view address) {
    return address.find_first_not_of('0') == std::string_view::npos;
}

/// The inodes of the sockets of one /proc/net table that are bound to a port and, unless one of the
/// two is every address, to the same address.
/// @param address  as in the table; nothing when the endpoint is every address.
std::set<std::string> find_inodes(const char* table, std::string_view address,
                                  const Endpoint& endpoint, bool listening_only) {
    std::set<std::string> inodes;
    std::ifstream file{table};
    std::string line;
    std::getline(file, line);  // the heading
    const std::string suffix = fmt::format(":{:04X}", endpoint.port());
    while (std::getline(file, line)) {
        // sl local_address rem_address st queues timer retransmits uid timeout inode …
        std::istringstream fields{line};
        std::string sl;
        std::string local;
        std::string remote;
        std::string state;
        std::string skip;
        std::string inode;
        fields >> sl >> local >> remote >> state >> skip >> skip >> skip >> skip >> skip >> inode;
        const std::string_view bound = std::string_view{local}.substr(0, local.find(':'));
        const bool is_in_the_way = endpoint.is_wildcard() || bound == address || is_any(bound);
        if (local.ends_with(suffix) && is_in_the_way && (!listening_only || state == kListening)) {
            inodes.insert(fmt::format("socket:[{}]", inode));
        }
    }
    return inodes;
}

/// The sockets that keep others from an endpoint. Ours speak one family each, so an IPv6 endpoint
/// is in the way of IPv6 sockets alone; an IPv4 one also of those that take both, which the tables
/// do not tell from those that do not: they are suspected when nobody else is there.
std::set<std::string> sockets_in_the_way(Socket kind, const Endpoint& endpoint) {
    const bool is_tcp = kind == Socket::tcp;
    const char* const table6 = is_tcp ? "/proc/net/tcp6" : "/proc/net/udp6";
    const std::string address = table_address(endpoint);
    if (endpoint.family() == AF_INET6) {
        return find_inodes(table6, address, endpoint, is_tcp);
    }
    auto inodes =
        find_inodes(is_tcp ? "/proc/net/tcp" : "/proc/net/udp", address, endpoint, is_tcp);
    if (inodes.empty()) {
        constexpr std::array kMapped{std::byte{0}, std::byte{0}, std::byte{0xFF}, std::byte{0xFF}};
        const std::string prefix = std::string(16, '0') + table_address(kMapped);
        inodes = find_inodes(table6, prefix + address, endpoint, is_tcp);
    }
    return inodes;
}

bool has_any_open(const fs::path& process, const std::set<std::string>& inodes) {
    std::error_code error;
    for (const auto& fd : fs::directory_iterator{process / "fd", error}) {
        const fs::path target = fs::read_symlink(fd.path(), error);
        if (!error && inodes.contains(target.string())) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::string holder_of(Socket kind, const Endpoint& endpoint) {
    const std::set<std::string> inodes = sockets_in_the_way(kind, endpoint);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{"/proc", error}) {
        const std::string pid = entry.path().filename().string();
        const bool is_process = pid.find_first_not_of("0123456789") == std::string::npos;
        if (inodes.empty() || !is_process || !has_any_open(entry.path(), inodes)) {
            continue;
        }
        std::string name;
        std::ifstream{entry.path() / "comm"} >> name;
        return fmt::format("process {} ({})", pid, name);
    }
    return {};
}

}  // namespace rota::server
